"""What a clinician would be hurt by if it were wrong: ended allergies, doses, refusals, hidden items."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.interface import SourceBatch

Normalise = Callable[..., SourceBatch]
Only = Callable[[SourceBatch, str], dict[str, Any]]


def ref(words: str) -> dict[str, str]:
    return {"reference": words}


def _allergies(batch: SourceBatch) -> dict[str, dict[str, Any]]:
    return {
        a["code"]["coding"][0]["code"]: a
        for a in batch.resources
        if a["resourceType"] == "AllergyIntolerance"
    }


def _status(resource: dict[str, Any], name: str = "clinicalStatus") -> str:
    return str(resource[name]["coding"][0]["code"])


def test_an_ended_allergy_never_reads_as_active(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """Contained in the List of ended allergies: un-contained and resolved, although it said active."""
    allergies = _allergies(normalise(*record))
    assert _status(allergies["300913006"]) == "resolved"
    assert _status(allergies["91936005"]) == "active"


def test_an_allergy_that_the_ended_list_names_is_resolved(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """Some suppliers refer to the ended allergy instead of containing it: the meaning is the same."""
    record[5]["entry"].append({"item": {"reference": "AllergyIntolerance/al1"}})
    assert _status(_allergies(normalise(*record))["91936005"]) == "resolved"


def test_the_list_of_ended_allergies_points_at_them(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """What was contained is found from its List by a reference, and wears the List's security labels."""
    batch = normalise(*record)
    ended = _allergies(batch)["300913006"]
    assert only(batch, "List")["entry"] == [{"item": {"reference": f"AllergyIntolerance/{ended['id']}"}}]
    assert [label["code"] for label in ended["meta"]["security"]] == ["NOPAT"]
    assert "contained" not in only(batch, "List")


