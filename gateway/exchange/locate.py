"""Step 4, beyond this node: which members may be asked at all (exchange.md). Never a broadcast of identities.

A member is asked only if it has an endpoint and an agreement in force lets the asker have something of an
organisation that it answers for, for this purpose and role. Everybody else is `not-asked`, with the code that
follows from request, directory and agreements alone: it is the same for every patient.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from consent.instants import micros
from consent.sharing import fold_sharing
from gateway.directory.interface import Directory
from gateway.exchange.completeness import SourceState
from gateway.exchange.node import Node
from gateway.exchange.policy import Policy
from keys.address import is_member
from keys.member import Member

LISTED = 50
"""Members that were not asked and stand in the statement by name; of the others it has the number."""


@dataclass(frozen=True, slots=True)
class Located:
    """`ask`: member to the agreement to name. `states`: who is not asked; `not_listed`: how many more."""

    ask: Mapping[str, str] = field(default_factory=dict)
    states: tuple[SourceState, ...] = ()
    not_listed: Mapping[str, int] = field(default_factory=dict)


def locate(node: Node, policy: Policy, at: int) -> Located:
    """`at`: POSIX seconds. `policy`: of the question, before anybody was matched."""
    directory = node.directory()
    ask: dict[str, str] = {}
    refused: list[SourceState] = []
    for id, member in sorted(directory.trust.members.items()):
        if not is_member(id) or id == node.member or id in node.organisations:
            continue
        agreement, code = _agreement(node, policy, directory, id)
        code = code or _unable(member, at)
        if code:
            refused.append(SourceState(id, "", "not-asked", code))
        else:
            ask[id] = agreement
    # Those with whom something was agreed are of more interest than those with whom nothing was.
    refused.sort(key=lambda state: (state.reason == "no-dsa", state.org))
    rest = Counter(str(state.reason) for state in refused[LISTED:])
    return Located(ask, tuple(refused[:LISTED]), dict(sorted(rest.items())))


def _unable(member: Member, at: int) -> str:
    if member.expired(at):
        return "peer-suspended"
    return "" if member.endpoints.get("exchange") else "not-capable"


def _agreement(node: Node, policy: Policy, directory: Directory, member: str) -> tuple[str, str]:
    """The agreement to name, or the code of what is closest to one."""
    plan = policy.plan(node)
    codes = []
    for custodian in custodians(directory, member):
        deny = plan.refusal(custodian)
        if deny is not None:
            codes.append(deny.reason)
            continue
        request, known = policy.request, policy.directory
        at, asker = micros(request.at), known.chain(request.org)
        sharing = fold_sharing(
            request, request.purpose[0], at, known.chain(custodian), asker, policy.agreements
        )
        if sharing.open:
            return sharing.open[0].agreement.ref, ""
    named = [code for code in codes if code != "no-dsa"]
    return "", named[0] if named else "no-dsa"


def custodians(directory: Directory, member: str) -> tuple[str, ...]:
    """The organisations that a member answers for, as our register knows: itself, and who is below it."""
    known = directory.register.consent.org_parent
    below = (org for org in sorted(known) if org != member and directory.register.is_under(org, member))
    return (member, *below)


def speaks_for(directory: Directory, member: str, own: frozenset[str], org: str) -> bool:
    """Whether a member's word about an organisation's records is taken.

    Its own and those below it; others only if nobody else answers for them, neither we nor another member.
    """
    if directory.register.is_under(org, member):
        return True
    other = directory.trust.member(org)
    return org not in own and (other is None or not other.endpoints.get("exchange"))
