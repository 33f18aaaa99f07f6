"""FHIR R4 of any server: ids and references are ours, everything else leaves as it came."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters import codec
from adapters.identity import NHS_NUMBER, resource_id
from adapters.interface import Identifier, Original, Source
from adapters.registry import normaliser
from gateway.intake.shape import is_well_shaped

AT = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source(id="ehr", kind="fhir-r4", custodian="clinic.example", id_key=b"k" * 32)
NUMBER, OTHER = "9990000018", "9990000026"
ASKED = (Identifier(NHS_NUMBER, NUMBER),)
LOCAL = "urn:carepact:source:clinic.example:ehr"

PATIENT = {
    "resourceType": "Patient",
    "id": "pat_1",
    "meta": {"versionId": "3", "lastUpdated": "2024-01-01T00:00:00Z", "source": "http://ehr.example/a"},
    "identifier": [{"system": NHS_NUMBER, "value": NUMBER}],
    "name": [{"family": "Exact", "given": ["Dot"]}],
    "birthDate": "1980-02-29",
}
RESULT = """{"resourceType":"Observation","id":"obs1","status":"final",
 "meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},
 "extension":[{"url":"https://vendor.example/x","extension":[{"url":"y","valueDecimal":1.50}]}],
 "code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}],"text":"Glucose"},
 "subject":{"reference":"Patient/pat_1"},"encounter":{"reference":"Encounter/e9","display":"a visit"},
 "performer":[{"reference":"http://ehr.example/fhir/Practitioner/d1"}],
 "valueQuantity":{"value":5.10,"unit":"mmol/L"},"referenceRange":[{"high":{"value":1E+2}}]}"""
DOCTOR = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Moss"}]}


def bundle(*resources, **members):
    """A searchset; resources with the address of their server, as servers send them."""
    entries = [
        {"fullUrl": f"http://ehr.example/fhir/{one['resourceType']}/{one.get('id')}", "resource": one}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries} | members


def read(body, asked=()):
    """One input through the normaliser as the registry gives it; the ledger always balances."""
    data = body if isinstance(body, bytes) else codec.encode(body)
    batch = normaliser("fhir-r4").normalise(
        Original(data, "application/fhir+json", asked, "in-1"), SOURCE, AT
    )
    assert batch.losses.balanced
    for one in [*batch.resources, *([batch.provenance] if batch.provenance else [])]:
        assert is_well_shaped(one)
    return batch


def only(batch, kind):
    """The one resource of a type."""
    (found,) = [one for one in batch.resources if one["resourceType"] == kind]
    return found


def lines(batch):
    """(disposition, reason) of each line."""
    return [(one.disposition, one.reason) for one in batch.losses.entries]


def result():
    """A result as it is decoded: decimals with every digit."""
    return codec.decode(RESULT.encode())


def test_everything_but_ids_and_references_is_as_it_came():
    """Decimals, exponents, unknown extensions and labels leave as the very text; ids and references are ours."""
    batch = read(bundle(PATIENT, result(), DOCTOR), ASKED)
    made, patient = only(batch, "Observation"), only(batch, "Patient")
    text = codec.encode(made).decode()
    assert '"value":5.10' in text and '"valueDecimal":1.50' in text and '"value":1E+2' in text
    assert made["id"] == resource_id(b"k" * 32, "Observation", "clinic.example", "ehr", "Observation/obs1")
    assert made["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert made["performer"] == [{"reference": f"Practitioner/{only(batch, 'Practitioner')['id']}"}]
    assert made["meta"] == result()["meta"] | {"source": f"{LOCAL}#in-1"}
    assert {"system": f"{LOCAL}:id", "value": "obs1"} in made["identifier"]
    for name in ("extension", "code", "valueQuantity", "referenceRange", "status"):
        assert made[name] == result()[name]


def test_a_reference_out_of_the_input_becomes_logical():
    """What is not there is named in the words that came, with its display; nothing leads nowhere."""
    batch = read(bundle(PATIENT, result(), DOCTOR))
    assert only(batch, "Observation")["encounter"] == {
        "display": "a visit",
        "identifier": {"system": "urn:carepact:unresolved", "value": "Encounter/e9"},
    }
    assert ("altered", "dangling-reference") in lines(batch)


def test_every_leaf_is_in_the_record_or_in_the_ledger():
    """A token in any leaf of a resource comes out, or its position is a line: nothing is lost silently."""
    raw = result() | {"vendorField": {"a": "b"}, "note": [{"text": "x"}]}
    paths = list(_leaves(raw, ()))
    assert len(paths) > 15
    for path in paths:
        planted = codec.decode(codec.encode(raw))
        holder = planted
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = "T0ken"
        batch = read(planted)
        out = codec.encode([*batch.resources]).decode()
        position = "Observation" + "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path)
        told = any(position == e.position or position.startswith((e.position + ".", e.position + "["))
                   for e in batch.losses.entries if e.disposition in ("rejected", "failed", "kept", "not-mapped"))  # fmt: skip
        assert "T0ken" in out or told, position


def _leaves(value, path):
    if isinstance(value, dict):
        for name, child in value.items():
            if name != "resourceType":
                yield from _leaves(child, (*path, name))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _leaves(child, (*path, place))
    else:
        yield path


def test_the_newest_version_of_a_resource_stands():
    """Of two versions the highest lastUpdated counts, whatever the order; the other is a line."""
    old = PATIENT | {"meta": {"lastUpdated": "2023-12-31T23:59:59Z"}, "birthDate": "1981-01-01"}
    for order in ((old, PATIENT), (PATIENT, old)):
        batch = read(bundle(*order, result()), ASKED)
        assert only(batch, "Patient")["birthDate"] == "1980-02-29"
        assert ("not-mapped", "superseded") in lines(batch)


@pytest.mark.parametrize(
    "stranger",
    [
        PATIENT | {"id": "p2", "identifier": [{"system": NHS_NUMBER, "value": OTHER}]},
        PATIENT | {"id": "p2", "identifier": [{"system": "urn:x", "value": "1"}]},
        {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p2"}},
        {"resourceType": "Condition", "id": "c", "subject": {"reference": "http://ehr.example/fhir/Patient/p2/_history/1"}},
        {"resourceType": "AllergyIntolerance", "id": "c", "patient": {"identifier": {"system": NHS_NUMBER, "value": OTHER}}},
    ],
)  # fmt: skip
def test_one_entry_about_somebody_else_quarantines_all(stranger):
    """A record that mixes patients is the worst failure: nothing of it goes on."""
    batch = read(bundle(PATIENT, result(), stranger), ASKED)
    assert batch.quarantine == "wrong-patient"
    assert batch.resources == ()


def test_an_answer_without_the_patient_is_nobodys():
    """Asked about somebody and told of nobody: quarantined, nothing is guessed."""
    assert read(bundle(result()), ASKED).quarantine == "no-patient"


def test_a_meaning_that_nobody_knows_is_kept_and_not_released():
    """An unknown modifierExtension, wherever it stands, or implicitRules: the whole resource goes to a Basic."""
    strange = result() | {"component": [{"code": {"text": "x"}, "modifierExtension": [{"url": "urn:not"}]}]}
    for resource in (strange, result() | {"implicitRules": "http://rules.example"}):
        batch = read(bundle(PATIENT, resource), ASKED)
        assert [one["resourceType"] for one in batch.resources] == ["Patient", "Basic"]
        assert ("kept", "unknown-field") in lines(batch)
        assert only(batch, "Basic")["meta"]["security"][0]["code"] == "R"


def test_an_element_that_r4_does_not_have_is_kept():
    """A vendor's own member is no R4: it is kept beside the resource, with its position."""
    batch = read(bundle(PATIENT, result() | {"vendorField": {"a": 1.0}}), ASKED)
    assert "vendorField" not in only(batch, "Observation")
    parts = only(batch, "Basic")["extension"][0]["extension"]
    assert [one["valueString"] for one in parts] == ["Bundle.entry[1].resource.vendorField", '{"a":1.0}']


