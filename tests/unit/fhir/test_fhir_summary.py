"""The International Patient Summary: what a clinician reads, and what must never mislead her."""

import json
import re
from xml.etree import ElementTree

import pytest

from gateway.fhir.narrative import div, paragraph, table, value_text
from gateway.fhir.summary import Released, Scope, summarise

REQUIRED = {"11450-4": "Problems", "48765-2": "Allergies and intolerances", "10160-0": "Medication"}
SCOPE = Scope(
    patient="Patient/p",
    at="2026-03-01T12:00:00Z",
    node="north.example",
    bundle_id="b1",
    security=[{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}],
    confidentiality="R",
)
ROWS = [
    {"org": "north.example", "source": "gp", "state": "answered", "as_of": 1_772_000_000},
    {"org": "south.example", "source": "adt", "state": "failed", "reason": "unreachable"},
    {"org": "east.example", "source": "letters", "state": "timed-out"},
]
PATIENT = {"resourceType": "Patient", "id": "p", "name": [{"family": "Test"}]}
SUBJECT = {"subject": {"reference": "Patient/p"}}


def concept(text, *codes):
    return {"text": text} | (
        {"coding": [{"system": "urn:x", "code": code} for code in codes]} if codes else {}
    )


def allergy(id="a", text="Penicillin", clinical="active", verification="confirmed", **more):
    return {
        "resourceType": "AllergyIntolerance", "id": id, "patient": {"reference": "Patient/p"},
        "clinicalStatus": concept(clinical, clinical), "code": concept(text),
        "verificationStatus": {"coding": [{"system": "urn:v", "code": verification}]}, **more,
    }  # fmt: skip


def result(id, text="Potassium", **more):
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": concept(text),
        **SUBJECT,
        **more,
    }


def document(*resources, scope=SCOPE, rows=ROWS, sources=None):
    provenance = {"resourceType": "Provenance", "id": "prov", "target": [{"reference": "Patient/p"}]}
    held = [PATIENT, *resources]
    made = [
        Released(json.dumps(one).encode(), (sources or {}).get(one["id"], "north.example"), "gp")
        for one in held
    ]
    return json.loads(summarise(made, rows, scope, provenance))


def sections(bundle):
    return {s["code"]["coding"][0]["code"]: s for s in bundle["entry"][0]["resource"]["section"]}


def words(section):
    return " ".join(ElementTree.fromstring(section["text"]["div"]).itertext())


def rows_of(section):
    root = ElementTree.fromstring(section["text"]["div"])
    space = "{http://www.w3.org/1999/xhtml}"
    return [[cell.text or "" for cell in row.iter(f"{space}td")] for row in root.iter(f"{space}tr")][1:]


def test_the_required_sections_are_there_when_nothing_is_known():
    """Problems, allergies and medication always; empty ones say `unavailable`, never that there is nothing."""
    found = sections(document())
    for code, title in REQUIRED.items():
        assert found[code]["title"] == title
        assert found[code]["emptyReason"]["coding"][0]["code"] == "unavailable"
        assert "entry" not in found[code]
        assert "not a statement of absence" in words(found[code])


def test_asserted_absence_is_shown_as_an_entry_with_its_source():
    """`No known allergies` of a source is a fact: an entry and a line, not an empty reason."""
    found = sections(document(allergy(text="No known allergies")))["48765-2"]
    assert "emptyReason" not in found
    assert len(found["entry"]) == 1
    assert rows_of(found)[0][0] == "No known allergies"
    assert rows_of(found)[0][-1] == "north.example"


def test_asserted_absence_and_an_allergy_are_both_shown():
    """Neither deletes the other: a reader sees that the sources disagree, and who says what."""
    found = sections(
        document(allergy("a1"), allergy("a2", "No known allergies"), sources={"a2": "south.example"})
    )["48765-2"]
    assert {(row[0], row[-1]) for row in rows_of(found)} == {
        ("Penicillin", "north.example"),
        ("No known allergies", "south.example"),
    }


