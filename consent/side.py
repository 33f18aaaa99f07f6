"""The request side of one purpose at one custodian: everything that no resource can change, answered once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consent.agreement import SharingAgreement
from consent.breakglass import declared, eligible_to_ask
from consent.directory import Directory
from consent.floor import FloorPack, FloorRule
from consent.instants import Micros, micros
from consent.patient import Voice, speaking
from consent.provision import Asked
from consent.record import ConsentView
from consent.request import AccessRequest
from consent.sharing import Sharing, fold_sharing
from consent.source_rules import SourceRule


@dataclass(slots=True)
class Side:
    """What `evaluate.decide` reads beside the facts. Voices of a patient are folded when first asked for."""

    request: AccessRequest
    purpose: str
    at: Micros
    directory: Directory
    floor: FloorPack
    rules: tuple[FloorRule, ...]
    """Of the pack, in its order: those whose conditions on the request hold."""
    sharing: Sharing
    held_back: tuple[SourceRule, ...]
    masked: tuple[SourceRule, ...]
    declared: bool
    eligible: bool
    """The request's half of break-glass."""
    asked: Asked
    as_of: Micros
    consents: tuple[ConsentView, ...]
    agreements: tuple[SharingAgreement, ...]
    refused: str | None
    """Steps 1 and 3 of `evaluate`: what is wrong with the question itself, whoever it is about."""
    voices: dict[str, tuple[Voice, ...]] = field(default_factory=dict)

    def voices_of(self, patient: str) -> tuple[Voice, ...]:
        found = self.voices.get(patient)
        if found is None:
            found = speaking(
                self.consents, patient, self.asked, self.as_of, self.agreements, self.floor.parental_until
            )
            self.voices[patient] = found
        return found


def fold_side(
    request: AccessRequest, purpose: str, custodian: str, directory: Directory, floor: FloorPack,
    agreements: Sequence[SharingAgreement], consents: Sequence[ConsentView],
    source_rules: Sequence[SourceRule],
) -> Side:  # fmt: skip
    """Fold one purpose at one custodian."""
    at = micros(request.at)
    as_of = at if request.as_of is None else micros(request.as_of)
    chain, custodian_chain = directory.chain(request.org), directory.chain(custodian)
    in_effect = floor.rules if floor.in_effect(at) else ()
    asked_rules = tuple(rule for rule in source_rules if rule.asked(purpose, request.roles, custodian))
    return Side(
        request=request,
        purpose=purpose,
        at=at,
        directory=directory,
        floor=floor,
        rules=tuple(rule for rule in in_effect if rule.asked(purpose, request.mandate)),
        sharing=fold_sharing(request, purpose, at, custodian_chain, chain, agreements),
        held_back=tuple(rule for rule in asked_rules if rule.effect == "deny"),
        masked=tuple(rule for rule in asked_rules if rule.effect == "redact"),
        declared=declared(request),
        eligible=eligible_to_ask(request, purpose, floor, directory),
        asked=Asked(
            at=at,
            purpose=purpose,
            action=request.action,
            org=request.org,
            chain=chain,
            custodian_chain=custodian_chain,
            practitioner=request.practitioner,
            roles=request.roles,
            directory=directory,
        ),
        as_of=as_of,
        consents=tuple(consents),
        agreements=tuple(agreements),
        refused=_refused(request, purpose, floor),
    )


def _refused(request: AccessRequest, purpose: str, floor: FloorPack) -> str | None:
    if purpose not in floor.known_purposes:
        return "purpose-missing-or-unknown"
    emergency = request.emergency
    return "btg-undeclared" if purpose == "BTG" and not (emergency and emergency.stated) else None
