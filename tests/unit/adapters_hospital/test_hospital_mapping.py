"""What a clinician reads first comes out as it was sent."""

from decimal import Decimal

NHS = "https://fhir.nhs.uk/Id/nhs-number"


def test_patient_carries_identity(normalise, admission, only):
    """Identifiers with their systems, names, birth date, contact and marital status."""
    patient = only(normalise(admission), "Patient")
    assert [(one["system"], one["value"]) for one in patient["identifier"]] == [
        (NHS, "9990001006"),
        ("https://st-brides.example/id/mrn", "4711"),
    ]
    assert patient["name"] == [
        {"use": "official", "family": "WARDLESS", "given": ["Winifred", "Ann"], "prefix": ["Ms"]}
    ]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1958-07-04")
    assert patient["address"][0]["postalCode"] == "LS1 1AA"
    assert patient["telecom"] == [{"system": "phone", "value": "0113 496 0000", "use": "home"}]
    assert patient["maritalStatus"]["coding"][0]["code"] == "W"


def test_wrong_national_number_never_links(normalise, admission, only):
    """A wrong check digit moves the number to the local namespace, with a remark; it is not the key either."""
    lines = [line.replace("9990001006", "9990001007") for line in admission]
    batch = normalise(lines)
    systems = [one["system"] for one in only(batch, "Patient")["identifier"]]
    assert NHS not in systems
    assert ("altered", "check-digit") in {(e.disposition, e.reason) for e in batch.losses.entries}


def test_same_patient_in_both_messages(normalise, admission, result, only):
    """The preferred identifier keys the patient, so an admission and a result meet in one resource."""
    assert only(normalise(admission), "Patient")["id"] == only(normalise(result), "Patient")["id"]


def test_birth_time_is_kept(normalise, admission, only):
    """A birth date with a time keeps the time in the extension and only the date in birthDate."""
    lines = [line.replace("19580704", "195807040530+0100") for line in admission]
    patient = only(normalise(lines), "Patient")
    assert patient["birthDate"] == "1958-07-04"
    assert patient["_birthDate"]["extension"][0]["valueDateTime"] == "1958-07-04T05:30:00+01:00"


def test_impossible_birth_date_is_rejected(normalise, admission, only):
    """An impossible date is dropped with an error line, never moved."""
    batch = normalise([line.replace("19580704", "19580231") for line in admission])
    assert "birthDate" not in only(batch, "Patient")
    assert [(e.position, e.reason) for e in batch.losses.entries if e.disposition == "rejected"] == [
        ("PID[1]-7", "bad-date")
    ]
    assert batch.losses.status == "partial"


def test_encounter_of_an_admission(normalise, admission, only):
    """Class, status, start with the feed's zone, ward and consultant."""
    encounter = only(normalise(admission), "Encounter")
    assert encounter["status"] == "in-progress"
    assert encounter["class"]["code"] == "IMP"
    assert encounter["period"] == {"start": "2026-01-15T14:15:00+00:00"}
    assert encounter["location"][0]["status"] == "active"
    assert encounter["participant"][0]["type"][0]["coding"][0]["code"] == "ATND"
    assert {"system": "urn:carepact:assumed", "code": "zone"} in encounter["meta"]["tag"]


def test_discharge_finishes_and_cancel_wins(normalise, admission, only):
    """A03 with PV1-45 is finished; a cancelled admission is cancelled whatever the class says."""
    discharge = [line.replace("^A01^ADT_A01", "^A03").replace("EVN|A01", "EVN|A03") for line in admission]
    discharge[5] += "|20260118100000"
    assert only(normalise(discharge), "Encounter")["status"] == "finished"
    cancel = [line.replace("^A01^ADT_A01", "^A11") for line in admission]
    assert only(normalise(cancel), "Encounter")["status"] == "cancelled"


def test_update_says_nothing_about_the_status(normalise, admission, only):
    """A08 alone gives `unknown`, marked as assumed: a registered stay is not guessed."""
    encounter = only(normalise([line.replace("^A01^ADT_A01", "^A08") for line in admission]), "Encounter")
    assert encounter["status"] == "unknown"
    assert {"system": "urn:carepact:assumed", "code": "status"} in encounter["meta"]["tag"]


