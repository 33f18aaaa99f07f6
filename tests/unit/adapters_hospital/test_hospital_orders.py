"""ORM, OML, OMG: what was ordered, when it is wanted, why, with what specimen."""

import pytest

PID = "PID|1||9990001006^^^NHS^NH||WARDLESS^Winifred||19580704|F"
ORC = "ORC|NW|PL-5^RXX||GR-1^RXX|||||20260302090000|||C7^Consult^Clara||0113 496 0001^WPN^PH||^Second opinion"
OBR = "OBR|1|PL-5^RXX||58410-2^Full blood count^LN|R|20260303|||||||On iron||||||||||||||||||^Tiredness"
TQ1 = "TQ1|1|2^tube|Q6H|||5^D|20260303080000|20260308080000|S|if fasting|Before breakfast|||3"


def message(kind, *rest):
    header = rf"MSH|^~\&|OCS|RXX|EXCH|RXX|20260302090500||{kind}|ORD-1|P|2.5.1"
    return (header, PID, *rest)


@pytest.mark.parametrize("kind", ["ORM^O01", "OML^O21^OML_O21", "OMG^O19", "OML^O33", "OML^O35"])
def test_order_of_any_family(kind, checked, only, reasons):
    """Number, group, service, reasons, requester, callback and status are the same in every family."""
    batch = checked(message(kind, ORC, OBR))
    request = only(batch, "ServiceRequest")
    assert (request["status"], request["intent"], request["priority"]) == ("active", "order", "routine")
    assert request["requisition"]["value"] == "GR-1"
    assert request["code"]["coding"][0]["code"] == "58410-2"
    assert request["reasonCode"][0]["text"] == "Tiredness"
    assert request["occurrenceDateTime"] == "2026-03-03"
    assert request["requester"]["display"] == "Clara Consult"
    urls = {one["url"].rpartition("/")[2] for one in request["extension"]}
    assert urls == {"request-statusReason", "servicerequest-order-callback-phone-number"}
    assert ("kept", "message-not-mapped") not in reasons(batch)


def test_timing_of_an_order(checked, only):
    """TQ1: pattern with its meaning, bounds, count, amount, urgency; words stay words."""
    request = only(checked(message("OML^O21", ORC, TQ1, OBR)), "ServiceRequest")
    timing = request["occurrenceTiming"]
    assert timing["code"]["coding"][0]["code"] == "Q6H"
    repeat = timing["repeat"]
    assert (repeat["frequency"], int(repeat["period"]), repeat["periodUnit"]) == (1, 6, "h")
    assert repeat["boundsPeriod"]["start"] == "2026-03-03T08:00:00+00:00" and repeat["count"] == 3
    assert request["priority"] == "routine" and request["quantityQuantity"]["unit"] == "tube"
    assert [one["text"] for one in request["note"]] == ["if fasting", "Before breakfast"]
    assert "occurrenceDateTime" not in request


def test_old_timing_inside_orc(checked, only):
    """ORC-7 of old versions says the same."""
    orc = ORC.replace("GR-1^RXX|||||", "GR-1^RXX|||1^BID^D7^202603030800^^S||")
    request = only(checked(message("ORM^O01", orc, OBR.replace("|R|", "||"))), "ServiceRequest")
    assert request["priority"] == "stat"
    assert request["occurrenceTiming"]["repeat"]["frequency"] == 2
    assert request["occurrenceTiming"]["repeat"]["boundsPeriod"]["start"].startswith("2026-03-03T08:00")


def test_specimen_diagnosis_and_facts_of_an_order(checked, only):
    """SPM is its specimen, DG1 its reason, OBX what supports it."""
    batch = checked(
        message(
            "OML^O21",
            ORC,
            OBR,
            "DG1|1||D50.9^Iron deficiency^I10|||W",
            "OBX|1|NM|29463-7^Weight^LN||61.50|kg|||||F",
            "SPM|1|SP-9&RXX||BLD",
        )
    )
    request = only(batch, "ServiceRequest")
    assert request["specimen"] == [{"reference": f"Specimen/{only(batch, 'Specimen')['id']}"}]
    assert request["reasonReference"] == [{"reference": f"Condition/{only(batch, 'Condition')['id']}"}]
    assert request["supportingInfo"][-1] == {"reference": f"Observation/{only(batch, 'Observation')['id']}"}


def test_order_without_any_number(checked, only, reasons):
    """It is an order all the same, keyed by the message, and says so."""
    batch = checked(message("ORM^O01", "ORC|NW", OBR.replace("PL-5^RXX", "")))
    only(batch, "ServiceRequest")
    assert ("assumed", "no-key") in reasons(batch)


def test_bad_times_go_alone(checked, only, reasons):
    """An impossible start is rejected; a pattern that nobody knows is a code; the order stays."""
    tq1 = TQ1.replace("20260303080000", "20261340").replace("Q6H", "WHENEVER")
    batch = checked(message("OML^O21", ORC, tq1, OBR))
    timing = only(batch, "ServiceRequest")["occurrenceTiming"]
    assert timing["code"]["coding"][0]["code"] == "WHENEVER" and "frequency" not in timing["repeat"]
    assert ("rejected", "bad-date") in reasons(batch)