def test_types_that_nobody_serves_are_kept():
    """A Claim stays in a Basic: the source's own Linkage and log too."""
    batch = read(bundle(PATIENT, {"resourceType": "Claim", "id": "c", "status": "active"}), ASKED)
    assert ("kept", "type-not-carried") in lines(batch)
    assert batch.losses.status == "partial"


def test_a_number_that_fails_its_check_links_nobody():
    """A wrong check digit moves the number to the source's own namespace; blanks in a right one go."""
    wrong = PATIENT | {"identifier": [{"system": NHS_NUMBER, "value": "9990000019"}]}
    identifier = only(read(wrong), "Patient")["identifier"][0]
    assert identifier == {"system": f"{LOCAL}:nhs-number", "value": "9990000019"}
    spaced = PATIENT | {"identifier": [{"system": NHS_NUMBER, "value": "999 000 0018"}]}
    batch = read(spaced, ASKED)
    assert only(batch, "Patient")["identifier"][0] == {"system": NHS_NUMBER, "value": NUMBER}
    assert batch.quarantine is None


def test_known_systems_do_not_stay_oids():
    """A code of SNOMED CT under its OID has the URI that labels and consents know."""
    coded = result() | {"code": {"coding": [{"system": "urn:oid:2.16.840.1.113883.6.96", "code": "1"}]}}
    made = only(read(bundle(PATIENT, coded)), "Observation")
    assert made["code"]["coding"][0]["system"] == "http://snomed.info/sct"


