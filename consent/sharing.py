"""L2 asked of one request: which terms of which agreements cover, else how far the best of them came."""

from collections.abc import Sequence

import msgspec

from consent.agreement import SharingAgreement, Term, counting
from consent.directory import Directory
from consent.facts import Facts
from consent.instants import DAY, Micros
from consent.redact import breaks_resource, present
from consent.request import AccessRequest
from consent.vocabulary import STAGES, purpose_under, sensitivity_under


class Candidate(msgspec.Struct, frozen=True):
    """A term that covers, with its agreement."""

    agreement: SharingAgreement
    term: Term

    def redacted(self, kind: str) -> tuple[str, ...]:
        """The elements of this resource type that the term keeps back."""
        if not self.term.elements_redacted:
            return ()
        return tuple(path for path in self.term.elements_redacted if path.startswith(f"{kind}."))


class Sharing(msgspec.Struct, frozen=True):
    """The agreements as far as the request alone decides (stages 0-9); `open` is left to the resource."""

    internal: bool
    open: tuple[Candidate, ...]
    furthest: int
    """The furthest stage at which the request alone failed, an index into `STAGES`."""
    agreements: tuple[SharingAgreement, ...]
    purpose: str
    roles: tuple[str, ...]
    action: str
    at: Micros

    def covering(self, facts: Facts) -> tuple[tuple[Candidate, ...], str | None]:
        """All that cover, by agreement id and term order; or none and the stage. Internal use needs none."""
        if self.internal:
            return (), None
        found = []
        furthest = self.furthest
        for candidate in self.open:
            stage = data_stage(candidate.term, facts, self.at)
            if stage is None:
                found.append(candidate)
            else:
                furthest = max(furthest, stage)
        if found:
            return tuple(found), None
        return (), STAGES[furthest]

    def onward(self, facts: Facts, permitted: bool) -> tuple[str | None, tuple[str, ...]]:
        """May a copy received under another agreement be passed on? `(failure, obligations that travel)`."""
        origin = next((item for item in self.agreements if item.id == facts.received_under), None)
        rule = origin.onward if origin else "none"
        if origin and rule == "consent":
            return (None if permitted else "onward-sharing-needs-consent"), ()
        if origin and rule == "same-terms":
            for term in origin.terms:
                asked = asked_stage(term, self.purpose, self.roles, self.action)
                if asked is None and data_stage(term, facts, self.at) is None:
                    return None, term.obligations
        return "onward-sharing-forbidden", ()


def basis(candidates: Sequence[Candidate], facts: Facts, *, emergency: bool = False) -> Candidate | None:
    """The candidate that costs this resource the least, then the first.

    Cost: whether it breaks the resource, elements that go, elements listed for the type. Counting those
    that the
    resource really has keeps the law that another agreement never narrows.
    """
    usable = [item for item in candidates if item.agreement.emergency] if emergency else candidates
    if len(usable) < 2:
        return usable[0] if usable else None

    def cost(item: Candidate) -> tuple[bool, int, int]:
        listed = item.redacted(facts.type)
        gone = present(facts, listed)
        return any(breaks_resource(facts.type, path) for path in gone), len(gone), len(listed)

    return min(usable, key=cost)


def sharing_entry(facts: Facts, covering: Sequence[Candidate], stage: str | None) -> dict[str, str]:
    """For the trace: the agreement and term that cover, or why none does."""
    if stage:
        return {"layer": "L2", "value": "DENY", "rule": stage}
    chosen = basis(covering, facts)
    if chosen is None:
        return {"layer": "L2", "value": "PERMIT", "rule": "internal-use"}
    agreement = chosen.agreement
    entry = {"layer": "L2", "value": "PERMIT", "agreement": agreement.ref, "term": chosen.term.id}
    return entry | ({"sha256": agreement.sha256} if agreement.sha256 else {})


_PURPOSE = STAGES.index("dsa-purpose")


def fold_sharing(
    request: AccessRequest, purpose: str, at: Micros, holders: Sequence[str], askers: Sequence[str],
    agreements: Sequence[SharingAgreement],
) -> Sharing:  # fmt: skip
    """Test what the request alone decides. `agreements`: every version known at `as_of`.

    `holders`, `askers`: chains of the custodian and of the requester, nearest first.
    """
    current = counting(agreements, at)
    found: list[Candidate] = []
    furthest = 0
    for agreement in current:
        stage = standing_stage(agreement, holders, askers, at)
        if stage is not None:
            furthest = max(furthest, stage)
            continue
        furthest = max(furthest, _PURPOSE)
        for term in agreement.terms:
            asked = asked_stage(term, purpose, request.roles, request.action)
            if asked is None:
                found.append(Candidate(agreement, term))
            else:
                furthest = max(furthest, asked)
    return Sharing(
        internal=holders[0] in askers,
        open=tuple(found),
        furthest=furthest,
        agreements=current,
        purpose=purpose,
        roles=request.roles,
        action=request.action,
        at=at,
    )


def standing_stage(
    agreement: SharingAgreement, holders: Sequence[str], askers: Sequence[str], at: Micros
) -> int | None:
    """Stages 0-6, in order: parties in this direction, signed, not stopped, in time; None if it stands.

    `holders`, `askers`: chains of the custodian and of the requester, nearest first.
    """
    provider = next((org for org in holders if org in agreement.providers), None)
    recipient = next((org for org in askers if org in agreement.recipients), None)
    if provider is None or recipient is None:
        return 0
    now = agreement.standing(at)
    if provider not in now.signed or recipient not in now.signed:
        return 1
    if now.suspended:
        return 2
    if now.terminated is not None and now.terminated <= at:
        return 3
    if at < agreement.start:
        return 4
    if agreement.expired(at):
        return 5
    return 6 if agreement.overdue(at) else None


def asked_stage(term: Term, purpose: str, roles: Sequence[str], action: str) -> int | None:
    """Stages 7-9: purpose (or a descendant of a listed one), role, action."""
    if not purpose_under(purpose, term.purposes):
        return 7
    if term.roles and term.roles.isdisjoint(roles):
        return 8
    return None if action in term.actions else 9


def data_stage(term: Term, facts: Facts, at: Micros) -> int | None:
    """Stages 10-13: data class, sensitivity, confidentiality, look-back."""
    if term.data_classes and facts.type not in term.data_classes:
        return 10
    if any(sensitivity_under(code, term.exclude_sensitivity) for code in facts.labels.sensitivities):
        return 11
    if facts.labels.confidentiality > term.max_confidentiality:
        return 12
    if term.lookback_days is not None:
        too_old = facts.end is not None and facts.end < at - term.lookback_days * DAY
        if not facts.dated or too_old:
            return 13
    return None


def may_record_consent(
    recorder: str, custodian: str, directory: Directory, agreements: Sequence[SharingAgreement], at: Micros
) -> bool:
    """A permit that another member recorded counts only under an agreement that says so (exchange.md)."""
    if directory.related(recorder, custodian):
        return True
    one, other = directory.chain(recorder), directory.chain(custodian)
    return any(
        item.records_consent
        and (standing_stage(item, one, other, at) is None or standing_stage(item, other, one, at) is None)
        for item in counting(agreements, at)
    )
