"""What is withheld leaves no trace: references, lists, compositions, Provenance, companions (consent.md 11)."""

import base64
import json
from dataclasses import dataclass, field

import pytest

from consent.decision import Deny, Permit
from consent.digest import ResourceContext, digest
from consent.facts import facts_to_bytes
from gateway.exchange.decide import decide
from gateway.exchange.withheld import unlinked, with_targets
from gateway.fhir.json import decode_own, encode
from gateway.records.interface import Record

PSY = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}
PERSON = "Patient/person"
CANARY = "Zq7canary"


@dataclass
class PlanBySensitivity:
    """Denies what is labelled PSY and what is not about the person, permits the rest; as a plan would."""

    request: object = field(default_factory=lambda: type("R", (), {"subject": PERSON})())

    def decide(self, facts):
        labelled = any("PSY" in str(one) for one in facts.labels.sensitivities)
        if labelled or PERSON not in facts.patients:
            return DENY
        return PERMIT


PERMIT, DENY = Permit("L3", "consent-permit"), Deny("L3", "consent-deny")


def record(resource, patient="Patient/source"):
    context = ResourceContext(custodian="north.example", patients=(patient,) if patient else ())
    body = encode(resource)
    return Record(
        ref=f"{resource['resourceType']}/{resource['id']}",
        patient=patient or "",
        body=body,
        digest=facts_to_bytes(digest(resource, context)),
        sha256=b"",
        custodian="north.example",
        source="s",
        version=1,
        intake="i",
        event_time="",
        seen="2026-01-01T00:00:00Z",
    )


ALIASES = {"Patient/source": PERSON}
SUBJECT = {"reference": "Patient/source"}


def condition(id, *, secret=False, **more):
    meta = {"meta": {"security": [PSY]}} if secret else {}
    text = CANARY if secret else "plain"
    return {"resourceType": "Condition", "id": id, **meta, "subject": SUBJECT, "code": {"text": text}, **more}


def released(*resources, companions=()):
    records = [record(one) for one in resources] + [record(one, None) for one in companions]
    decided = decide(PlanBySensitivity(), records, ALIASES)
    return {one.record.ref: decode_own(one.body) for one in decided if one.body is not None}


PATIENT = {"resourceType": "Patient", "id": "source"}


def test_a_denied_resource_is_gone_from_lists_with_the_words_about_it():
    """An entry that points at what is withheld goes, and the narrative that renders it."""
    listed = {
        "resourceType": "List", "id": "l", "status": "current", "mode": "snapshot", "subject": SUBJECT,
        "text": {"status": "generated", "div": f"<div>{CANARY}</div>"},
        "entry": [
            {"item": {"reference": "Condition/open"}},
            {"item": {"reference": "Condition/secret", "display": CANARY}},
        ],
    }  # fmt: skip
    left = released(PATIENT, condition("open"), condition("secret", secret=True), listed)
    assert left["List/l"]["entry"] == [{"item": {"reference": "Condition/open"}}]
    assert CANARY not in json.dumps(left)
    assert "Condition/secret" not in json.dumps(left)


def test_a_list_that_lost_nothing_keeps_its_bytes():
    """What refers to nothing withheld is not touched at all."""
    listed = {
        "resourceType": "List", "id": "l", "status": "current", "mode": "snapshot", "subject": SUBJECT,
        "text": {"status": "generated", "div": "<div>plain</div>"},
        "entry": [{"item": {"reference": "Condition/open"}}],
    }  # fmt: skip
    records = [record(one) for one in (PATIENT, condition("open"), listed)]
    decided = decide(PlanBySensitivity(), records, ALIASES)
    assert [one.body for one in decided] == [one.body for one in records]


def test_sections_of_a_composition_lose_entries_and_words_also_around_an_inner_one():
    """Section, its parents and the Composition lose their narrative if anything inside was withheld."""
    composition = {
        "resourceType": "Composition", "id": "c", "status": "final", "subject": SUBJECT,
        "type": {"text": "letter"}, "date": "2026-01-01", "title": "t", "author": [{"display": "a"}],
        "text": {"status": "generated", "div": f"<div>{CANARY}</div>"},
        "section": [
            {
                "title": "outer",
                "text": {"status": "generated", "div": f"<div>{CANARY}</div>"},
                "entry": [{"reference": "Condition/open"}],
                "section": [
                    {
                        "title": "inner",
                        "text": {"status": "generated", "div": f"<div>{CANARY}</div>"},
                        "entry": [{"reference": "Condition/secret", "display": CANARY}],
                    }
                ],
            },
            {"title": "other", "text": {"status": "generated", "div": "<div>plain</div>"}},
        ],
    }  # fmt: skip
    left = released(PATIENT, condition("open"), condition("secret", secret=True), composition)
    found = left["Composition/c"]
    assert CANARY not in json.dumps(found)
    assert "text" not in found
    assert [section["title"] for section in found["section"]] == ["outer", "other"]
    assert found["section"][0]["entry"] == [{"reference": "Condition/open"}]
    assert found["section"][1]["text"]["div"] == "<div>plain</div>"


def test_other_references_lose_display_identifier_and_narrative():
    """A plain reference stays as an address, without a name; the narrative around it goes."""
    medication = {
        "resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
        "subject": SUBJECT, "medicationCodeableConcept": {"text": "x"},
        "text": {"status": "generated", "div": f"<div>for {CANARY}</div>"},
        "reasonReference": [
            {"reference": "Condition/secret", "display": CANARY, "identifier": {"value": CANARY}}
        ],
    }  # fmt: skip
    left = released(PATIENT, condition("secret", secret=True), medication)
    assert left["MedicationRequest/m"]["reasonReference"] == [{"reference": "Condition/secret"}]
    assert CANARY not in json.dumps(left)


