"""VXU: what was given, refused or withdrawn, and what was observed with it."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F"
MSH = r"MSH|^~\&|GPS|RXX|EXCH|RXX|20260220101500||VXU^V04^VXU_V04|VAX-1|P|2.5.1"
ORC = "ORC|RE|PL-7^RXX|FI-7^RXX||||||20260220100000|||C7^Consult^Clara"
RXA = (
    "RXA|0|1|20260220095900||207^Covid-19 mRNA^CVX|0.30|mL^millilitre^UCUM||00^New record^NIP001|"
    "N3^Needle^Nora|^^^RXX^^^^^1 Ward Lane^^Leeds^^LS1 1AA||||LOT-A~LOT-B|202612|MOD^Moderna^MVX|||CP|A|20260220101000"
)
RXR = "RXR|IM^Intramuscular^HL70162|LD^Left deltoid^HL70163"
SHOT = (MSH, PID, ORC, RXA, RXR)


def with_field(line, number, value):
    """The segment with one field set."""
    fields = line.split("|") + [""] * 30
    fields[number] = value
    return "|".join(fields).rstrip("|")


def changed(**fields):
    """The shot with RXA fields replaced: `changed(f20="RE")`."""
    line = RXA
    for name, value in fields.items():
        line = with_field(line, int(name[1:]), value)
    return (MSH, PID, ORC, line, RXR)


def test_shot_with_product_and_people(checked, only, reasons):
    """Vaccine, time, dose with its digits, lots, expiry at its precision, maker, route, site, both people."""
    batch = checked(SHOT)
    shot = only(batch, "Immunization")
    assert (shot["status"], shot["occurrenceDateTime"]) == ("completed", "2026-02-20T09:59:00+00:00")
    assert shot["vaccineCode"]["coding"][0]["system"] == "http://hl7.org/fhir/sid/cvx"
    assert (str(shot["doseQuantity"]["value"]), shot["doseQuantity"]["code"]) == ("0.30", "mL")
    assert (shot["lotNumber"], shot["expirationDate"]) == ("LOT-A, LOT-B", "2026-12")
    assert shot["route"]["coding"][0]["code"] == "IM" and shot["site"]["coding"][0]["code"] == "LD"
    assert [one["function"]["coding"][0]["code"] for one in shot["performer"]] == ["AP", "OP"]
    assert shot["manufacturer"]["display"] == "Moderna"
    assert shot["recorded"] == "2026-02-20T10:10:00+00:00" and shot["primarySource"] is True
    assert only(batch, "Location")["address"]["postalCode"] == "LS1 1AA"
    assert ("kept", "message-not-mapped") not in reasons(batch)


@pytest.mark.parametrize("code", ["RE", "NA"])
def test_refused_shot_is_not_done(code, checked, only):
    """A refusal must never read as given, and its reason stays."""
    shot = only(checked(changed(f20=code, f18="00^Parental decision^NIP002")), "Immunization")
    assert shot["status"] == "not-done"
    assert shot["statusReason"]["text"] == "Parental decision"


REASON = "00^Parental decision^NIP002"


@pytest.mark.parametrize(
    ("code", "reason"), [("REFUSED", ""), ("RF", REASON), ("", REASON), ("ZZ", REASON), ("Not done", "")]
)
def test_any_word_of_a_refusal_is_not_done(code, reason, checked, only):
    """A refusal in local words, or a reason for one beside an empty or unknown status: never `completed`."""
    assert only(checked(changed(f20=code, f18=reason)), "Immunization")["status"] == "not-done"


def test_an_unknown_completion_is_neither_given_nor_refused(checked):
    """No Immunization is made up, and the line is an error."""
    batch = checked(changed(f20="ZZ"))
    assert "Immunization" not in {one["resourceType"] for one in batch.resources}
    assert ("RXA[1]-20", "bad-code") in {(e.position, e.reason) for e in batch.losses.entries}
    assert batch.losses.status == "partial"


def test_given_beside_a_reason_for_refusal_is_remarked(checked, only):
    """Both are kept as they were said, and the contradiction is a line."""
    batch = checked(changed(f20="CP", f18=REASON))
    assert only(batch, "Immunization")["status"] == "completed"
    assert ("RXA[1]-18", "conflict") in {(e.position, e.reason) for e in batch.losses.entries}


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("", "", "completed"),
        ("ZZ", "", "unknown"),
        ("REFUSED", "", "not-done"),
        ("", "S^Asleep^L", "not-done"),
    ],
)
def test_a_dose_not_known_to_be_given_is_not_completed(code, reason, status, checked, only):
    """RAS reads as VXU does; an administration can be `unknown`."""
    given = with_field(with_field("RXA|0|1|20260220100000||A1^Morphine^L|5|mg", 18, reason), 20, code)
    lines = (MSH.replace("VXU^V04^VXU_V04", "RAS^O17"), PID, "ORC|RE|PL-8^RXX", given, "RXR|IV")
    assert only(checked(lines), "MedicationAdministration")["status"] == status


def test_part_of_a_shot_is_marked(normalise, only):
    """Partially administered: completed, and not potent."""
    assert only(normalise(changed(f20="PA")), "Immunization")["isSubpotent"] is True


def test_deleted_shot_is_entered_in_error(checked, normalise, only):
    """RXA-21 D wins over RXA-20, in the same resource as the shot that it withdraws."""
    gone = only(checked(changed(f21="D")), "Immunization")
    assert gone["status"] == "entered-in-error"
    assert gone["id"] == only(normalise(SHOT), "Immunization")["id"]


def test_no_vaccine_administered_is_none(checked):
    """Code 998 is not a shot; what was observed still is."""
    lines = (*changed(f5="998^No vaccine^CVX"), "OBX|1|CE|59784-9^Immunity^LN|1|HepB^Hepatitis B^L||||||F")
    kinds = [one["resourceType"] for one in checked(lines).resources]
    assert "Immunization" not in kinds and kinds.count("Observation") == 1


def test_status_that_nobody_said_is_assumed(checked, only):
    """Completed, tagged."""
    shot = only(checked(changed(f20="", f3="")), "Immunization")
    assert shot["status"] == "completed" and shot["occurrenceString"] == "unknown"
    assert {"system": "urn:carepact:assumed", "code": "status"} in shot["meta"]["tag"]


def test_orders_with_one_number_stay_apart(checked):
    """A filler number that several orders share, or 9999, identifies none of them."""
    second = with_field(RXA, 5, "140^Influenza^CVX")
    for number in ("FI-7^RXX", "9999^RXX"):
        orc = with_field(ORC, 3, number)
        batch = checked((MSH, PID, orc, RXA, RXR, orc, second))
        assert len({one["id"] for one in batch.resources if one["resourceType"] == "Immunization"}) == 2


def test_observations_belong_to_their_shot(checked, only):
    """Eligibility, funding, dose number and statement are in the Immunization, each OBX an Observation of it."""
    lines = (
        *SHOT,
        "OBX|1|CE|64994-7^Eligibility^LN|1|V02^Medicaid^HL70064||||||F",
        "OBX|2|CE|30963-3^Funding^LN|1|PHC70^Private^CDCPHINVS||||||F",
        "OBX|3|NM|30973-2^Dose number^LN|1|2||||||F",
        "OBX|4|DT|29768-9^Statement published^LN|2|20250101||||||F",
        "OBX|5|DT|29769-7^Statement given^LN|2|20260220||||||F",
        "OBX|6|CE|31044-1^Reaction^LN|3|39579001^Anaphylaxis^SCT||||||F",
        "OBX|7|CE|69764-9^Document type^LN|2|VIS-7^Leaflet^L||||||F",
        "OBX|8|DT|29768-9^Statement published^LN|4|20250101||||||F",
    )
    batch = checked(lines)
    shot = only(batch, "Immunization")
    link = {"reference": f"Immunization/{shot['id']}"}
    observed = [one for one in batch.resources if one["resourceType"] == "Observation"]
    assert len(observed) == 8 and all(one["partOf"] == [link] for one in observed)
    assert shot["programEligibility"][0]["coding"][0]["code"] == "V02"
    assert shot["fundingSource"]["coding"][0]["code"] == "PHC70"
    assert shot["protocolApplied"] == [{"doseNumberPositiveInt": 2}]
    # imm-1: the date of sub-id 4 names no document, so it stays in its Observation alone
    said = {"documentType": "VIS-7", "publicationDate": "2025-01-01", "presentationDate": "2026-02-20"}
    assert shot["education"] == [said]
    assert shot["reaction"][0]["detail"]["reference"].startswith("Observation/")


def test_order_mark_covers_the_shot(normalise, only, marks):
    """ORC-28 is on the Immunization, not on the Patient."""
    batch = normalise((MSH, PID, with_field(ORC, 28, "V"), RXA))
    assert marks(only(batch, "Immunization")) == {"V"} and marks(only(batch, "Patient")) == set()


def test_bad_shot_leaves_the_next(checked, only, reasons):
    """A vaccine without a code is no Immunization, a bad dose goes alone; the others are complete."""
    bad = with_field(with_field(RXA, 6, "half"), 16, "20261399")
    batch = checked((MSH, PID, ORC, with_field(RXA, 5, ""), ORC, bad))
    shot = only(batch, "Immunization")
    assert "doseQuantity" not in shot and "expirationDate" not in shot
    assert {("rejected", "bad-number"), ("rejected", "bad-date")} <= reasons(batch)
    assert batch.quarantine is None


def test_a_shot_of_nothing_named_is_lost_aloud(normalise):
    """R4 demands what was given: without RXA-5 there is no Immunization, and the ledger does not say all is well."""
    batch = normalise(changed(f5="^^CVX"))
    assert not [r for r in batch.resources if r["resourceType"] == "Immunization"]
    assert ("rejected", "bad-code", "RXA[1]") in {
        (e.disposition, e.reason, e.position) for e in batch.losses.entries
    }
    assert batch.losses.status == "partial" and batch.losses.balanced
