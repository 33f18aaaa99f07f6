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
    """Closes all that is open, and the account. `position`: XPath of an element."""
    rest: list[tuple[Element, str]] = []
    units: dict[Element, int] = {}
    above: dict[Element, Element] = {}
    for node in tree.nodes:
        items = node.items
        if OPEN not in items.values():
            continue
        known = items.get("code") != OPEN and "code" in node.attrib
        fixed = _is_fixed(node)
        for name in [name for name, state in items.items() if state == OPEN]:
            if _is_foreseen(node, name, known):
                account.line(node, f"{position(node)}/@{name}", 1, "not-mapped", "duplicate")
                account.close_item(node, name)
            elif fixed or name in _STRUCTURAL or _says_nothing(node, name):
                unit = _unit(node, above)
                units[unit] = units.get(unit, 0) + 1
                account.close_item(node, name)
        if OPEN in items.values():
            rest += [(node, name) for name in _rest(items)]
    for unit, count in units.items():
        account.line(unit, position(unit), count, "not-mapped", "structural")
    for node, name in rest:
        account.close_item(node, name)
        account.line(node, position(node) + _step_of(name), 1, "not-mapped", "no-target")
    return account.close()


def _rest(items: dict[str, int]) -> list[str]:
    """Open items in document order; words behind an element come first, as part of what it stands in."""
    found = [name for name, state in items.items() if state == OPEN]
    return found if TAIL not in found else [TAIL, *(name for name in found if name != TAIL)]


def _is_foreseen(node: Element, name: str, known: bool) -> bool:
    """`known`: the node's code was taken."""
    if name == "displayName":
        return known and bool(node.attrib["code"])
    return name == "value" and node.name == "reference" and peek(node, "value").startswith("#")


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
