"""OMP, RDE, RDS, RAS: the medicine that was ordered, handed out and given, with its dose as written."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F"
ORC = "ORC|NW|RX-1^RXX|||||||20260302090000|||C7^Consult^Clara"
TQ1 = "TQ1|1||BID||||20260302|20260309|R||After food"
RXO = "RXO|27658006^Amoxicillin^SCT|250|500|mg|TAB^Tablet||^Swallow whole||G||21|TAB|2|||||250|mg|^Chest infection"
RXE = (
    "RXE||27658006^Amoxicillin^SCT|500||mg|CAP^Capsule|^With water|||21|CAP|2|P4^Prescribe^Paul||RXN-9||||"
    "1500^mg||^Check allergies||||500|mg|^Chest infection"
)
RXR = "RXR|PO^Oral^HL70162"
RXC = "RXC|A|^Potassium chloride|20|mmol"
RXA = "RXA|0|1|20260302210000|20260302210500|27658006^Amoxicillin^SCT|500|mg||^Taken with tea|N3^Needle^Nora|||||LOT-1|202712||||CP|A"
RXD = "RXD|1|27658006^Amoxicillin^SCT|20260302110000|21|CAP||RXN-9|2||P5^Dispense^Dora"


def message(kind, *rest):
    header = rf"MSH|^~\&|RXS|RXX|EXCH|RXX|20260302090500||{kind}|RX-M-1|P|2.5.1"
    return (header, PID, *rest)


@pytest.mark.parametrize("kind", ["OMP^O09", "ORM^O01", "RDE^O11"])
def test_order_of_a_medicine(kind, checked, only, reasons):
    """A medicine is a MedicationRequest in every family, never a ServiceRequest."""
    batch = checked(message(kind, ORC, TQ1, RXO, RXR, RXC, "NTE|1||Review in a week"))
    order = only(batch, "MedicationRequest")
    assert (order["status"], order["intent"], order["priority"]) == ("active", "order", "routine")
    assert order["medicationCodeableConcept"]["coding"][0]["code"] == "27658006"
    (dosage,) = order["dosageInstruction"]
    dose = dosage["doseAndRate"][0]["doseRange"]
    assert [str(dose[end]["value"]) for end in ("low", "high")] == ["250", "500"]
    assert dosage["timing"]["repeat"]["frequency"] == 2
    assert dosage["timing"]["repeat"]["boundsPeriod"] == {"start": "2026-03-02", "end": "2026-03-09"}
    assert dosage["text"] == "Swallow whole; After food"
    assert dosage["route"]["coding"][0]["code"] == "PO"
    assert order["dispenseRequest"]["numberOfRepeatsAllowed"] == 2
    assert order["substitution"]["allowedCodeableConcept"]["coding"][0]["code"] == "G"
    notes = [one["text"] for one in order["note"]]
    assert notes == [
        "Form: Tablet",
        "Strength: 250 mg",
        "Additive: Potassium chloride, 20 mmol",
        "Review in a week",
    ]
    assert not [one for one in batch.resources if one["resourceType"] == "ServiceRequest"]
    assert ("kept", "message-not-mapped") not in reasons(batch)


def test_encoded_order_stands_before_the_asked_one(checked, only):
    """RXE is what is in force: its dose, its daily maximum, its prescription number."""
    order = only(checked(message("RDE^O11", ORC, RXO, RXE, RXR)), "MedicationRequest")
    (dosage,) = order["dosageInstruction"]
    assert dosage["doseAndRate"][0]["doseQuantity"]["unit"] == "mg"
    assert str(dosage["maxDosePerPeriod"]["numerator"]["value"]) == "1500"
    assert order["identifier"][-1] == {"value": "RXN-9"}
    assert order["requester"]["display"] == "Clara Consult"
    assert order["reasonCode"][0]["text"] == "Chest infection"


@pytest.mark.parametrize(
    ("control", "status"),
    [
        ("NW", "active"),
        ("DC", "stopped"),
        ("CR", "cancelled"),
        ("HD", "on-hold"),
        ("OC", "cancelled"),
        ("??", "unknown"),
    ],
)
def test_status_of_a_request(control, status, checked, only):
    """R4 tells stopped from cancelled; what nobody knows is unknown, not active."""
    orc = ORC.replace("ORC|NW", f"ORC|{control}")
    assert only(checked(message("OMP^O09", orc, RXO)), "MedicationRequest")["status"] == status


def test_each_timing_is_a_dosage(checked, only):
    """Two TQ1 are two dosages in their order, with the same dose."""
    second = TQ1.replace("BID", "QID").replace("After food", "Then")
    order = only(checked(message("OMP^O09", ORC, TQ1, second, RXO)), "MedicationRequest")
    assert [
        (one["sequence"], one["timing"]["repeat"]["frequency"]) for one in order["dosageInstruction"]
    ] == [
        (1, 2),
        (2, 4),
    ]


def test_given_medicine_names_its_request(checked, only):
    """RAS: dose, route, time, who gave it, from what order; place and lot stay readable."""
    batch = checked(message("RAS^O17", ORC, RXE, RXR, RXA))
    given = only(batch, "MedicationAdministration")
    assert given["status"] == "completed"
    assert given["effectivePeriod"]["start"] == "2026-03-02T21:00:00+00:00"
    assert given["dosage"]["dose"]["unit"] == "mg" and given["dosage"]["route"]["coding"][0]["code"] == "PO"
    assert given["request"] == {"reference": f"MedicationRequest/{only(batch, 'MedicationRequest')['id']}"}
    assert given["performer"][0]["actor"]["display"] == "Nora Needle"
    assert [one["text"] for one in given["note"]] == ["Taken with tea", "Lot: LOT-1; Expires: 2027-12"]


def test_each_administration_of_an_order_is_one(checked):
    """Several RXA under one ORC stay apart; a refused one is not done, a deleted one is in error."""
    refused = RXA.replace("|0|1|20260302210000", "|0|2|20260303090000").replace("|CP|A", "|RE|A")
    deleted = RXA.replace("|0|1|20260302210000", "|0|3|20260304090000").replace("|CP|A", "|CP|D")
    batch = checked(message("RAS^O17", ORC, RXA, refused, deleted))
    found = [one for one in batch.resources if one["resourceType"] == "MedicationAdministration"]
    assert [one["status"] for one in found] == ["completed", "not-done", "entered-in-error"]


def test_dispensed_medicine_names_its_prescription(checked, only):
    """RDS: quantity, when, by whom, under which prescription."""
    batch = checked(message("RDS^O13", ORC, RXE, RXD))
    handed = only(batch, "MedicationDispense")
    assert handed["quantity"]["unit"] == "CAP" and handed["whenHandedOver"] == "2026-03-02T11:00:00+00:00"
    assert handed["authorizingPrescription"][0]["reference"].startswith("MedicationRequest/")
    assert {"value": "RXN-9"} in handed["identifier"]


def test_medicine_without_name_and_bad_numbers(checked, only, reasons):
    """No medicine: absent with its reason; a dose that is no number is rejected alone."""
    rxo = RXO.replace("27658006^Amoxicillin^SCT", "").replace("|250|500|mg", "|some||mg")
    batch = checked(message("OMP^O09", ORC, rxo))
    order = only(batch, "MedicationRequest")
    assert order["medicationCodeableConcept"]["extension"][0]["valueCode"] == "unknown"
    assert ("rejected", "bad-number") in reasons(batch)
    assert "doseAndRate" not in order.get("dosageInstruction", [{}])[0]


def test_time_of_giving_that_nobody_said(checked, only):
    """Required in R4: absent with its reason, never now."""
    rxa = RXA.replace("20260302210000|20260302210500", "|")
    given = only(checked(message("RAS^O17", ORC, rxa)), "MedicationAdministration")
    assert given["effectivePeriod"]["extension"][0]["valueCode"] == "unknown"
