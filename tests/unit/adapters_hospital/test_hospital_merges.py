"""Merges, links and moves (S09 to S18): every order of arrival, and as one file of several messages."""

import pytest

OLD = "PID|1||4711^^^RXX^MR||WARDLESS^Winifred||19580704|F|||1 Ward Lane^^Leeds"
NEW = "PID|1||4799^^^RXX^MR||WARDLESS^Winifred Ann||19580704|F"
THIRD = "PID|1||4788^^^RXX^MR||WARDLESS^Winifred||19580704|F"


def mrg(number, **fields):
    """MRG-1 and others by number."""
    said = {1: f"{number}^^^RXX^MR" if number else ""} | {
        int(key[1:]): value for key, value in fields.items()
    }
    return "|".join(["MRG", *(said.get(n, "") for n in range(1, max(said) + 1))])


def pv1(number="V-1", place="W1^1^A"):
    return f"PV1|1|I|{place}" + "|" * 16 + (f"{number}^^^RXX" if number else "")


def by_number(found):
    """Patients by their first identifier."""
    return {one["identifier"][0]["value"]: one for one in found["Patient"]}


def links(patient, patients):
    """Types of link by the number of the other."""
    names = {f"Patient/{one['id']}": number for number, one in patients.items()}
    return {names[one["other"]["reference"]]: one["type"] for one in patient.get("link", ())}


def active(patient):
    return patient.get("active", True)


@pytest.mark.parametrize("event", ["A40", "A18", "A30", "A34", "A36", "A39"])
def test_S_09_a_merge_links_both_ways_and_rewrites_nothing(ward, in_every_order, event):
    """S09: old inactive and replaced-by new; new replaces old and shows its number as old; the visit stays."""
    found = in_every_order(
        ward.says("A01", OLD, pv1()), ward.says("A28", NEW), ward.says(event, NEW, mrg("4711"))
    )
    patients = by_number(found)
    old, new = patients["4711"], patients["4799"]
    assert not active(old) and links(old, patients) == {"4799": "replaced-by"}
    assert active(new) and links(new, patients) == {"4711": "replaces"}
    assert [(one["value"], one.get("use")) for one in new["identifier"]] == [("4799", None), ("4711", "old")]
    assert found["Encounter"][0]["subject"]["reference"] == f"Patient/{old['id']}"
    assert old["name"][0]["given"] == ["Winifred"] and "address" in old


def test_S_10_an_unknown_record_becomes_a_stub_that_fills(ward, in_every_order):
    """S10: the merge alone makes an inactive stub of old; what comes later for old lands there."""
    merge = ward.says("A40", NEW, mrg("4711", f7="WARDLESS^W"))
    patients = by_number(in_every_order(merge))
    assert not active(patients["4711"]) and links(patients["4711"], patients) == {"4799": "replaced-by"}
    patients = by_number(in_every_order(merge, ward.says("A08", OLD)))
    assert patients["4711"]["name"][0]["given"] == ["Winifred"] and not active(patients["4711"])


def test_S_11_merges_form_a_chain(ward, in_every_order):
    """S11: a to b, b to c: each link stays, only c is active."""
    found = in_every_order(ward.says("A40", NEW, mrg("4711")), ward.says("A40", THIRD, mrg("4799")))
    patients = by_number(found)
    assert {number: active(one) for number, one in patients.items()} == {
        "4711": False,
        "4799": False,
        "4788": True,
    }
    assert links(patients["4799"], patients) == {"4711": "replaces", "4788": "replaced-by"}


def test_S_12_a_circle_is_refused(ward, in_every_order, normalise, reasons):
    """S12: a to b stands, b to a is `merge-cycle` and changes nothing."""
    first, back = ward.says("A40", NEW, mrg("4711")), ward.says("A40", OLD, mrg("4799"))
    for messages in ((first, back), (back, first)):
        batch = normalise(b"".join("\r".join(one).encode() + b"\r" for one in messages))
        assert ("failed", "merge-cycle") in reasons(batch) and batch.losses.balanced
        patients = by_number({"Patient": [p for p in batch.resources if p["resourceType"] == "Patient"]})
        assert links(patients["4711"], patients) == {"4799": "replaced-by"}
        assert links(patients["4799"], patients) == {"4711": "replaces"}
        assert "address" not in patients["4711"]


