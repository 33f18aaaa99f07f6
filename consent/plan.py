"""The request side folded once per bundle; what stays is data-side checks per resource (consent.md 8).

Law: `plan(...).decide(facts)` equals `evaluate(...)`, trace included. A plan is good for one request and for
the epochs of patient, agreements, directory and floor that it was made under; the release rechecks those.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from consent.agreement import SharingAgreement
from consent.decision import Decision, Deny
from consent.directory import Directory
from consent.evaluate import decide
from consent.facts import Facts
from consent.floor import NO_LAWFUL_BASIS, FloorPack
from consent.reads import key_of_facts
from consent.record import ConsentView
from consent.request import AccessRequest
from consent.side import Side, fold_side
from consent.source_rules import SourceRule
from consent.vocabulary import STAGES, TELLABLE


@dataclass(slots=True)
class Plan:
    """Decides any number of resources of any custodians for one request."""

    request: AccessRequest
    directory: Directory
    floor: FloorPack
    agreements: tuple[SharingAgreement, ...]
    consents: tuple[ConsentView, ...]
    source_rules: tuple[SourceRule, ...]
    _key: Callable[[Facts], Any] | None
    """What resources have in common that get one decision."""
    _sides: dict[str, tuple[Side, ...]] = field(default_factory=dict)
    _decided: dict[Any, Decision] = field(default_factory=dict)

    def decide(self, facts: Facts) -> Decision:
        """Never raises on data. Resources that no rule can tell apart share one decision."""
        if self._key is None or facts.elements:
            return decide(self._sides_at(facts.custodian), facts)
        key = self._key(facts)
        found = self._decided.get(key)
        if found is None:
            found = self._decided[key] = decide(self._sides_at(facts.custodian), facts)
        return found

    def refusal(self, custodian: str) -> Deny | None:
        """What request, directory and agreements alone already refuse at this custodian: the same for every
        patient, so it is asked before the subject is looked up, and the requester may be told (●).
        """
        sides = self._sides_at(custodian)
        if not sides:
            return Deny("L0", "purpose-missing-or-unknown")
        found = (_refusal(side) for side in sides)
        return next((refused for refused in found if refused is not None), None)

    def unvouched(self, custodian: str) -> Deny | None:
        """What the word of another organisation, that the patient herself or her proxy asks, lacks here.

        Her own right needs no agreement (consent.md 10); believing somebody else that it is she does: one in
        force that covers the purpose, or one organisation. None for a question that names no person.
        """
        for side in self._sides_at(custodian):
            if side.request.person is not None and not (side.sharing.internal or side.sharing.open):
                return Deny("L2", STAGES[side.sharing.furthest])
        return None

    def emergency_eligible(self, custodian: str) -> bool:
        """The answer to a declared emergency, from request and agreement alone: it says nothing of a
        patient.
        """
        return any(
            side.eligible
            and (side.sharing.internal or any(item.agreement.emergency for item in side.sharing.open))
            for side in self._sides_at(custodian)
        )

    def _sides_at(self, custodian: str) -> tuple[Side, ...]:
        found = self._sides.get(custodian)
        if found is None:
            found = tuple(
                fold_side(
                    self.request, purpose, custodian, self.directory, self.floor,
                    self.agreements, self.consents, self.source_rules,
                )
                for purpose in self.request.purpose
            )  # fmt: skip
            self._sides[custodian] = found
        return found


def plan(
    request: AccessRequest, directory: Directory, floor: FloorPack, agreements: Sequence[SharingAgreement],
    consents: Sequence[ConsentView], source_rules: Sequence[SourceRule] = (),
) -> Plan:  # fmt: skip
    """Arguments as of `evaluate`."""
    key = key_of_facts(agreements, consents, source_rules)
    return Plan(
        request, directory, floor, tuple(agreements), tuple(consents), tuple(source_rules), key
    )  # fmt: skip


def _refusal(side: Side) -> Deny | None:
    if side.refused:
        return Deny("L0", side.refused)
    if side.request.person is not None:
        return None
    always = any(rule.code == NO_LAWFUL_BASIS and not rule.tag and not rule.flag for rule in side.rules)
    if always or all(rule.mode == "FORBID" for rule in side.rules):
        return Deny("L1", NO_LAWFUL_BASIS)
    sharing = side.sharing
    exempt = any(
        rule.mode == "MANDATE" and rule.code in side.floor.dsa_exempt_mandates for rule in side.rules
    )
    if sharing.internal or sharing.open or exempt:
        return None
    stage = STAGES[sharing.furthest]
    return Deny("L2", stage) if stage in TELLABLE else None