def test_without_a_zone_a_time_becomes_its_date(normalise, admission, only):
    """There is no default zone: no configured zone, no offset, no time of day."""
    encounter = only(normalise(admission, zone=None), "Encounter")
    assert encounter["period"] == {"start": "2026-01-15"}
    assert "tag" not in encounter["meta"]


def test_header_offset_serves_when_no_zone_is_configured(normalise, admission, only):
    """The offset of MSH-7 is used for times without one, and said so."""
    lines = [line.replace("20260115143000||ADT", "20260115143000+0200||ADT") for line in admission]
    batch = normalise(lines, zone=None)
    assert only(batch, "Encounter")["period"]["start"] == "2026-01-15T14:15:00+02:00"
    stated = [one["extension"] for one in batch.provenance["extension"]]
    assert any({"url": "basis", "valueCode": "header"} in one for one in stated)


def test_allergy_with_reaction_and_severity(normalise, admission, only):
    """AL1 reactions, severity, category, onset; active, because nothing says otherwise."""
    allergy = only(normalise(admission), "AllergyIntolerance")
    assert allergy["clinicalStatus"]["coding"][0]["code"] == "active"
    assert allergy["category"] == ["medication"]
    assert allergy["code"]["coding"][0]["system"] == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert allergy["reaction"] == [
        {"manifestation": [{"text": "Rash"}, {"text": "Swelling"}], "severity": "severe"}
    ]
    assert allergy["onsetDateTime"] == "2010-03-01"


def test_no_known_allergies_is_an_assertion(normalise, admission, only):
    """A written "NKDA" becomes the coded absence, the sender's words kept."""
    lines = [*admission[:6], "AL1|1|DA|^NKDA"]
    assert only(normalise(lines), "AllergyIntolerance")["code"] == {
        "coding": [
            {"system": "http://snomed.info/sct", "code": "409137002", "display": "No known drug allergy"}
        ],
        "text": "NKDA",
    }


def test_diagnosis_is_condition_and_part_of_the_encounter(normalise, admission, only):
    """DG1 gives a Condition with the visit, and the visit lists it with its role."""
    batch = normalise(admission)
    condition = only(batch, "Condition")
    assert condition["code"]["coding"][0]["code"] == "J18.9"
    diagnosis = only(batch, "Encounter")["diagnosis"][0]
    assert diagnosis["condition"]["reference"] == f"Condition/{condition['id']}"
    assert diagnosis["use"]["coding"][0]["code"] == "AD"


def test_people_without_identifier_are_contained(normalise, admission, only):
    """A doctor without a number is inside the resource that names him, never keyed by a name."""
    lines = [line.replace("C7^Consult^Clara", "^Consult^Clara") for line in admission]
    encounter = only(normalise(lines), "Encounter")
    inside = encounter["contained"][0]
    assert inside["resourceType"] == "Practitioner"
    assert encounter["participant"][0]["individual"] == {
        "reference": f"#{inside['id']}",
        "display": "Clara Consult",
    }


def test_result_values_keep_their_digits(normalise, result):
    """5.10 stays 5.10; unit, range, interpretation and note are there."""
    batch = normalise(result)
    potassium = next(r for r in batch.resources if r.get("valueQuantity"))
    assert str(potassium["valueQuantity"]["value"]) == "5.10"
    assert potassium["valueQuantity"]["code"] == "mmol/L"
    assert potassium["referenceRange"] == [
        {
            "low": {
                "value": Decimal("3.5"),
                "unit": "mmol/L",
                "system": "http://unitsofmeasure.org",
                "code": "mmol/L",
            },
            "high": {
                "value": Decimal("5.3"),
                "unit": "mmol/L",
                "system": "http://unitsofmeasure.org",
                "code": "mmol/L",
            },
            "text": "3.5-5.3",
        }
    ]
    assert potassium["interpretation"][0]["coding"] == [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
            "code": "H",
            "display": "High",
        }
    ]
    assert potassium["note"] == [{"text": "Repeat advised"}]
    assert potassium["effectiveDateTime"] == "2026-01-16T08:15:00+00:00"


