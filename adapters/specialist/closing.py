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
Position = Callable[[Element], str]


def close(tree: Tree, account: Account, position: Position) -> Losses:
    """Lines for all that is open, and the account closed. `position`: XPath of an element."""
    rest: list[tuple[Element, str]] = []
    units: dict[Element, int] = {}
    above: dict[Element, Element] = {}
    for node in tree.nodes:
        items = node.items
        if OPEN not in items.values():
            continue
        if items.keys() <= _STRUCTURAL or _is_fixed(node):
            count = list(items.values()).count(OPEN) - _foreseen(node, account, position)
        else:
            count = _told_apart(node, account, position, rest)
        if count:
            unit = _unit(node, above)
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
    found = [name for name, state in node.items.items() if state == OPEN]
    foreseen = _foreseen(node, account, position)
    left = [n for n in found if n not in _STRUCTURAL and not _says_nothing(node, n)]
    told = [n for n in left if not foreseen or node.items[n] == OPEN]
    rest += [(node, n) for n in told if n == TAIL]
    rest += [(node, n) for n in told if n != TAIL]
    return len(found) - len(left)


def _foreseen(node: Element, account: Account, position: Position) -> int:
    """Lines of what says nothing new, closed; how many they are."""
    items = node.items
    known = items.get("code") != OPEN and bool(node.attrib.get("code"))
    name = "displayName" if known else "value"
    if items.get(name) != OPEN or not (known or _points(node)):
        return 0
    account.line(node, f"{position(node)}/@{name}", 1, "not-mapped", "duplicate")
    return account.close_item(node, name)


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


def _unit(node: Element, known: dict[Element, Element]) -> Element:
    """The entry that an element is in, else the child of the root, else the root."""
    unit = known.get(node)
    if unit is None:
        parent = node.parent
        top = parent is None or parent.parent is None or node.name in ("entry", "section")
        unit = known[node] = node if top or parent is None else _unit(parent, known)
    return unit


def _step_of(name: str) -> str:
    """The last step of an item's position; a narrative is its element."""
    if name == NARRATIVE:
        return ""
    return f"/@{name.rpartition('}')[2]}" if name[0] != "/" else "/text()[1]"