def test_S_13_groups_of_one_message_stand_alone(ward, in_every_order, checked, reasons):
    """S13: of three merges in a message the one without a number fails, the one in a circle fails, one stands."""
    message = ward.says(
        "A40",
        NEW,
        mrg("4711"),
        THIRD,
        "MRG||||||||",
        "PID|1||4711^^^RXX^MR||WARDLESS^Winifred",
        mrg("4799"),
        "PID|1||5001^^^RXX^MR||HOLLIN^Tobias",
        mrg("5002"),
    )
    batch = checked(message)
    assert ("failed", "merge-cycle") in reasons(batch) and batch.quarantine is None
    patients = by_number({"Patient": [p for p in batch.resources if p["resourceType"] == "Patient"]})
    assert links(patients["4711"], patients) == {"4799": "replaced-by"}
    assert links(patients["5002"], patients) == {"5001": "replaced-by"}
    assert "4788" in patients and "link" not in patients["4788"]


@pytest.mark.parametrize("event", ["A40", "A47", "A45"])
def test_S_13_a_merge_of_nobody_is_told(ward, checked, reasons, event):
    """A merge or a move without MRG: the patient is taken in, and the ledger says that the rest was not there."""
    batch = checked(ward.says(event, NEW, pv1()))
    assert ("failed", "fragment") in reasons(batch) and batch.losses.status == "partial"
    assert batch.quarantine is None and not batch.merges


def test_S_14_an_unlink_restores_both_exactly(ward, in_every_order):
    """S14: A37 after the merge leaves both as if nothing had been, save for what the messages themselves said."""
    known = ward.says("A01", OLD, pv1()), ward.says("A28", NEW)
    before = by_number(in_every_order(*known))
    found = in_every_order(*known, ward.says("A40", NEW, mrg("4711")), ward.says("A37", OLD, NEW))
    assert by_number(found) == before
    assert found["Encounter"][0]["subject"]["reference"] == f"Patient/{before['4711']['id']}"


def test_S_15_naming_the_merged_record_changes_it_and_nothing_else(ward, in_every_order, checked, reasons):
    """S15: A08 of the old number updates the old record, still merged; the ledger remarks it."""
    merge = ward.says("A40", NEW, mrg("4711"))
    later = ward.says("A08", OLD.replace("Leeds", "York"))
    patients = by_number(in_every_order(merge, later))
    assert patients["4711"]["address"][0]["city"] == "York" and not active(patients["4711"])
    assert links(patients["4799"], patients) == {"4711": "replaces"}
    batch = checked("\r".join([*merge, *later]).encode())
    assert ("assumed", "patient") in reasons(batch)


def test_S_16_a_link_is_no_merge(ward, in_every_order):
    """S16: A24 is `seealso` both ways and nobody inactive; A37 removes it."""
    linked = ward.says("A24", OLD, NEW)
    patients = by_number(in_every_order(linked))
    assert links(patients["4711"], patients) == {"4799": "seealso"} and active(patients["4711"])
    assert links(patients["4799"], patients) == {"4711": "seealso"} and active(patients["4799"])
    found = in_every_order(linked, ward.says("A37", OLD, NEW))
    assert not any("link" in one for one in found["Patient"])


@pytest.mark.parametrize("event", ["A46", "A47", "A48"])
def test_S_17_a_changed_number_is_shown_as_old(ward, in_every_order, event):
    """S17: a secondary number changes: the same Patient, both numbers, the former one `old`."""
    nhs = "PID|1||9990001006^^^NHS^NH~{}^^^RXX^MR||WARDLESS^Winifred"
    found = in_every_order(
        ward.says("A28", nhs.format("4711")), ward.says(event, nhs.format("4799"), mrg("4711"))
    )
    patients = by_number(found)
    uses = {one["value"]: one.get("use") for one in patients["9990001006"]["identifier"]}
    assert uses == {"9990001006": None, "4799": None, "4711": "old"}


