"""The end of a document's account: what nobody took, in lines of three kinds.

Pointers at narrative and words of codes that were taken say nothing new (`duplicate`); the scaffolding of XML
is one line for each entry (`structural`); all else has a line of its own (`no-target`).
"""

from collections.abc import Callable

from adapters.losses import Losses
from adapters.specialist.account import Account
from adapters.specialist.markup import find, peek
from adapters.specialist.tree import NARRATIVE, OPEN, TAIL, Element, Tree

_STRUCTURAL = frozenset(
    "classCode moodCode typeCode contextConductionInd contextControlCode determinerCode inversionInd "
    "independentInd codeSystemName mediaType representation institutionSpecified operator".split()
)
# Codes that only say which kind of statement a node is; the template or the place says the same.
_FIXED = frozenset(
    "ASSERTION CONC SEV 33999-4 82606-5 48767-8 445518008 SECCLASSOBS SECCATOBS SECCONOBS SECCONTROLOBS "
    "SECINTOBS 48765-2 29308-4 11535-2 10219-4 10183-2 48766-0 75303-8 IMMUNIZ DRUG PINSTRUCT "
    "404684003".split()
)
_SAYS_NOTHING = frozenset({"NI", "UNK", "NA", "NP"})
_UNITS = frozenset({"entry", "section"})
Position = Callable[[Element], str]


def close(tree: Tree, account: Account, position: Position) -> Losses:
    """Lines for all that is open, and the account closed. `position`: XPath of an element."""
    rest: list[tuple[Element, str]] = []
    units: dict[Element, int] = {}
    for node in tree.nodes:
        items = node.items
        if OPEN not in items.values():
            continue
        if items.keys() <= _STRUCTURAL:
            count = list(items.values()).count(OPEN)
        else:
            count = _told_apart(node, account, position, rest)
        if count:
            unit = _unit(node)
            units[unit] = units.get(unit, 0) + count
    for unit, count in units.items():
        account.line(unit, position(unit), count, "not-mapped", "structural")
    for node, name in rest:
        account.line(node, position(node) + _step_of(name), 1, "not-mapped", "no-target")
    return account.close(len(rest) + sum(units.values()))


def _told_apart(node: Element, account: Account, position: Position, rest: list[tuple[Element, str]]) -> int:
    """How many open items are scaffolding; to `rest` what is neither that nor foreseen.

    Words behind an element come first there, as part of what it stands in.
    """
    items, fixed, count = node.items, _is_fixed(node), 0
    if "displayName" in items or node.name == "reference":
        _drop_foreseen(node, account, position)
    if items.get(TAIL) == OPEN and not fixed:
        rest.append((node, TAIL))
    for name, state in items.items():
        if state != OPEN:
            continue
        if fixed or name in _STRUCTURAL or _says_nothing(node, name):
            count += 1
        elif name != TAIL:
            rest.append((node, name))
    return count


def _drop_foreseen(node: Element, account: Account, position: Position) -> None:
    """A line for what says nothing new."""
    items = node.items
    known = items.get("code") != OPEN and bool(node.attrib.get("code"))
    name = "displayName" if known else "value"
    if items.get(name) == OPEN and (known or _points(node)):
        account.line(node, f"{position(node)}/@{name}", 1, "not-mapped", "duplicate")
        account.close_item(node, name)


def _points(node: Element) -> bool:
    """A reference to a passage of the narrative."""
    return node.name == "reference" and peek(node, "value").startswith("#")


def _says_nothing(node: Element, name: str) -> bool:
    return name == "nullFlavor" and peek(node, "nullFlavor") in _SAYS_NOTHING


def _is_fixed(node: Element) -> bool:
    """A code that says which kind of node it stands in, the status of a node inside of another."""
    if node.name == "statusCode":
        holder = node.parent
        above = holder.parent if holder is not None else None
        code = peek(find(holder, "code"), "code")
        return code == "CONC" or (above is not None and above.name == "entryRelationship")
    return node.name == "code" and peek(node, "code") in _FIXED


def _unit(node: Element) -> Element:
    """The entry or section that an element is in, else the child of the root, else the root."""
    unit = node
    while unit.name not in _UNITS and unit.parent is not None and unit.parent.parent is not None:
        unit = unit.parent
    return unit


def _step_of(name: str) -> str:
    """The last step of an item's position; a narrative is its element."""
    if name == NARRATIVE:
        return ""
    return f"/@{name.rpartition('}')[2]}" if name[0] != "/" else "/text()[1]"
