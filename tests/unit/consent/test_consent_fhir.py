"""Consents at the door: what is admitted, what is refused with its path, and what the desk writes."""

import json
from typing import Any

import pytest

from consent.errors import Uncomputable
from consent.fhir import (
    admit,
    consent_document,
    document_from_bytes,
    document_to_bytes,
    excepted_from_text,
    narrowed,
    withdrawn,
)
from consent.interface import StoredConsent
from consent.record import consent_from_stored

V3 = "http://terminology.hl7.org/CodeSystem/v3-"


def bytes_of(document: Any) -> bytes:
    return json.dumps(document).encode()


def refusal(document: Any) -> str:
    with pytest.raises(Uncomputable) as refused:
        admit(bytes_of(document))
    return refused.value.path


def test_computable_consent_is_admitted(world: Any) -> None:
    """All accepted elements together are no fault."""
    provision = {
        "type": "deny", "period": {"start": "2026"}, "actor": [world.actor("Group/pain-team")],
        "action": [{"coding": [{"code": "access"}]}], "securityLabel": world.labels("PSY", "V"),
        "purpose": world.purposes("TREAT"), "class": [{"code": "Observation"}],
        "code": [{"coding": [{"system": "s", "code": "c"}]}], "dataPeriod": {"end": "2026-01"},
        "data": [{"meaning": "instance", "reference": {"reference": "Observation/o1"}}],
        "provision": [{"type": "permit"}],
    }  # fmt: skip
    view = admit(bytes_of(world.consent(provision, performer=[{"reference": world.patient}],
                                        organization=[{"reference": "Organization/gp-fern"}],
                                        policy=[{"uri": "urn:p"}], extension=[{"url": "x"}])))  # fmt: skip
    assert view.faults == ()
    assert view.organizations == {"gp-fern"}


def inside(**members: Any) -> Any:
    return lambda w: w.consent({"type": "permit", **members})


DOOR: list[tuple[str, Any]] = [
    ("Consent.decision", lambda w: w.consent({"type": "permit"}, decision="permit")),
    ("Consent.grantor", lambda w: w.consent({"type": "permit"}, grantor=[])),
    ("Consent.provision", lambda w: w.consent([{"type": "permit"}])),
    ("Consent.provision", lambda w: w.consent(None)),
    ("Consent.modifierExtension", lambda w: w.consent({"type": "permit"}, modifierExtension=[])),
    ("Consent.implicitRules", lambda w: w.consent({"type": "permit"}, implicitRules="urn:x")),
    ("Consent.provision.type", lambda w: w.consent({})),
    ("Consent.provision.purpose[0]", inside(purpose=[{"system": V3 + "ActReason", "code": "LUNCH"}])),
    ("Consent.provision.purpose[0]", inside(purpose=[{"code": "TREAT"}])),
    ("Consent.provision.action[0]", inside(action=[{"coding": [{"code": "juggle"}]}])),
    ("Consent.provision.class[0]", inside(**{"class": [{"system": "urn:x", "code": "Observation"}]})),
    ("Consent.provision.securityLabel[1]", lambda w: w.consent(
        {"type": "deny", "securityLabel": [*w.labels("PSY"), {"system": "urn:x", "code": "PSY"}]})),
    ("Consent.provision.actor[0].role", lambda w: w.consent(
        {"type": "permit", "actor": [w.actor("Organization/a", "AUT")]})),
    ("Consent.provision.actor[0].reference", inside(actor=[{"reference": {"display": "them"}}])),
    ("Consent.provision.actor[0].reference", inside(actor=[{"reference": {"reference": "#org"}}])),
    ("Consent.provision.dataPeriod", inside(dataPeriod={"start": "2026", "end": "2025"})),
    ("Consent.provision.data[0].meaning", inside(data=[{"meaning": "x", "reference": {"reference": "A/b"}}])),
    ("Consent.provision.provision[0].odd", inside(provision=[{"odd": 1}])),
    ("Consent.scope", lambda w: w.consent({"type": "permit"}, scope={"coding": [{"code": "mood"}]})),
]  # fmt: skip


@pytest.mark.parametrize(("path", "document"), DOOR, ids=[f"{one[0]}-{at}" for at, one in enumerate(DOOR)])
def test_what_cannot_be_computed_is_refused_with_its_path(world: Any, path: str, document: Any) -> None:
    """Nothing that a decision could only guess at is stored."""
    assert refusal(document(world)) == path


def test_missing_date_or_patient_is_refused(world: Any) -> None:
    """Without dateTime nobody knows what it supersedes; without patient nobody knows whose it is."""
    for name in ("dateTime", "patient"):
        document = world.consent({"type": "permit"})
        del document[name]
        assert refusal(document) == f"Consent.{name}"


def test_reference_to_nobody_is_refused(world: Any) -> None:
    """An organisation, practitioner or group that the directory does not know."""
    document = bytes_of(world.consent({"type": "permit", "actor": [world.actor("Organization/nowhere")]}))
    assert admit(document, resolves=lambda reference: reference == "Organization/nowhere")
    with pytest.raises(Uncomputable) as refused:
        admit(document, resolves=lambda reference: False)
    assert refused.value.path == "Consent.provision.actor[0].reference"


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"a":1,"a":2}', b"\xff\xfe", b"[" * 90_000])
def test_broken_json_is_refused_and_once_stored_denies(world: Any, document: bytes) -> None:
    """At the door it is refused; a quarantined one denies and never raises."""
    with pytest.raises(Uncomputable):
        document_from_bytes(document)
    stored = StoredConsent("c1", 1, world.patient, world.at, "gp-fern", document)
    if document != b'{"a":1,"a":2}':
        assert (
            world.scene.but(consents=(consent_from_stored(stored),)).decide().reason == "consent-uncomputable"
        )


