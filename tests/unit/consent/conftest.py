"""A small invented world to ask questions in: a GP practice holds records, a ward of a hospital asks for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from consent.agreement import SharingAgreement, Statement, agreement_from_json
from consent.decision import Decision
from consent.digest import ResourceContext, digest
from consent.directory import Directory, directory_from_json
from consent.evaluate import evaluate
from consent.facts import Facts
from consent.floor import FloorPack, shipped_floor
from consent.instants import micros
from consent.record import ConsentView, consent_from_json
from consent.request import AccessRequest, Emergency
from consent.source_rules import source_rules_from_json

V3 = "http://terminology.hl7.org/CodeSystem/v3-"
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SIGNED = datetime(2025, 1, 1, tzinfo=UTC)
PATIENT = "Patient/patient-who-asks-for-nothing-special"
TEEN = "Patient/patient-aged-fourteen"
CHILD = "Patient/patient-aged-six"

REGISTER = {
    "org_parent": {"hosp-ash": "trust-oak", "ward-ash": "hosp-ash", "hosp-elm": "trust-oak", "desk-fern": "gp-fern"},
    "practitioner_orgs": {"dr-ivy": ["ward-ash"], "dr-yew": ["hosp-elm"], "dr-fir": ["clinic-rowan"]},
    "groups": {"pain-team": ["dr-ivy"], "far-team": ["dr-fir"]},
    "births": {CHILD: "2019-06-01", TEEN: "2011-06-01", PATIENT: "1970"},
    "patient_flags": {"Patient/patient-with-s-flag": ["s-flag"], "Patient/patient-who-opted-out": ["ndop"]},
    "proxies": [
        {"proxy": "RelatedPerson/mother", "patient": CHILD, "kind": "parental", "rights": ["view", "consent"],
         "verified": True},
        {"proxy": "RelatedPerson/mother", "patient": TEEN, "kind": "parental", "rights": ["view", "consent"],
         "verified": True},
        {"proxy": "RelatedPerson/carer", "patient": PATIENT, "kind": "delegate", "rights": ["view"],
         "verified": True, "exclude_labels": ["SEX"], "period": {"start": "2025", "end": "2026-02"}},
        {"proxy": "RelatedPerson/friend", "patient": PATIENT, "kind": "delegate", "rights": ["view"],
         "verified": True, "exclude_labels": ["PSY"]},
        {"proxy": "RelatedPerson/stranger", "patient": PATIENT, "kind": "delegate",
         "rights": ["view", "consent"], "verified": False},
    ],
}  # fmt: skip


def coding(system: str, code: str) -> dict[str, str]:
    return {"system": V3 + system, "code": code}


def purposes(*codes: str) -> list[dict[str, str]]:
    return [coding("ActReason", code) for code in codes]


def labels(*codes: str) -> list[dict[str, str]]:
    return [coding("Confidentiality" if len(code) == 1 else "ActCode", code) for code in codes]


def actor(reference: str, role: str | None = "IRCP") -> dict[str, Any]:
    found: dict[str, Any] = {"reference": {"reference": reference}}
    return found | ({"role": {"coding": [{"code": role}]}} if role else {})


def consent(provision: Mapping[str, Any] | None, **members: Any) -> dict[str, Any]:
    """A Consent of the patient, given a year before, with these members."""
    base: dict[str, Any] = {
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "patient": {"reference": PATIENT},
        "dateTime": "2025-03-01",
    }
    return base | ({"provision": provision} if provision is not None else {}) | members


def observation(*security: str, **members: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": PATIENT},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "effectiveDateTime": "2024-05-02",
        "note": [{"text": "felt unwell"}],
    }
    return base | ({"meta": {"security": labels(*security)}} if security else {}) | members


def agreement_document(**members: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": "D1",
        "version": 1,
        "providers": ["gp-fern"],
        "recipients": ["trust-oak"],
        "effective": {"start": "2025-01-01", "end": "2027-12-31"},
        "terms": [{"purposes": ["TREAT", "HRESCH", "HMARKT", "HLEGAL"], "max_confidentiality": "V"}],
        "emergency": True,
    }
    return base | members


def signed(document: Mapping[str, Any], *orgs: str, more: Sequence[Statement] = ()) -> SharingAgreement:
    """The agreement as signed by these (both sides if none is named)."""
    parties = orgs or (*document["providers"], *document["recipients"])
    statements = tuple(Statement(org, "sign", micros(SIGNED)) for org in parties)
    return agreement_from_json(document, (*statements, *more))


@dataclass(frozen=True)
class Scene:
    """One question; `but` changes parts of it, `decide` asks it."""

    request: AccessRequest = field(
        default_factory=lambda: AccessRequest(
            id="r1",
            subject=PATIENT,
            org="ward-ash",
            purpose=("TREAT",),
            at=AT,
            practitioner="dr-ivy",
            roles=("doctor",),
        )  # fmt: skip
    )
    resource: Any = field(default_factory=observation)
    context: ResourceContext = field(default_factory=lambda: ResourceContext("gp-fern"))
    directory: Directory = field(default_factory=lambda: directory_from_json(REGISTER))
    floor: FloorPack = field(default_factory=lambda: shipped_floor("opt-in"))
    agreements: tuple[SharingAgreement, ...] = field(default_factory=lambda: (signed(agreement_document()),))
    consents: tuple[Any, ...] = ()
    rules: Sequence[Any] = ()

    def but(
        self, *, pack: str | None = None, asking: Mapping[str, Any] | None = None, **parts: Any
    ) -> "Scene":
        """The same question with other parts. `asking`: members of the request; `pack`: a shipped pack."""
        changed = replace(self, **parts)
        changed = replace(changed, floor=shipped_floor(pack)) if pack else changed
        return replace(changed, request=replace(changed.request, **asking)) if asking else changed

    @property
    def facts(self) -> Facts:
        return digest(self.resource, self.context)

    @property
    def views(self) -> tuple[ConsentView, ...]:
        return tuple(
            item if isinstance(item, ConsentView) else consent_from_json(item) for item in self.consents
        )

    def decide(self) -> Decision:
        return evaluate(
            self.request, self.facts, self.directory, self.floor, self.agreements, self.views,
            source_rules_from_json(list(self.rules)),
        )  # fmt: skip


EMERGENCY = {"purpose": ("ETREAT",), "emergency": Emergency(True, "unconscious, no history")}


@dataclass(frozen=True)
class Words:
    """The builders above, for tests that write their own questions."""

    scene: Scene = field(default_factory=Scene)
    consent = staticmethod(consent)
    observation = staticmethod(observation)
    agreement = staticmethod(agreement_document)
    signed = staticmethod(signed)
    purposes = staticmethod(purposes)
    labels = staticmethod(labels)
    actor = staticmethod(actor)
    coding = staticmethod(coding)
    emergency = EMERGENCY
    at = AT
    patient = PATIENT
    teen = TEEN
    child = CHILD


@pytest.fixture
def world() -> Words:
    return Words()


@pytest.fixture
def scene() -> Scene:
    return Scene()
