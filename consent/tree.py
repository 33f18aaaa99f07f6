"""How a tree of provisions is judged (consent.md 6, "Evaluating a tree"); the request side is folded
beforehand.

Permit node: (1) its deny children stand alone and are heard first, (2) both sides match, (3) permit children
widen, (4) else the strongest of its children and its own LIMIT or NA. Deny node: (1) its deny children stand
alone, (2) its own match, unless a permit child excepts it; the stronger counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from consent.facts import Facts
from consent.provision import Asked, Provision, T, U, data_side, request_side

NA, LIMIT, PERMIT, DENY, DENY_EMERGENCY = range(5)
"""What L3 says; the strongest wins."""
VALUES = ("NA", "LIMIT", "PERMIT", "DENY", "DENY!")


@dataclass(frozen=True, slots=True)
class Node:
    """A provision with what it inherited in `rule`, and its request side answered in `asked`."""

    rule: Provision
    permit: bool
    asked: bool
    refusal: int
    """What a match of a deny means: DENY, or DENY! if its own purposes name emergencies."""
    denies: tuple["Node", ...]
    permits: tuple["Node", ...]
    stated: tuple[str, ...] = ()
    """What `rule` lists, for the trace: the same for every resource."""

    def matches(self, facts: Facts) -> bool:
        """Both sides; the unknown counts as false in a permit and as true in a deny."""
        return self.asked and data_side(self.rule, facts, self.permit) >= (T if self.permit else U)


Judged = tuple[int, Node]
"""The value, and the node that it came from."""


def fold(provision: Provision, asked: Asked, *, names_emergency: bool | None = None) -> Node:
    """Answer the request side of a whole tree, once for a bundle."""
    permit = provision.type == "permit"
    own = provision.names_emergency if names_emergency is None else names_emergency
    children = [
        fold(_inherited(provision, child), asked, names_emergency=child.names_emergency)
        for child in provision.children
    ]
    return Node(
        rule=provision,
        permit=permit,
        asked=request_side(provision, asked) >= (T if permit else U),
        refusal=DENY_EMERGENCY if own else DENY,
        denies=tuple(child for child in children if not child.permit),
        permits=tuple(child for child in children if child.permit),
        stated=tuple(provision.stated()),
    )


def _inherited(parent: Provision, child: Provision) -> Provision:
    """Under a permit a deny takes period and purpose, a permit the request side; under a deny nothing."""
    if parent.type == "deny":
        return child
    names = ("period", "purposes") if child.type == "deny" else ("period", "purposes", "actors", "actions")
    return replace(child, **{name: getattr(parent, name) for name in names if getattr(child, name) is None})


def judge(node: Node, facts: Facts) -> Judged:
    """What this tree says of one resource."""
    return _permit(node, facts) if node.permit else _deny(node, facts)


def _permit(node: Node, facts: Facts) -> Judged:
    refusal = _strongest((judge(child, facts) for child in node.denies), (NA, node))
    if refusal[0] >= DENY:
        return refusal
    if node.matches(facts):
        return PERMIT, node
    own: Judged = (LIMIT if node.asked else NA, node)
    children = [judge(child, facts) for child in node.permits]
    widened = next((found for found in children if found[0] == PERMIT), None)
    return widened or _strongest(children, own)


def _deny(node: Node, facts: Facts) -> Judged:
    refusal = _strongest((judge(child, facts) for child in node.denies), (NA, node))
    below: Judged = refusal if refusal[0] >= DENY else (NA, node)
    own: Judged = (NA, node)
    if node.matches(facts):
        exception = next(
            (found for found in (judge(child, facts) for child in node.permits) if found[0] == PERMIT), None
        )
        if exception is None:
            own = (node.refusal, node)
        elif not node.rule.has_data_side:
            own = exception
    return own if own[0] >= below[0] else below


def _strongest(found: Iterable[Judged], start: Judged) -> Judged:
    """The first of the strongest."""
    best = start
    for item in found:
        if item[0] > best[0]:
            best = item
    return best