def test_what_a_source_deleted_is_entered_in_error():
    """An entry with 410 shows the record as entered in error, under the id that it had."""
    gone = {"fullUrl": "http://ehr.example/fhir/Condition/c1", "response": {"status": "410 Gone"}}
    batch = read(bundle(PATIENT) | {"entry": [*bundle(PATIENT)["entry"], gone]}, ASKED)
    made = only(batch, "Condition")
    assert made["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert made["id"] == resource_id(b"k" * 32, "Condition", "clinic.example", "ehr", "Condition/c1")


def test_a_document_is_opened_and_stays_a_document():
    """Composition, entries and a DocumentReference of the original; a mark on the document covers all of it."""
    composition = {
        "resourceType": "Composition", "id": "comp", "status": "final", "title": "Summary",
        "confidentiality": "V", "type": {"text": "summary"}, "date": "2024-01-01",
        "subject": {"reference": "urn:uuid:0b1f8a8c-0000-4000-8000-000000000001"},
        "author": [{"display": "Dr Moss"}],
        "section": [{"title": "Problems", "text": {"status": "generated", "div": "<div>none</div>"}}],
    }  # fmt: skip
    document = {
        "resourceType": "Bundle", "type": "document", "timestamp": "2024-01-01T10:00:00Z",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"},
        "entry": [
            {"fullUrl": "urn:uuid:0b1f8a8c-0000-4000-8000-000000000002", "resource": composition},
            {"fullUrl": "urn:uuid:0b1f8a8c-0000-4000-8000-000000000001", "resource": PATIENT},
        ],
    }  # fmt: skip
    batch = read(document, ASKED)
    reference = only(batch, "DocumentReference")
    assert reference["masterIdentifier"] == document["identifier"]
    assert reference["date"] == document["timestamp"]
    assert only(batch, "Composition")["subject"]["reference"] == f"Patient/{only(batch, 'Patient')['id']}"
    assert all({"V"} <= {c["code"] for c in one["meta"]["security"]} for one in batch.resources)


def test_a_page_that_failed_makes_the_answer_short():
    """Our client's remark on a missing page is a failed unit; the Patient says that the record is incomplete."""
    pages = {
        "resourceType": "Bundle", "type": "collection",
        "entry": [{"resource": bundle(PATIENT)}, {"resource": bundle(result())},
                  {"fullUrl": "urn:carepact:page-failed"}],
    }  # fmt: skip
    batch = read(pages, ASKED)
    assert ("failed", "page-failed") in lines(batch)
    tags = only(batch, "Patient")["meta"]["tag"]
    assert {"system": "urn:carepact:incomplete", "code": "page-failed"} in tags
    assert only(batch, "Observation")["subject"]["reference"].startswith("Patient/")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<Patient xmlns='http://hl7.org/fhir'/>", "format-not-supported"),
        (b'{"resourceType":"Patient",', "unreadable"),
        (b"[]", "unreadable"),
        (b'{"resourceType":"Patient","a":' + b"[" * 5000 + b"]" * 5000 + b"}", "limit"),
        (b'{"resourceType":"Patient","a":' + b"[" * 70 + b"]" * 70 + b"}", "limit"),
        (b'{"resourceType":"Patient","a":' + b"1" * 65 + b"}", "limit"),
        (b'{"resourceType":"Patient","a":1e400}', "limit"),
        (b'{"resourceType":"OperationOutcome","issue":[]}', "no-patient"),
        (b'{"resourceType":"Bundle","type":"searchset"}', "no-patient"),
    ],
)
def test_what_is_no_record_is_told(body, reason):
    """Other formats, broken JSON and answers without a record end with their reason, without an exception."""
    batch = read(body)
    assert batch.losses.status == "error"
    assert batch.losses.entries[0].reason == reason