def test_S_17_an_identifier_moves_to_the_other_patient(ward, in_every_order):
    """S17: A43: the number is of the other patient now, and no more of the first."""
    found = in_every_order(ward.says("A28", OLD), ward.says("A28", NEW), ward.says("A43", NEW, mrg("4711")))
    (new,) = [one for one in found["Patient"] if "identifier" in one]
    (other,) = [one for one in found["Patient"] if one is not new]
    assert [(one["value"], one.get("use")) for one in new["identifier"]] == [("4799", None), ("4711", None)]
    assert "identifier" not in other


def test_S_18_a_visit_moves_to_the_right_patient(ward, in_every_order):
    """S18: A45: the same Encounter, about the other patient; what was known of it stays."""
    found = in_every_order(
        ward.says("A01", OLD, pv1()),
        ward.says("A28", NEW),
        ward.says("A45", NEW, mrg("4711", f5="V-1^^^RXX"), pv1()),
    )
    (encounter,) = found["Encounter"]
    assert encounter["subject"]["reference"] == f"Patient/{by_number(found)['4799']['id']}"
    assert encounter["status"] == "in-progress"


def test_S_18_a_renumbered_visit_is_what_it_was(ward, in_every_order):
    """S18: A50: the visit under its new number has all that was known; the former number is in error."""
    found = in_every_order(
        ward.says("A01", OLD, pv1()),
        ward.says("A50", OLD, mrg("4711", f5="V-1^^^RXX"), "PV1|1||" + "|" * 16 + "V-2^^^RXX"),
    )
    by_status = {one["status"]: one for one in found["Encounter"]}
    assert set(by_status) == {"in-progress", "entered-in-error"}
    visit = by_status["in-progress"]
    assert [(one["value"], one.get("use")) for one in visit["identifier"]] == [("V-2", None), ("V-1", "old")]
    assert visit["location"][0]["location"]["display"] == "W1, 1, A"


def test_S_18_an_alternate_number_changes(ward, in_every_order):
    """S18: A51: MRG-6 is an old number of the same visit."""
    visit = pv1() + "|" * 31 + "ALT-2^^^RXX"
    found = in_every_order(
        ward.says("A01", OLD, pv1()), ward.says("A51", OLD, mrg("4711", f6="ALT-1^^^RXX"), visit)
    )
    (encounter,) = found["Encounter"]
    uses = {one["value"]: one.get("use") for one in encounter["identifier"]}
    assert uses == {"V-1": None, "ALT-2": None, "ALT-1": "old"}


def test_S_18_merged_visits_leave_one(ward, in_every_order):
    """S18: A42: the surviving visit takes the number of the other, which is entered in error."""
    found = in_every_order(
        ward.says("A01", OLD, pv1("V-1")),
        ward.says("A01", OLD, pv1("V-2", "W2^2^B")),
        ward.says("A42", OLD, mrg("4711", f5="V-1^^^RXX"), pv1("V-2", "W2^2^B")),
    )
    by_status = {one["status"]: one for one in found["Encounter"]}
    assert set(by_status) == {"in-progress", "entered-in-error"}
    uses = {one["value"]: one.get("use") for one in by_status["in-progress"]["identifier"]}
    assert uses == {"V-2": None, "V-1": "old"}


@pytest.mark.parametrize("event", ["A35", "A41", "A44", "A49"])
def test_S_18_accounts_are_kept(ward, checked, reasons, event):
    """S18: what is said of accounts stays as it came; nobody is merged or moved."""
    batch = checked(ward.says(event, OLD, mrg("4711", f3="ACC-1^^^RXX")))
    assert ("kept", "message-not-mapped") in reasons(batch) and not batch.merges
    assert not any("link" in one for one in batch.resources)
