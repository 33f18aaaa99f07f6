"""PD1, PV2, ZBE and the rest of PID: what a ward and a registry ask beside the name."""

MSH = r"MSH|^~\&|PAS|RXX|EXCH|RXX|20260115143000||ADT^A02^ADT_A02|ADM-2|P|2.5"
PID = "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F"
PV1 = "PV1|1|I|W4^2^B^RXX||||||||||||||||V-99^^^RXX"


def fields(name, **said):
    """A segment by field number."""
    numbered = {int(key[1:]): value for key, value in said.items()}
    return "|".join([name, *(numbered.get(n, "") for n in range(1, max(numbered) + 1))])


def test_person_beyond_the_name(checked, only):
    """County, citizenship, nationality, handicap, worship and a living will have their places."""
    pid = fields(
        "PID", f3="9990001006^^^NHS^NH", f5="WARDLESS^Winifred", f12="West Riding", f26="GBR", f28="IRL"
    )
    pd1 = fields("PD1", f6="W^Wheelchair", f7="Y", f14="St Bride")
    batch = checked([MSH, pid, pd1])
    patient = only(batch, "Patient")
    assert patient["address"] == [{"district": "West Riding"}]
    names = [one["url"].rpartition("/")[2] for one in patient["extension"]]
    assert names == [
        "patient-citizenship",
        "patient-nationality",
        "patient-disability",
        "patient-congregation",
    ]
    will = only(batch, "Observation")
    assert (
        will["valueCodeableConcept"]["coding"][0]["code"] == "Y"
        and will["code"]["coding"][0]["code"] == "75320-2"
    )


def test_county_joins_the_only_address(checked, only):
    """One address without a district takes PID-12; nothing is said twice."""
    pid = fields("PID", f3="9990001006^^^NHS^NH", f11="1 Ward Lane^^Leeds", f12="West Riding")
    assert only(checked([MSH, pid]), "Patient")["address"] == [
        {"line": ["1 Ward Lane"], "city": "Leeds", "district": "West Riding"}
    ]


def test_visit_beyond_the_ward(checked, only):
    """Expected times, length, priority, arrival, referrer and the place that was expected."""
    pv2 = fields(
        "PV2",
        f1="W9^1^A^RXX",
        f3="^Fall",
        f8="20260115",
        f9="20260120",
        f11="5",
        f13="R1^Refer^Rita",
        f25="1",
        f38="A",
    )
    visit = only(checked([MSH, PID, PV1, pv2]), "Encounter")
    assert visit["reasonCode"][0]["text"] == "Fall"
    assert (int(visit["length"]["value"]), visit["length"]["code"]) == (5, "d")
    assert visit["priority"]["coding"][0]["code"] == "EM"
    assert [one["status"] for one in visit["location"]] == ["active", "planned"]
    assert visit["participant"][0]["type"][0]["coding"][0]["code"] == "REF"
    assert len(visit["extension"]) == 3


def test_movement_is_on_the_present_place(checked, only, reasons):
    """ZBE INSERT: its time and id on the ward of PV1-3; what is left of it stays raw."""
    batch = checked([MSH, PID, PV1, "ZBE|MV-7|20260115141500||INSERT|N||Ward 4"])
    place = only(batch, "Encounter")["location"][0]
    assert (place["id"], place["period"]) == ("MV-7", {"start": "2026-01-15T14:15:00+00:00"})
    assert ("kept", "z-segment") in reasons(batch)


def test_cancelled_movement_changes_no_place(checked, only):
    """ZBE CANCEL names a movement that did not happen: PV1-3 is where the patient is."""
    place = only(checked([MSH, PID, PV1, "ZBE|MV-7|20260115141500||CANCEL|N"]), "Encounter")["location"][0]
    assert "period" not in place
