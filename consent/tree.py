"""How a tree of provisions is judged (consent.md 6, "Evaluating a tree"); the request side is folded
beforehand.

Permit node: (1) its deny children stand alone and are heard first, (2) both sides match, (3) permit children
widen, (4) else the strongest of its children and its own LIMIT or NA. Deny node: (1) its deny children stand
alone, (2) its own match, unless a permit child excepts it; the stronger counts.
"""

from dataclasses import replace

import msgspec

from consent.facts import Facts
from consent.provision import Asked, Provision, T, U, data_side, request_side

NA, LIMIT, PERMIT, DENY, DENY_EMERGENCY = range(5)
"""What L3 says; the strongest wins."""
VALUES = ("NA", "LIMIT", "PERMIT", "DENY", "DENY!")


class Settled(msgspec.Struct, frozen=True):
    """A provision with what it inherits: all of a tree that no request changes, made once a consent."""

    rule: Provision
    permit: bool
    refusal: int
    """What a match of a deny means: DENY, or DENY! if its own purposes name emergencies."""
    filtered: bool
    """It has a data side."""
    stated: tuple[str, ...]
    """What `rule` lists, for the trace."""
    denies: tuple["Settled", ...]
    permits: tuple["Settled", ...]


class Node(msgspec.Struct, frozen=True):
    """A settled provision with its request side answered in `asked`."""

    of: Settled
    asked: bool
    denies: tuple["Node", ...]
    permits: tuple["Node", ...]

    def matches(self, facts: Facts) -> bool:
        """Both sides; the unknown counts as false in a permit and as true in a deny."""
        if not (self.asked and self.of.filtered):
            return self.asked
        permit = self.of.permit
        return data_side(self.of.rule, facts, permit) >= (T if permit else U)


Judged = tuple[int, Node]
"""The value, and the node that it came from."""


def settle(provision: Provision, *, names_emergency: bool | None = None) -> Settled:
    """What each node of a tree inherits."""
    own = provision.names_emergency if names_emergency is None else names_emergency
    children = [
        settle(_inherited(provision, child), names_emergency=child.names_emergency)
        for child in provision.children
    ]
    return Settled(
        rule=provision,
        permit=provision.type == "permit",
        refusal=DENY_EMERGENCY if own else DENY,
        filtered=provision.has_data_side,
        stated=tuple(provision.stated()),
        denies=tuple(child for child in children if not child.permit),
        permits=tuple(child for child in children if child.permit),
    )


def fold(tree: Settled, asked: Asked) -> Node:
    """Answer the request side of a whole tree, once for a bundle."""
    return Node(
        tree,
        request_side(tree.rule, asked) >= (T if tree.permit else U),
        tuple([fold(child, asked) for child in tree.denies]) if tree.denies else (),
        tuple([fold(child, asked) for child in tree.permits]) if tree.permits else (),
    )


def _inherited(parent: Provision, child: Provision) -> Provision:
    """Under a permit a deny takes period and purpose, a permit the request side; under a deny nothing."""
    if parent.type == "deny":
        return child
    names = ("period", "purposes") if child.type == "deny" else ("period", "purposes", "actors", "actions")
    return replace(child, **{name: getattr(parent, name) for name in names if getattr(child, name) is None})


def judge(node: Node, facts: Facts) -> Judged:
    """What this tree says of one resource."""
    return _permit(node, facts) if node.of.permit else _deny(node, facts)


def _permit(node: Node, facts: Facts) -> Judged:
    refusal = _strongest(node.denies, facts, (NA, node))
    if refusal[0] >= DENY:
        return refusal
    if node.matches(facts):
        return PERMIT, node
    best: Judged = (LIMIT if node.asked else NA, node)
    for child in node.permits:
        found = judge(child, facts)
        if found[0] == PERMIT:
            return found
        if found[0] > best[0]:
            best = found
    return best


def _deny(node: Node, facts: Facts) -> Judged:
    refusal = _strongest(node.denies, facts, (NA, node))
    below: Judged = refusal if refusal[0] >= DENY else (NA, node)
    own: Judged = (NA, node)
    if node.matches(facts):
        exception = next(
            (found for found in (judge(child, facts) for child in node.permits) if found[0] == PERMIT), None
        )
        if exception is None:
            own = (node.of.refusal, node)
        elif not node.of.filtered:
            own = exception
    return own if own[0] >= below[0] else below


def _strongest(nodes: tuple[Node, ...], facts: Facts, start: Judged) -> Judged:
    """The first of the strongest."""
    best = start
    for node in nodes:
        found = judge(node, facts)
        if found[0] > best[0]:
            best = found
    return best