def granted(w: Any, **members: Any) -> Any:
    members = {"id": "g1", "patient": w.patient, "at": w.at, "permit": ["TREAT"]} | members
    return document_to_bytes(consent_document(**members))


def asked(w: Any, document: bytes, *security: str, **parts: Any) -> str:
    view = admit(document)
    return str(w.scene.but(consents=(view,), resource=w.observation(*security), **parts).decide().reason)


def test_desk_grants_care_except_psychiatry(world: Any) -> None:
    """`--permit TREAT --to ORG --except label:PSY`: the record goes, what is labelled PSY or below stays."""
    document = granted(world, to=["hosp-ash"], excepted=[excepted_from_text("label:PSY")])
    assert asked(world, document) == "consent-permit"
    assert asked(world, document, "PSY") == asked(world, document, "PSYTHPN") == "consent-deny"
    assert asked(world, document, "HIV") == "consent-permit"
    assert asked(world, document, asking={"org": "hosp-elm", "practitioner": "dr-yew"}) == "no-consent"


def test_desk_grants_with_other_exceptions_and_bounds(world: Any) -> None:
    """Classes, codes, confidentiality, refused purposes, dates of data and of the consent."""
    exceptions = [
        excepted_from_text(text) for text in ("class:Condition", "code:http://loinc.org|8867-4", "label:V")
    ]
    assert asked(world, granted(world, excepted=exceptions[:1])) == "consent-permit"
    assert asked(world, granted(world, excepted=exceptions)) == "consent-deny"
    assert asked(world, granted(world, excepted=exceptions[2:]), "V") == "consent-deny"
    assert asked(world, granted(world, deny=["HRESCH"]), asking={"purpose": ("CLINTRCH",)}) == "consent-deny"
    assert asked(world, granted(world, data_from="2024", data_to="2024")) == "consent-permit"
    assert asked(world, granted(world, data_from="2025")) == "outside-permitted-data"
    assert asked(world, granted(world, until="2026-03-01")) == "consent-permit"
    assert asked(world, granted(world, until="2026-02-28")) == "no-consent"
    assert asked(world, granted(world, custodians=["gp-moss"])) == "no-consent"


def test_desk_records_a_refusal_with_an_exception(world: Any) -> None:
    """`--deny TREAT --except class:Observation`: the exception restores what the law says, and grants nothing."""
    document = granted(world, permit=[], deny=["TREAT"], excepted=[excepted_from_text("class:Observation")])
    assert asked(world, document, pack="opt-out") == "consent-permit"
    refused = granted(world, permit=[], deny=["TREAT"], excepted=[excepted_from_text("class:Condition")])
    assert asked(world, refused, pack="opt-out") == "consent-deny"


def test_withdrawal_is_the_next_version(world: Any) -> None:
    """Only the status changes; a later dateTime would supersede consents given since."""
    document = document_from_bytes(granted(world))
    after = withdrawn(document)
    assert {key for key in after if after[key] != document[key]} == {"status"}
    assert asked(world, document_to_bytes(after)) == "no-consent"


@pytest.mark.parametrize("members", [
    {"permit": []}, {"permit": ["LUNCH"]}, {"until": "soon"}, {"data_from": "2026", "data_to": "2025"},
])  # fmt: skip
def test_desk_cannot_write_nonsense(world: Any, members: dict[str, Any]) -> None:
    """No purpose, a purpose that is none, a date that is none."""
    with pytest.raises(Uncomputable):
        granted(world, **members)


@pytest.mark.parametrize("text", ["label:MOOD", "class:observation", "code:718-7", "code:a|b|c", "PSY", ""])
def test_exception_that_is_none_is_refused(text: str) -> None:
    """A mistyped exception must not become a consent without it."""
    with pytest.raises(Uncomputable):
        excepted_from_text(text)


def test_permit_is_withdrawn_for_some_data_alone(world: Any) -> None:
    """One exception more, for everybody; the rest of the consent stands; a refusal cannot be narrowed."""
    document = document_from_bytes(granted(world, to=["hosp-ash"]))
    after = document_to_bytes(narrowed(document, excepted_from_text("label:PSY")))
    assert asked(world, after) == "consent-permit"
    assert asked(world, after, "PSYTHPN") == "consent-deny"
    with pytest.raises(Uncomputable):
        narrowed(
            document_from_bytes(granted(world, permit=[], deny=["TREAT"])), excepted_from_text("label:PSY")
        )


def test_patient_by_identifier_where_the_node_knows_who_it_is(world: Any) -> None:
    """A consent that names the patient by number alone is admitted for the person whom the node found."""
    named = {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}}
    document = bytes_of(world.consent({"type": "permit"}, patient=named))
    assert admit(document, subject=world.patient).patient == world.patient
    with pytest.raises(Uncomputable):
        admit(document)