def test_an_allergy_without_status_is_active(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """ait-1 demands a status, and caution says which; the guess is tagged and remarked."""
    del record[4]["clinicalStatus"]
    allergy = _allergies(normalise(*record))["91936005"]
    assert _status(allergy) == "active"
    assert {"system": "urn:carepact:assumed", "code": "status"} in allergy["meta"]["tag"]


def test_a_mistaken_allergy_has_no_clinical_status(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """ait-2: entered in error excludes a clinical status; the one that came is listed as lost."""
    record[4]["verificationStatus"] = "entered-in-error"
    batch = normalise(*record)
    assert "clinicalStatus" not in _allergies(batch)["91936005"]
    assert "Bundle.entry[4].resource.clinicalStatus" in {e.position for e in batch.losses.entries}


def test_the_encounter_of_an_allergy_is_a_member_now(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """R4 has a place for what STU3 kept in an extension."""
    allergy = _allergies(normalise(*record))["91936005"]
    assert allergy["encounter"]["reference"].startswith("Encounter/")
    assert "extension" not in allergy


def test_hidden_items_are_said_on_the_list(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """A List that warns of confidential items is tagged incomplete: the reader must learn that it is short."""
    made = only(normalise(*record), "List")
    assert {"system": "urn:carepact:incomplete", "code": "confidential-items"} in made["meta"]["tag"]
    assert made["meta"]["security"] == [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}
    ]


def test_the_medication_triple_hangs_together(normalise: Normalise, record: list[dict[str, Any]]) -> None:
    """Statement to plan by basedOn; the order, linked by its group alone, to the one plan of the group."""
    batch = normalise(*record)
    requests = {r["intent"]: r for r in batch.resources if r["resourceType"] == "MedicationRequest"}
    plan = {"reference": f"MedicationRequest/{requests['plan']['id']}"}
    statement = next(r for r in batch.resources if r["resourceType"] == "MedicationStatement")
    assert statement["basedOn"] == [plan]
    assert requests["order"]["basedOn"] == [plan]
    assert requests["plan"]["requester"]["reference"].startswith("Practitioner/")


def test_two_plans_in_a_group_are_not_guessed_between(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """An order whose group has two plans stands alone: a wrong plan is worse than none."""
    batch = normalise(*record, {**record[8], "id": "plan2"})
    order = next(r for r in batch.resources if r.get("intent") == "order")
    assert "basedOn" not in order


def test_a_dose_stays_with_its_dosage(normalise: Normalise, only: Only, record: list[dict[str, Any]]) -> None:
    """R4 groups dose and rate; the prescriber's words stay beside them, letter by letter."""
    (dosage,) = only(normalise(*record), "MedicationStatement")["dosage"]
    assert dosage["text"] == "1 tablet at night"
    assert dosage["doseAndRate"] == [{"doseQuantity": {"value": 1, "unit": "tablet"}}]


@pytest.mark.parametrize(
    ("taken", "status", "expected"),
    [
        ("n", "active", "not-taken"),
        ("y", "active", "active"),
        ("unk", "stopped", "stopped"),
        ("n", "entered-in-error", "entered-in-error"),
    ],
)
def test_a_medicine_not_taken_says_so(
    normalise: Normalise, only: Only, record: list[dict[str, Any]], taken: str, status: str, expected: str
) -> None:
    """`taken` n is the R4 status not-taken; a mistake stays a mistake."""
    record[7] |= {"taken": taken, "status": status}
    assert only(normalise(*record), "MedicationStatement")["status"] == expected


@pytest.mark.parametrize(
    ("not_given", "status", "expected"),
    [
        (True, "completed", "not-done"),
        (False, "completed", "completed"),
        (True, "entered-in-error", "entered-in-error"),
    ],
)
def test_a_vaccine_not_given_says_so(
    normalise: Normalise,
    only: Only,
    record: list[dict[str, Any]],
    not_given: bool,
    status: str,
    expected: str,
) -> None:
    """`notGiven` is the R4 status not-done, with the reason as statusReason."""
    record[13] |= {
        "notGiven": not_given,
        "status": status,
        "explanation": {"reasonNotGiven": [{"text": "declined"}]},
    }
    made = only(normalise(*record), "Immunization")
    assert (made["status"], made["statusReason"]["text"]) == (expected, "declined")


def test_an_immunisation_keeps_dose_dates_and_protocol(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """Dose number, series, both dates; what R4 has no member for is kept with its STU3 path."""
    made = only(normalise(*record), "Immunization")
    assert (made["occurrenceDateTime"], made["recorded"]) == ("2021-10-04", "2021-10-05")
    (protocol,) = made["protocolApplied"]
    assert (protocol["doseNumberPositiveInt"], protocol["seriesDosesPositiveInt"]) == (1, 2)
    assert {e["url"] for e in protocol["extension"]} == {"urn:carepact:kept"}
    paths = [e["extension"][0]["valueString"] for e in protocol["extension"]]
    assert [path.rpartition(".")[2] for path in paths] == ["description", "doseStatus"]


def test_an_abated_condition_is_not_active(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """con-4: with an end it cannot be active; the change is tagged."""
    record[10]["abatementDateTime"] = "2016"
    made = only(normalise(*record), "Condition")
    assert (_status(made), made["abatementDateTime"]) == ("inactive", "2016")
    assert {"system": "urn:carepact:assumed", "code": "status"} in made["meta"]["tag"]


def test_absent_verification_is_not_invented(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """STU3 `unknown` has no R4 code: left out, listed, and nothing put in its place."""
    record[10]["verificationStatus"] = "unknown"
    batch = normalise(*record)
    assert "verificationStatus" not in only(batch, "Condition")
    assert "Bundle.entry[10].resource.verificationStatus" in {e.position for e in batch.losses.entries}


def test_related_observations_keep_what_the_relation_was(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """Members become hasMember, two kinds have an extension; a relation that R4 dropped is kept in a Basic."""
    for word in ("qualified-by", "replaces"):
        record[11]["related"].append({"type": word, "target": ref("Observation/o2")})
    batch = normalise(*record)
    observation = next(r for r in batch.resources if "hasMember" in r)
    assert observation["note"] == [{"text": "after rest"}]
    (extension,) = observation["extension"]
    assert extension["url"].endswith("observation-replaces")
    assert extension["valueReference"] == observation["hasMember"][0]
    kept = {
        part["extension"][0]["valueString"]: part["extension"][1]["valueString"]
        for basic in batch.resources
        if basic["resourceType"] == "Basic"
        for part in basic["extension"]
    }
    relation = json.loads(kept["Bundle.entry[11].resource.related[1]"])
    assert relation["type"] == "qualified-by"
    assert batch.losses.kept == 2


def test_a_display_of_hl7s_own_code_becomes_text(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """In systems whose displays are fixed, the source's words are the text: never a wrong display."""
    record[10]["category"][0]["coding"][0]["display"] = "A problem"
    (category,) = only(normalise(*record), "Condition")["category"]
    assert category["text"] == "A problem"
    assert category["coding"] == [
        {"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}
    ]


def test_a_period_that_ends_before_it_starts_loses_its_end(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """per-1: the impossible end is rejected by position; an equal or coarser end is not."""
    record[14]["period"]["end"] = "2013-12-31T09:00:00+00:00"
    batch = normalise(*record)
    assert only(batch, "Encounter")["period"] == {"start": "2014-02-01T09:00:00+00:00"}
    assert "Bundle.entry[14].resource.period.end" in {e.position for e in batch.losses.entries}
    record[14]["period"]["end"] = "2014"
    assert "end" in only(normalise(*record), "Encounter")["period"]


def test_a_consultation_without_class_says_so(
    normalise: Normalise, only: Only, record: list[dict[str, Any]]
) -> None:
    """R4 demands a class; GP records have none: its absence is stated, not guessed."""
    made = only(normalise(*record), "Encounter")
    assert made["class"]["extension"][0]["valueCode"] == "unknown"


@pytest.mark.parametrize(
    ("type_", "stu3", "status"),
    [
        ("ProcedureRequest", "suspended", "on-hold"),
        ("ReferralRequest", "cancelled", "revoked"),
        ("ReferralRequest", None, "unknown"),
    ],
)
def test_requests_become_service_requests(
    normalise: Normalise, only: Only, record: list[dict[str, Any]], type_: str, stu3: str | None, status: str
) -> None:
    """Both request types of STU3 are ServiceRequests with an intent and a status of R4."""
    asked = {
        "resourceType": type_,
        "id": "rq",
        "intent": "plan",
        "subject": {"reference": "Patient/p_1"},
        "requester": {"agent": {"reference": "Practitioner/dr1"}},
    }
    made = only(normalise(*record, asked | ({"status": stu3} if stu3 else {})), "ServiceRequest")
    assert (made["status"], made["intent"]) == (status, "plan")
    assert made["requester"]["reference"].startswith("Practitioner/")


def test_an_absent_document_says_so(normalise: Normalise, only: Only, record: list[dict[str, Any]]) -> None:
    """A placeholder for a document that was not sent keeps its title, says absent, and is tagged incomplete."""
    absent = {
        "resourceType": "DocumentReference", "id": "d1", "status": "current", "type": {"text": "letter"}, "created": "2020-01-01",
        "subject": {"reference": "Patient/p_1"}, "indexed": "2020-01-02T00:00:00+00:00",
        "content": [{"attachment": {"contentType": "application/msword", "title": "too large"}}],
    }  # fmt: skip
    made = only(normalise(*record, absent), "DocumentReference")
    file = made["content"][0]["attachment"]
    assert (file["title"], file["creation"]) == ("too large", "2020-01-01")
    assert file["extension"][0]["valueCode"] == "unknown"
    assert "urn:carepact:incomplete" in {tag["system"] for tag in made["meta"]["tag"]}


def test_the_words_that_a_clinician_chose_keep_their_id(
    normalise: Normalise, record: list[dict[str, Any]]
) -> None:
    """Care Connect's id of a SNOMED CT description is an Identifier in UK Core, in the same extension."""
    parts = [
        {"url": "descriptionId", "valueId": "151582014"},
        {"url": "descriptionDisplay", "valueString": "Allergy to penicillin"},
    ]
    url = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid"
    record[4]["code"]["coding"][0]["extension"] = [{"url": url, "extension": parts}]
    batch = normalise(*record)
    (made,) = _allergies(batch)["91936005"]["code"]["coding"][0]["extension"]
    assert made["url"] == "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-CodingSCTDescId"
    identifier = {"system": "http://snomed.info/sct", "value": "151582014"}
    assert made["extension"] == [{"url": "descriptionId", "valueIdentifier": identifier}, parts[1]]
    assert batch.losses.balanced