def test_what_is_entered_in_error_is_never_shown():
    """Not as entry and not as words."""
    wrong = allergy("a1", "Latex", verification="entered-in-error")
    also = result("o1", "Wrong patient's sodium", status="entered-in-error", valueString="1")
    bundle = document(wrong, also)
    assert "Latex" not in json.dumps(bundle)
    assert "sodium" not in json.dumps(bundle)


@pytest.mark.parametrize("status", ["refuted", "unconfirmed"])
def test_an_allergy_that_is_not_confirmed_reads_so(status):
    """A refuted or unconfirmed allergy is not read as an active one."""
    (row,) = rows_of(sections(document(allergy(verification=status)))["48765-2"])
    assert row[3] == f"active, {status}"


def test_a_provisional_or_refuted_problem_reads_so():
    """A working diagnosis is not read as an established one."""
    condition = {
        "resourceType": "Condition", "id": "c", **SUBJECT, "code": concept("Lung cancer"),
        "clinicalStatus": concept("active", "active"),
        "verificationStatus": {"coding": [{"system": "urn:v", "code": "differential"}]},
    }  # fmt: skip
    (row,) = rows_of(sections(document(condition))["11450-4"])
    assert row[2] == "active, differential"


def test_a_medicine_not_to_be_given_reads_so():
    """`doNotPerform` turns the meaning of a request round; the line says it first."""
    request = {
        "resourceType": "MedicationRequest", "id": "m", **SUBJECT, "status": "active", "intent": "order",
        "doNotPerform": True, "medicationCodeableConcept": concept("Warfarin"),
    }  # fmt: skip
    (row,) = rows_of(sections(document(request))["10160-0"])
    assert row[0] == "DO NOT GIVE: Warfarin"


@pytest.mark.parametrize("where", ["entry", "contained"])
def test_a_medicine_that_is_referred_to_has_its_name(where):
    """A line without the medicine's name is worse than none: reference and contained are followed."""
    medicine = {"resourceType": "Medication", "id": "med", "code": concept("Ramipril 5 mg")}
    statement = {
        "resourceType": "MedicationStatement", "id": "m", **SUBJECT, "status": "active",
        "medicationReference": {"reference": "Medication/med" if where == "entry" else "#med"},
    }  # fmt: skip
    if where == "contained":
        statement["contained"] = [medicine]
    bundle = document(statement, *([medicine] if where == "entry" else []))
    (row,) = rows_of(sections(bundle)["10160-0"])
    assert row[0] == "Ramipril 5 mg"


def test_a_result_says_its_status_unless_final_and_why_a_value_is_missing():
    """Preliminary, cancelled and corrected results say so; a missing value has its reason."""
    rows = rows_of(
        sections(
            document(
                result("o1", "A", status="preliminary", valueString="1"),
                result("o2", "B", valueString="2"),
                result("o3", "C", dataAbsentReason=concept("masked")),
                result("o4", "D", status="cancelled", interpretation=[concept("High")], valueInteger=4),
            )
        )["30954-2"]
    )
    assert {row[0]: (row[1], row[2]) for row in rows} == {
        "A": ("1", "preliminary"),
        "B": ("2", ""),
        "C": ("no value (masked)", ""),
        "D": ("4", "High, cancelled"),
    }


def test_what_was_masked_reads_as_masked_not_as_nothing():
    """A redacted code or value leaves a word behind: a blank cell could be read as `none`."""
    masked = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
        ]
    }
    found = sections(document(allergy() | {"code": masked}, result("o", valueQuantity=masked)))
    assert rows_of(found["48765-2"])[0][0] == "(masked)"
    assert rows_of(found["30954-2"])[0][1] == "(masked)"