@pytest.mark.parametrize("odd", [None, [], {}, {"resourceType": None}, {"resourceType": 5}, "text", 5])
@pytest.mark.parametrize("kind", ["fhir-r4", "gp"])
def test_an_entry_that_is_no_resource_has_its_line(kind, odd):
    """Also where it holds no value: somebody meant to send something there."""
    body = codec.encode({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]})
    body = body[:-2] + b',{"resource":' + codec.encode(odd) + b"}]}"
    batch = normaliser(kind).normalise(
        Original(body, "application/fhir+json"), replace(SOURCE, kind=kind), AT
    )
    found = [e for e in batch.losses.entries if e.position == "Bundle.entry[1].resource"]
    assert [(e.disposition, e.reason, e.items) for e in found] == [
        ("failed", "unreadable", int(odd in ("text", 5)))
    ]
    assert batch.losses.balanced and batch.losses.status == "partial"


@pytest.mark.parametrize(
    "inner",
    [
        "<script>x()</script>",
        "<p onclick='x()'>a</p>",
        "<p title='a>b' onclick='x()'>a</p>",
        "<a href='javascript:x()'>a</a>",
        "<a href='&#106;avascript:x()'>a</a>",
        "<img src='http://elsewhere.example/pixel'/>",
        "<svg/>",
        "<form><input/></form>",
        "<p style='background: url(http://elsewhere.example)'>a</p>",
    ],
)
def test_active_content_of_a_narrative_does_not_leave(inner):
    """A narrative that could run or load something goes, with its line; the facts of the resource stay."""
    text = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'}
    batch = read(bundle(PATIENT | {"text": text}))
    made = only(batch, "Patient")
    assert "text" not in made and made["birthDate"] == PATIENT["birthDate"]
    assert ("rejected", "bad-text") in lines(batch)


@pytest.mark.parametrize(
    "inner",
    [
        "<p>Dose on day = 1; src = lab; &lt;script&gt;</p>",
        "<a href='#a'>a</a><!-- note --><br/><table class='c'><tbody><tr><td style='color: red'>x</td></tr></tbody></table>",
    ],
)
def test_harmless_narratives_stay_as_they_came(inner):
    """Words that look like a handler, links within, and styles of FHIR's subset are no active content."""
    text = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'}
    assert only(read(bundle(PATIENT | {"text": text})), "Patient")["text"] == text


def test_repeated_members_are_nobodys_choice():
    """Two values of one name: neither is taken, both are in the ledger."""
    body = codec.encode(PATIENT).replace(b'"birthDate"', b'"gender":"male","gender":"female","birthDate"')
    batch = read(body)
    assert "gender" not in only(batch, "Patient")
    assert ("rejected", "too-many") in lines(batch)


def test_the_same_input_gives_the_same_bytes():
    """Determinism: ids, order and Provenance depend on the input alone."""
    body = json.dumps(bundle(PATIENT, DOCTOR)).encode()
    assert codec.encode(list(read(body).resources)) == codec.encode(list(read(body).resources))


def test_a_resource_that_lacks_what_it_is_about_fails_alone():
    """A Condition without a subject is the source's fault: it fails, its siblings go on, nobody invents one."""
    batch = read(bundle(PATIENT, result(), {"resourceType": "Condition", "id": "c", "code": {"text": "x"}}))
    assert {one["resourceType"] for one in batch.resources} == {"Patient", "Observation"}
    assert ("failed", "unreadable") in lines(batch)


def test_a_patient_that_is_no_patient_quarantines_the_answer():
    """Without a Patient that R4 takes nobody can say whose record the rest is."""
    batch = read(bundle(PATIENT | {"active": "maybe"}, result()))
    assert batch.quarantine == "unreadable"


@pytest.mark.parametrize("word", ["system", "reference", "url"])
@pytest.mark.parametrize("value", [5, [], {}, "", "/", "urn:oid:", None])
def test_odd_identifiers_and_references_are_no_defect_of_ours(word, value):
    """Whatever stands where an address should, the answer is read and its ledger blames no mapping."""
    odd = result() | {"identifier": [{word: value, "value": "x"}], "device": {word: value}}
    batch = read(bundle(PATIENT, odd))
    assert batch.quarantine is None
    assert "mapping-defect" not in {line.reason for line in batch.losses.entries}