def test_report_lists_its_results(normalise, result, only):
    """The report has status, code, issued, results, specimen, request and its own notes as one text."""
    batch = normalise(result)
    report = only(batch, "DiagnosticReport")
    assert report["status"] == "final"
    assert len(report["result"]) == 2
    assert report["issued"] == "2026-01-16T08:55:00+00:00"
    assert report["extension"][0]["valueAnnotation"] == {"text": "Sample slightly\nhaemolysed"}
    assert report["specimen"] and report["basedOn"]
    assert only(batch, "ServiceRequest")["status"] == "completed"


def test_order_that_nobody_placed_makes_no_request(normalise, result):
    """Without ORC and without a placer number there is a report and no ServiceRequest."""
    lines = [*result[:3], result[4].replace("PL-1^RXX", ""), result[7]]
    kinds = [one["resourceType"] for one in normalise(lines).resources]
    assert "DiagnosticReport" in kinds and "ServiceRequest" not in kinds


def obx(normalise, result, value, status="F", kind="NM", more=""):
    lines = [*result[:5], f"OBX|1|{kind}|2823-3^Potassium^LN||{value}|mmol/L||||||{more}".rstrip("|")]
    fields = lines[-1].split("|") + [""] * 12
    fields[11] = status
    return [
        r for r in normalise([*lines[:-1], "|".join(fields)]).resources if r["resourceType"] == "Observation"
    ]


def test_statuses_of_results(normalise, result):
    """OBX-11 by the closed map; nothing unknown becomes final."""
    wanted = {
        "P": "preliminary",
        "R": "preliminary",
        "S": "preliminary",
        "I": "registered",
        "F": "final",
        "U": "final",
        "V": "final",
        "A": "amended",
        "B": "amended",
        "C": "corrected",
        "D": "entered-in-error",
        "W": "entered-in-error",
        "X": "cancelled",
        "N": "final",
        "": "final",
        "?": "unknown",
    }
    assert {code: obx(normalise, result, "5", code)[0]["status"] for code in wanted} == wanted
    assert obx(normalise, result, "5", "O") == []


def test_absent_values_say_why(normalise, result):
    """Cancelled and not asked carry their reason, and only without a value (obs-6)."""
    assert obx(normalise, result, "", "X")[0]["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert obx(normalise, result, "", "N")[0]["dataAbsentReason"]["coding"][0]["code"] == "not-asked"
    assert "dataAbsentReason" not in obx(normalise, result, "5", "X")[0]


def test_number_that_is_none_is_never_dropped(normalise, result):
    """`<5` in a numeric result stays readable as text, with its unit."""
    assert obx(normalise, result, "<5")[0]["valueString"] == "<5 mmol/L"


def test_repeated_values_are_components(normalise, result):
    """Each repetition of OBX-5 is a component; there is no value beside them (obs-7)."""
    found = obx(normalise, result, "5.1~5.2")[0]
    assert [str(c["valueQuantity"]["value"]) for c in found["component"]] == ["5.1", "5.2"]
    assert "valueQuantity" not in found


def test_equal_results_of_one_report_stay_apart(normalise, result):
    """Two OBX with the same code and sub-id are two observations, by their ordinal."""
    lines = [*result[:5], result[7], result[7].replace("5.10", "5.20")]
    found = [one for one in normalise(lines).resources if one["resourceType"] == "Observation"]
    assert len({one["id"] for one in found}) == 2


def test_correction_meets_the_result_that_it_corrects(normalise, result):
    """The same filler number and code give the same ids, whatever the message id."""
    later = [line.replace("RES-1", "RES-2").replace("^Potassium^", "^Serum potassium^") for line in result]
    ids = [
        {r["id"] for r in normalise(m).resources if r["resourceType"] == "Observation"}
        for m in (result, later)
    ]
    assert ids[0] == ids[1]


def test_identifier_of_a_clinician_keeps_its_type(checked, admission, only):
    """XCN-13 says what kind of number it is; a place that is named is an instance, not a kind of place."""
    lines = [line.replace("C7^Consult^Clara", "C7^Consult^Clara^^^^^^NHS^^^^GMC") for line in admission]
    batch = checked(lines)
    practitioner = next(
        one
        for one in batch.resources
        if one["resourceType"] == "Practitioner" and one["name"][0]["family"] == "Consult"
    )
    assert practitioner["identifier"][0]["type"]["coding"][0]["code"] == "GMC"
    assert only(batch, "Location")["mode"] == "instance"