def test_the_newest_results_come_first_and_the_rest_is_counted():
    """At most five results, the newest; the narrative says how many more exist."""
    many = [result(f"o{n}", valueInteger=n, effectiveDateTime=f"2026-01-{n + 1:02}") for n in range(8)]
    section = sections(document(*many))["30954-2"]
    assert [row[1] for row in rows_of(section)] == ["7", "6", "5", "4", "3"]
    assert "3 more exist." in words(section)


def test_values_keep_their_digits_and_comparators():
    """`< 1.10 mmol/L` is not `1.1`."""
    from adapters.codec import decode_own

    observation = decode_own(b'{"valueQuantity":{"comparator":"<","value":1.10,"unit":"mmol/L"}}')
    assert value_text(observation) == "< 1.10 mmol/L"
    parts = decode_own(
        b'{"component":[{"code":{"text":"Systolic"},"valueQuantity":{"value":120,"unit":"mmHg"}},'
        b'{"code":{"text":"Diastolic"},"valueQuantity":{"value":80.0,"unit":"mmHg"}}]}'
    )
    assert value_text(parts) == "Systolic 120 mmHg; Diastolic 80.0 mmHg"


HOSTILE = "<script>alert(1)</script>&\"'\r\n\x07<img src=x onerror=y>\u202eabc\u2066\x85]]>"


def test_hostile_text_is_text():
    """Markup, controls and direction marks in a name never become markup or turn the line round."""
    for made in (div(paragraph(HOSTILE)), div(table((HOSTILE,), ((HOSTILE,),)))):
        root = ElementTree.fromstring(made)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
        text = " ".join(root.itertext())
        assert "<script>alert(1)</script>" in text
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x7f-\x9f]", text)
    bundle = document(allergy(text=HOSTILE, reaction=[{"manifestation": [concept(HOSTILE)]}]))
    (row,) = rows_of(sections(bundle)["48765-2"])
    assert "<script>" in row[0]


def test_every_source_is_named_with_its_state():
    """The document itself says who was asked, what became of it, and that absence is no evidence."""
    section = sections(document())["sources"]
    assert [row[:3] for row in rows_of(section)] == [
        ["north.example", "gp", "answered"],
        ["south.example", "adt", "failed"],
        ["east.example", "letters", "timed-out"],
    ]
    assert "Absence here is not evidence of absence" in words(section)


def ten_checks(bundle):
    """The document checks of the house (normalisation.md 9a), as far as they need no other tool."""
    entries = bundle["entry"]
    by_url = {entry["fullUrl"]: entry["resource"] for entry in entries}
    composition = entries[0]["resource"]
    # 01
    assert bundle["type"] == "document" and bundle["identifier"]["value"] and bundle["timestamp"]
    # 02
    assert composition["resourceType"] == "Composition"
    assert composition["type"]["coding"][0]["code"] == "60591-5"
    assert all(composition[name] for name in ("status", "subject", "author", "date", "title"))
    # 03
    assert len(by_url) == len(entries)
    assert all(url.startswith("urn:uuid:") for url in by_url)
    # 04
    reached, waiting = set(), [entries[0]["fullUrl"]]
    while waiting:
        url = waiting.pop()
        if url in reached:
            continue
        reached.add(url)
        waiting += [ref for ref in _references(by_url[url]) if ref in by_url]
    for url, resource in by_url.items():
        about = {t["reference"] for t in resource.get("target", [])}
        assert url in reached or (resource["resourceType"] == "Provenance" and about & reached), url
    # 05, 06, 07
    codes = [s["code"]["coding"][0]["code"] for s in composition["section"]]
    assert all(codes.count(code) == 1 for code in REQUIRED)
    for section in composition["section"]:
        assert section["title"] and words(section).strip() and "section" not in section
        assert not ("entry" in section and "emptyReason" in section)
    for code in REQUIRED:
        section = composition["section"][codes.index(code)]
        assert ("entry" in section) != ("emptyReason" in section)
    # 08
    subject = composition["subject"]["reference"]
    for section in composition["section"]:
        for one in section.get("entry", []):
            resource = by_url[one["reference"]]
            assert (resource.get("subject") or resource.get("patient"))["reference"] == subject
    assert by_url[subject]["resourceType"] == "Patient"
    # 10
    ladder = "ULMNRV"
    for resource in by_url.values():
        for label in resource.get("meta", {}).get("security", []):
            if label["system"].endswith("v3-Confidentiality"):
                assert ladder.index(composition["confidentiality"]) >= ladder.index(label["code"])