def provenance(id, *about, **more):
    return {
        "resourceType": "Provenance", "id": id, "target": [{"reference": ref} for ref in about],
        "recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"reference": "Practitioner/p"}}], **more,
    }  # fmt: skip


def test_a_provenance_names_only_what_leaves():
    """Its other targets would count what was withheld."""
    made = provenance("v", "Patient/source", "Condition/open", "Condition/secret")
    left = released(PATIENT, condition("open"), condition("secret", secret=True), made)
    assert [t["reference"] for t in left["Provenance/v"]["target"]] == ["Patient/source", "Condition/open"]


def test_a_provenance_of_what_is_withheld_stays_although_patient_and_author_leave():
    """One original of which everything clinical is withheld is not told of by its Provenance."""
    author = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Known"}]}
    other = condition("open", asserter={"reference": "Practitioner/p"})
    made = provenance("v", "Patient/source", "Practitioner/p", "Condition/secret")
    left = released(PATIENT, other, condition("secret", secret=True), made, companions=[author])
    assert "Practitioner/p" in left
    assert "Provenance/v" not in left


def test_a_provenance_about_a_patient_alone_leaves_with_her():
    """Where there is nothing clinical in an original, its Provenance is about the Patient."""
    assert "Provenance/v" in released(PATIENT, provenance("v", "Patient/source"))
    assert "Provenance/v" not in released(condition("open"), provenance("v", "Patient/source"))


def test_companions_leave_only_with_what_refers_to_them():
    """People and places of a withheld resource alone stay; of a released one they leave, at any distance."""
    people = [
        {"resourceType": "Practitioner", "id": "shrink", "name": [{"family": CANARY}]},
        {"resourceType": "PractitionerRole", "id": "role", "organization": {"reference": "Organization/o"}},
        {"resourceType": "Organization", "id": "o", "name": "Practice"},
        {"resourceType": "Organization", "id": "unmentioned", "name": CANARY},
    ]
    left = released(
        PATIENT,
        condition("open", asserter={"reference": "PractitionerRole/role"}),
        condition("secret", secret=True, asserter={"reference": "Practitioner/shrink"}),
        companions=people,
    )
    assert left.keys() == {"Patient/source", "Condition/open", "PractitionerRole/role", "Organization/o"}


def test_a_withheld_patient_is_nameless_where_others_refer_to_her():
    """A source's Patient that is labelled may not be named by `subject.display` either."""
    secret = PATIENT | {"meta": {"security": [PSY]}}
    named = condition("open") | {"subject": {"reference": "Patient/source", "display": CANARY}}
    left = released(secret, named)
    assert left == {"Condition/open": condition("open")}


def test_cutting_keeps_decimals():
    """A resource that loses a reference keeps every number as it came."""
    raw = b'{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.10},"focus":[{"reference":"A/b"}]}'
    cut = encode(unlinked(decode_own(raw), {"A/b"}))
    assert b'"value":1.10' in cut


def test_a_provenance_without_references_as_targets_has_none():
    """Targets by identifier alone cannot be known to leave, so they go."""
    assert with_targets({"target": [{"identifier": {"value": "x"}}]}, {"A/b"})["target"] == []


@pytest.mark.anyio
async def test_after_the_withdrawal_psychiatry_occurs_nowhere_in_the_answer(standing):
    """Every word of psychiatry-labelled content, as text or base64, is gone from all answers (C-6)."""
    await standing.hospital_says()
    await standing.permit()
    id = await standing.patient_id()
    before = await standing.everything(id)
    await standing.withdraw("label:PSY")
    words = secret_words(before.json())
    assert len(words) > 20
    for reply in (
        await standing.everything(id),
        await standing.summary(id),
        await standing.find(),
    ):
        assert reply.status_code == 200
        decoded = reply.text + "".join(_attachments(reply.json()))
        assert [word for word in words if word in decoded] == []


def secret_words(bundle):
    """Strings that stand in PSY-labelled resources and in no other: the canaries."""
    secret, open_ = set(), set()
    for entry in bundle["entry"]:
        resource = entry["resource"]
        labels = {one["code"] for one in resource.get("meta", {}).get("security", [])}
        kind = resource["resourceType"]
        if kind in ("OperationOutcome", "Provenance", "List"):
            continue
        (secret if "PSY" in labels else open_).update(_strings(resource))
    for text in list(secret):
        if any(text in other for other in open_):
            secret.discard(text)
    return {text for text in secret if len(text) >= 6 and "/" not in text[:20]}


def _strings(node):
    if isinstance(node, dict):
        return {
            one
            for name, child in node.items()
            if name not in ("meta", "system", "reference")
            for one in _strings(child)
        }
    if isinstance(node, list):
        return {one for child in node for one in _strings(child)}
    return {node} if isinstance(node, str) else set()


def _attachments(node):
    if isinstance(node, dict):
        if isinstance(node.get("data"), str):
            yield base64.b64decode(node["data"]).decode("utf-8", "replace")
        for child in node.values():
            yield from _attachments(child)
    elif isinstance(node, list):
        for child in node:
            yield from _attachments(child)
