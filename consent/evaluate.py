"""All layers together (consent.md 3). Each layer may only narrow, none widens; what nobody allows is denied.

1 purpose known · 2 subject among the patients · 3 break-glass declared · 4 a person in her own right:
`person.py`
and L4 alone · 5 L2 once · 6 each patient in turn: L1, L2, L3, onward sharing, break-glass · 7 L4 denials ·
8 redactions · 9 obligations · 10 permit, its reason by precedence.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from consent.agreement import SharingAgreement
from consent.breakglass import refusal_of_emergency
from consent.decision import Decision, Deny, Layer, Permit
from consent.directory import Directory
from consent.facts import Facts
from consent.floor import NO_LAWFUL_BASIS, FloorPack, strictest
from consent.patient import Heard, hear
from consent.person import refusal_of_person
from consent.record import ConsentView
from consent.redact import breaks_resource, outermost, present
from consent.request import AccessRequest
from consent.sharing import Candidate, basis, sharing_entry
from consent.side import Side, fold_side
from consent.source_rules import SourceRule
from consent.tree import LIMIT, PERMIT
from consent.vocabulary import BREAK_GLASS_OBLIGATIONS


def evaluate(
    request: AccessRequest, facts: Facts, directory: Directory, floor: FloorPack,
    agreements: Sequence[SharingAgreement], consents: Sequence[ConsentView],
    source_rules: Sequence[SourceRule],
) -> Decision:  # fmt: skip
    """May this resource go to this requester now? Never raises on data.

    `agreements`: every version known at `as_of`; `consents`: of any patient, in any order; `source_rules`:
    of the
    custodian (or each with its own `custodian`).
    """
    sides = [
        fold_side(request, purpose, facts.custodian, directory, floor, agreements, consents, source_rules)
        for purpose in request.purpose
    ]
    return decide(sides, facts)


def decide(sides: Sequence[Side], facts: Facts) -> Decision:
    """Several purposes are several decisions: the first Deny is the answer, else the unions of all
    permits.
    """
    permits: list[Permit] = []
    for side in sides:
        decision = decide_one(side, facts)
        if isinstance(decision, Deny):
            return decision
        permits.append(decision)
    if not permits:
        return Deny("L0", "purpose-missing-or-unknown")
    if len(permits) == 1:
        return permits[0]
    return Permit(
        permits[0].layer,
        permits[0].reason,
        tuple(sorted({code for permit in permits for code in permit.obligations})),
        tuple(sorted({path for permit in permits for path in permit.redactions})),
        tuple(entry for permit in permits for entry in permit.trace),
    )


class _Way:
    """How far one resource (or element) came: bases in patient order, and what to answer for."""

    __slots__ = ("bases", "broke_glass", "covering", "obligations", "trace")

    def __init__(self) -> None:
        self.covering: tuple[Candidate, ...] = ()
        self.bases: list[tuple[Layer, str]] = []
        self.obligations: set[str] = set()
        self.broke_glass = False
        self.trace: list[Mapping[str, Any]] = []

    def deny(self, layer: Layer, reason: str, *, overridable: bool = False) -> Deny:
        return Deny(layer, reason, overridable, tuple(self.trace))


def decide_one(side: Side, facts: Facts) -> Decision:
    """One purpose, one resource: the numbered steps."""
    refused = side.refused
    if refused == "purpose-missing-or-unknown":  # 1
        return Deny("L0", refused)
    if side.request.subject not in facts.patients:  # 2
        return Deny("L0", "subject-mismatch")
    if refused:  # 3
        return Deny("L0", refused)
    way = _steps_4_to_7(side, facts)
    if isinstance(way, Deny):
        return way
    hidden = []
    for element in facts.elements:
        alone = msgspec.structs.replace(facts, labels=element.labels, elements=())
        part = _steps_4_to_7(side, alone)
        if isinstance(part, Deny):
            hidden.append(element.path)
        elif part.broke_glass:
            way.broke_glass = True
    chosen = basis(way.covering, facts, emergency=way.broke_glass)
    redactions = _redactions(side, facts, chosen, hidden)  # 8
    if any(breaks_resource(facts.type, path) for path in redactions):
        return way.deny("L4", "redaction-breaks-resource")
    layer, reason = _precedence(way)  # 10
    return Permit(layer, reason, _obligations(side, facts, way, chosen), redactions, tuple(way.trace))


def _steps_4_to_7(side: Side, facts: Facts) -> _Way | Deny:
    way = _Way()
    person = side.request.person
    if person is not None:  # 4
        code = refusal_of_person(person, side.purpose, side.at, facts, side.directory, side.floor)
        if code:
            return way.deny("L0", code)
        way.bases.append(("L0", "self-access" if person == side.request.subject else "proxy-access"))
        return _held_back(side, facts, way, eligible=False)
    way.covering, stage = side.sharing.covering(facts)  # 5
    way.trace.append(sharing_entry(facts, way.covering, stage))
    for patient in facts.patients:  # 6
        refused = _patient(side, facts, way, patient, stage)
        if refused is not None:
            return refused
    return _held_back(side, facts, way, eligible=side.eligible and _grantable(side, way))  # 7


def _grantable(side: Side, way: _Way) -> bool:
    """The agreements' half of break-glass: internal use, or one that covers and allows emergencies."""
    return side.sharing.internal or any(item.agreement.emergency for item in way.covering)