def _references(node):
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [ref for child in node.values() for ref in _references(child)]
    return [ref for child in node for ref in _references(child)] if isinstance(node, list) else []


def test_an_authored_document_passes_the_ten_checks():
    """Also with two sources' Patients, references between entries, and empty sections."""
    other = {"resourceType": "Patient", "id": "q"}
    drug = {"resourceType": "Medication", "id": "med", "code": concept("x")}
    statement = {
        "resourceType": "MedicationStatement", "id": "m", "subject": {"reference": "Patient/q"},
        "status": "active", "medicationReference": {"reference": "Medication/med"},
    }  # fmt: skip
    ten_checks(
        document(allergy(), other, drug, statement, result("o1", hasMember=[{"reference": "Observation/o1"}]))
    )
    ten_checks(document())


def test_the_identifier_is_stable_and_the_document_is_not():
    """Made again tomorrow it is the same summary's next edition."""
    from dataclasses import replace

    today = document(allergy())
    tomorrow = document(allergy(), scope=replace(SCOPE, at="2026-03-02T12:00:00Z", bundle_id="b2"))
    assert today["identifier"] == tomorrow["identifier"]
    assert (today["id"], today["timestamp"]) != (tomorrow["id"], tomorrow["timestamp"])


def test_a_summary_without_its_subject_is_not_made():
    """Nothing is guessed about whom it is."""
    with pytest.raises(ValueError):
        summarise([], ROWS, SCOPE, {})


@pytest.mark.anyio
@pytest.mark.parametrize(
    "label",
    [
        "patient_with_full_record", "patient_known_only_to_gp", "patient_with_no_known_allergies",
        "patient_with_conflicting_allergy", "patient_with_hostile_text", "patient_with_partial_dates",
    ],
)  # fmt: skip
async def test_a_real_summary_is_valid_and_passes_the_ten_checks(standing, label):
    """Through the whole node: R4 holds, each section reads, each medicine has a name."""
    from fhir.resources.R4B.bundle import Bundle

    if standing.population.find(label).hospital:
        await standing.hospital_says(label)
    await standing.permit(label)
    reply = await standing.summary(await standing.patient_id(label))
    assert reply.status_code == 200
    Bundle.model_validate_json(reply.content)
    ten_checks(reply.json())
    found = sections(reply.json())
    for section in found.values():
        assert all(row[0].strip() for row in rows_of(section)), section["title"]
    named = words(found["sources"])
    for org in ("greenfield.example", "st-brides.example", "harbour.example"):
        assert org in named  # 09
    if label == "patient_known_only_to_gp":
        assert found["48765-2"]["emptyReason"]["coding"][0]["code"] == "unavailable"
    if label == "patient_with_no_known_allergies":
        assert "emptyReason" not in found["48765-2"]
        assert "no known" in words(found["48765-2"]).lower()
    if label == "patient_with_conflicting_allergy":
        told = words(found["48765-2"]).lower()
        assert "penicillin" in told and "no known" in told


@pytest.mark.anyio
async def test_a_summary_with_a_source_down_says_so_in_words(standing):
    """F-7: what is missing reads `unavailable`, and the sources section names who failed."""
    await standing.permit()
    id = await standing.patient_id()
    standing.specialist.faults.replace([{"kind": "down"}])
    reply = await standing.summary(id)
    states = {row[1]: row[2] for row in rows_of(sections(reply.json())["sources"])}
    assert states["letters"] == "failed"
    assert states["gp"] == "answered"