def _patient(side: Side, facts: Facts, way: _Way, patient: str, stage: str | None) -> Deny | None:
    flags = side.directory.patient_flags.get(patient, ())
    rule, obligations = strictest(side.rules, facts.labels.tags, flags)  # a
    way.obligations |= obligations
    way.trace.append(side.floor.entry(rule))
    mode, code = (rule.mode, rule.code) if rule else ("FORBID", NO_LAWFUL_BASIS)
    if mode == "FORBID":
        return way.deny("L1", code)
    mandated = mode == "MANDATE"
    if stage and not (mandated and code in side.floor.dsa_exempt_mandates):  # b
        return way.deny("L2", stage)
    heard = hear(side.voices_of(patient), facts)  # c
    way.trace.append(heard.entry)
    if mandated:
        way.bases.append(("L1", f"mandate:{code}"))
        return None
    if facts.received_under is not None and not side.sharing.internal:
        failure, travelling = side.sharing.onward(facts, heard.value == PERMIT)
        way.obligations |= set(travelling)
        if failure:
            return way.deny("L2", failure)
    refused = (heard.value >= LIMIT and heard.value != PERMIT) or (heard.value < LIMIT and mode == "OPT_IN")
    if not refused:  # d
        way.bases.append(("L3", "consent-permit") if heard.value == PERMIT else ("L1", f"implied:{code}"))
        return None
    return _break_glass(side, facts, way, heard)  # e


def _break_glass(side: Side, facts: Facts, way: _Way, heard: Heard) -> Deny | None:
    grantable = _grantable(side, way)
    level = facts.labels.confidentiality
    opens = grantable and refusal_of_emergency(True, heard.value, level, side.floor) is None
    if not side.declared:
        return way.deny("L3", heard.code, overridable=opens)
    failure = refusal_of_emergency(side.eligible and grantable, heard.value, level, side.floor)
    if failure:
        return way.deny("L3", failure, overridable=opens)
    way.broke_glass = True
    return None


def _held_back(side: Side, facts: Facts, way: _Way, *, eligible: bool) -> _Way | Deny:
    """L4: a hard hold denies; an overridable one too, unless the emergency lifts it."""
    if not side.held_back:
        return way
    matching = [rule for rule in side.held_back if rule.touches(facts)]
    hard = next((rule for rule in matching if not rule.overridable), None)
    rule = hard or next(iter(matching), None)
    if rule is None:
        return way
    under_ceiling = facts.labels.confidentiality <= side.floor.btg_ceiling
    if hard is None and eligible and under_ceiling:
        way.broke_glass = True
        return way
    way.trace.append({"layer": "L4", "value": "DENY", "rule": rule.code})
    person = side.request.person is not None
    opens = hard is None and not person and under_ceiling and _grantable(side, way)
    return way.deny("L4", rule.code, overridable=opens)


def _redactions(side: Side, facts: Facts, chosen: Candidate | None, hidden: list[str]) -> tuple[str, ...]:
    listed = [path for rule in side.masked if rule.touches(facts) for path in rule.elements]
    if chosen is not None:
        listed += chosen.redacted(facts.type)
    if not (listed or hidden):
        return ()
    return tuple(sorted({*present(facts, listed), *outermost(hidden)}))


def _obligations(side: Side, facts: Facts, way: _Way, chosen: Candidate | None) -> tuple[str, ...]:
    found = {"AUDIT", *way.obligations}
    if chosen is not None:
        found.update(chosen.term.obligations)
    if way.broke_glass or side.purpose == "BTG":
        found |= BREAK_GLASS_OBLIGATIONS
    if "42CFRPart2" in facts.labels.tags:
        found.add("NOTICE-42CFR2")
    return tuple(sorted(found))


def _precedence(way: _Way) -> tuple[Layer, str]:
    """break-glass, consent-permit, mandate, implied; the person's own basis stands alone."""
    if way.broke_glass:
        return "L3", "break-glass"
    if len(way.bases) == 1:
        return way.bases[0]
    ranks = ("consent-permit", "mandate:", "implied:")
    return min(way.bases, key=lambda base: [not base[1].startswith(start) for start in ranks])
