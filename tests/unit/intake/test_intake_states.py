"""States of a hospital's records through the node's own intake (normalisation.md 3.4), on both databases."""

import itertools
import json
from datetime import UTC, datetime

import pytest

from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Identifier
from gateway.intake.losses import losses_of, sum_losses

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 5, tzinfo=UTC)
MRN = "https://st-brides.example/id/mrn"
OLD = "PID|1||4711^^^RXX||WARDLESS^Winifred||19580704|F|||1 Ward Lane^^Leeds"
NEW = "PID|1||4799^^^RXX||WARDLESS^Ann||19580704|F"
THIRD = "PID|1||4788^^^RXX||WARDLESS^Win||19580704|F"
VISIT = "PV1|1|I|W1^1^2" + "|" * 16 + "V-1^^^RXX"
NORMALISER = HospitalNormaliser()


def says(event, *segments, kind="ADT", at):
    head = f"MSH|^~\\&|PAS|RXX|GW|RXX|202601{at:02d}1000||{kind}^{event}|{event}-{at}|P|2.5"
    return ("\r".join([head, f"EVN|{event}|202601{at:02d}1000", *segments]) + "\r").encode()


def result(pid, status, at, value="5.1"):
    return says(
        "R01", pid, "OBR|1||F-1^LAB|2823-3^Potassium^LN|||||||||||||||||||||" + status,
        f"OBX|1|NM|2823-3^Potassium^LN||{value}|mmol/L|||||{status}", kind="ORU", at=at,
    )  # fmt: skip


@pytest.fixture
def send(ward, feed):
    """The code of the acknowledgement, and of its error if there is one."""

    async def one(body):
        ack = (await ward.intake.receive_message(body, feed, NORMALISER, AT)).decode()
        code = ack.split("\rMSA|")[1][:2]
        return code, ack.split("\rERR|")[1].split("|")[2][:3] if "\rERR|" in ack else None

    return one


async def person(ward, number):
    return (await ward.room(lambda r: r.index.resolve((Identifier(MRN, number),)))).person


async def patients(ward, number):
    """Records of the person of a number: Patients by first identifier, and all by type."""
    who = await person(ward, number)
    rows = await ward.room(lambda r: r.records.of_person(who))
    found = [json.loads(row.body) for row in rows]
    named = {p["identifier"][0]["value"]: p for p in found if p["resourceType"] == "Patient"}
    return named, found


async def losses(ward, intake):
    return await ward.database.read(lambda c: losses_of(c, intake))


def kinds(found, kind):
    return [one for one in found if one["resourceType"] == kind]


def link_types(patient):
    return [one["type"] for one in patient.get("link", ())]


ADMIT_OLD, ADD_NEW = says("A01", OLD, VISIT, at=1), says("A28", NEW, at=2)
MERGE, UNLINK = says("A40", NEW, "MRG|4711^^^RXX", at=3), says("A37", OLD, NEW, at=4)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_S_09_the_old_record_is_found_from_the_new_one(ward, send, order):
    """S09: in every order of arrival: linked both ways, old inactive, its visit found under the new number."""
    for n in order:
        assert (await send((ADMIT_OLD, ADD_NEW, MERGE)[n]))[0] == "AA"
    named, found = await patients(ward, "4799")
    assert named["4711"]["active"] is False and link_types(named["4711"]) == ["replaced-by"]
    assert link_types(named["4799"]) == ["replaces"] and "active" not in named["4799"]
    (visit,) = kinds(found, "Encounter")
    assert visit["subject"]["reference"] == f"Patient/{named['4711']['id']}"
    assert await person(ward, "4711") == await person(ward, "4799")


async def test_S_10_what_comes_later_for_an_unknown_record_is_found(ward, send):
    """S10: a stub of old; a visit that comes for old afterwards lands there and is found from new."""
    assert (await send(MERGE))[0] == "AA"
    named, _ = await patients(ward, "4799")
    assert named["4711"]["active"] is False
    await send(ADMIT_OLD)
    named, found = await patients(ward, "4799")
    assert len(kinds(found, "Encounter")) == 1 and named["4711"]["address"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_S_11_a_chain_is_one_person(ward, send, order):
    """S11: a to b and b to c in either order: one person, only c active."""
    steps = MERGE, says("A40", THIRD, "MRG|4799^^^RXX", at=4)
    for n in order:
        assert (await send(steps[n]))[0] == "AA"
    named, _ = await patients(ward, "4788")
    assert {n: one.get("active", True) for n, one in named.items()} == {
        "4711": False,
        "4799": False,
        "4788": True,
    }


async def test_S_12_a_circle_is_refused_and_nothing_changes(ward, send):
    """S12: AE, kept as intake `merge-cycle`, no record changed, and its lines say so."""
    await send(MERGE)
    before = await patients(ward, "4799")
    code, _ = await send(says("A40", OLD, "MRG|4799^^^RXX", at=5))
    assert code == "AE" and await patients(ward, "4799") == before
    (newest, *_) = await ward.intake.newest("adt")
    assert (newest.state, newest.reason) == ("quarantined", "merge-cycle")
    lines = await losses(ward, newest.intake)
    assert [line.reason for line in lines] == ["merge-cycle"]


async def test_S_13_a_bad_group_does_not_stop_the_others(ward, send):
    """S13: of two merges in a message one closes a circle: that one fails, the other is done, AA with W."""
    await send(MERGE)
    both = says("A40", OLD, "MRG|4799^^^RXX", THIRD, "MRG|5002^^^RXX", at=5)
    assert (await send(both)) == ("AA", "102")
    named, _ = await patients(ward, "4788")
    assert link_types(named["5002"]) == ["replaced-by"]
    named, _ = await patients(ward, "4799")
    assert link_types(named["4711"]) == ["replaced-by"] and "address" not in named["4711"]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 1, 3, 2), (2, 3, 0, 1)])
async def test_S_14_an_unlink_parts_them_exactly(ward, send, order):
    """S14: after A37 two persons again, both active, each with the records that were its own."""
    for n in order:
        assert (await send((ADMIT_OLD, ADD_NEW, MERGE, UNLINK)[n]))[0] == "AA"
    assert await person(ward, "4711") != await person(ward, "4799")
    old, found = await patients(ward, "4711")
    new, others = await patients(ward, "4799")
    assert set(old) == {"4711"} and set(new) == {"4799"}
    assert "link" not in old["4711"] and "active" not in old["4711"] and "link" not in new["4799"]
    assert [one["value"] for one in new["4799"]["identifier"]] == ["4799"]
    assert len(kinds(found, "Encounter")) == 1 and not kinds(others, "Encounter")


async def test_S_15_naming_the_merged_record_is_remarked(ward, send):
    """S15: the old record is updated and still merged; the ledger remarks it."""
    for message in (ADMIT_OLD, ADD_NEW, MERGE, says("A08", OLD.replace("Leeds", "York"), at=5)):
        assert (await send(message))[0] == "AA"
    named, _ = await patients(ward, "4799")
    assert named["4711"]["address"][0]["city"] == "York" and named["4711"]["active"] is False
    (newest, *_) = await ward.intake.newest("adt")
    lines = await losses(ward, newest.intake)
    assert ("assumed", "patient") in {(line.disposition, line.reason) for line in lines}


async def test_S_16_a_link_joins_nobody(ward, send):
    """S16: `seealso` both ways, two persons; A37 removes it."""
    for message in (ADMIT_OLD, ADD_NEW, says("A24", OLD, NEW, at=3)):
        await send(message)
    assert await person(ward, "4711") != await person(ward, "4799")
    assert link_types((await patients(ward, "4711"))[0]["4711"]) == ["seealso"]
    await send(UNLINK)
    assert link_types((await patients(ward, "4711"))[0]["4711"]) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_S_18_a_moved_visit_is_in_one_record(ward, send, order):
    """S18: A45 in every order of arrival: the visit is the other patient's, and no more the first one's."""
    move = says("A45", NEW, "MRG|4711^^^RXX||||V-1^^^RXX", VISIT, at=3)
    for n in order:
        assert (await send((ADMIT_OLD, ADD_NEW, move)[n]))[0] == "AA"
    assert len(kinds((await patients(ward, "4799"))[1], "Encounter")) == 1
    assert not kinds((await patients(ward, "4711"))[1], "Encounter")


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
async def test_S_18_a_renumbered_visit_keeps_what_was_known(ward, send, order):
    """S18: A50 before or after what it renumbers: place and class are those of the admission."""
    renumber = says("A50", OLD, "MRG|4711^^^RXX||||V-1^^^RXX", "PV1|1||" + "|" * 16 + "V-2^^^RXX", at=3)
    for n in order:
        assert (await send((ADMIT_OLD, renumber)[n]))[0] == "AA"
    visits = {one["status"]: one for one in kinds((await patients(ward, "4711"))[1], "Encounter")}
    assert set(visits) == {"in-progress", "entered-in-error"}
    assert visits["in-progress"]["location"][0]["location"]["display"] == "W1, 1, 2"


async def test_S_23_what_was_an_error_is_somebody_elses_under_its_own_id(ward, send):
    """S23: F and W under a, then the same filler under b: a entered-in-error, b a resource of its own."""
    for body in (result(OLD, "F", 1), result(OLD, "W", 2, ""), result(NEW, "F", 3)):
        assert (await send(body))[0] == "AA"
    (first,) = kinds((await patients(ward, "4711"))[1], "Observation")
    (second,) = kinds((await patients(ward, "4799"))[1], "Observation")
    assert (
        first["status"] == "entered-in-error" and second["status"] == "final" and first["id"] != second["id"]
    )
    assert (await send(result(NEW, "C", 4, "5.2")))[0] == "AA"
    (second,) = kinds((await patients(ward, "4799"))[1], "Observation")
    assert second["status"] == "corrected"


async def test_S_24_the_same_result_of_another_patient_is_quarantined(ward, send):
    """S24: AE, `wrong-patient` with its line, neither record changed."""
    await send(result(OLD, "F", 1))
    await send(ADD_NEW)
    before = await patients(ward, "4711"), await patients(ward, "4799")
    assert (await send(result(NEW, "F", 3)))[0] == "AE"
    assert (await patients(ward, "4711"), await patients(ward, "4799")) == before
    (newest, *_) = await ward.intake.newest("adt")
    assert newest.reason == "wrong-patient"
    assert [one.reason for one in await losses(ward, newest.intake)] == ["wrong-patient"]


async def test_S_24_a_merged_patient_is_nobody_else(ward, send):
    """After the merge the laboratory names the new number: the result is the same one, corrected."""
    for body in (result(OLD, "F", 1), ADD_NEW, MERGE, result(NEW, "C", 4, "5.3")):
        assert (await send(body))[0] == "AA"
    (found,) = kinds((await patients(ward, "4799"))[1], "Observation")
    assert found["status"] == "corrected"


async def test_S_34_a_broken_message_costs_itself_alone(ward, feed):
    """S34: a batch of five with the third broken: four effects, one AE, the ledger on the third."""
    good = [says("A28", f"PID|1||60{n}^^^RXX||BATCH^Bea", at=n) for n in (1, 2, 4, 5)]
    body = b"".join([*good[:2], says("A28", "PID|1||||BATCH^Nobody", at=3), *good[2:]])
    acks = (await ward.intake.receive_message(body, feed, NORMALISER, AT)).decode()
    assert [part[:2] for part in acks.split("\rMSA|")[1:]] == ["AA", "AA", "AE", "AA", "AA"]
    kept = {one.reason: one for one in await ward.intake.newest("adt")}
    assert len(await ward.intake.newest("adt")) == 5 and set(kept) == {None, "no-patient"}
    lines = await losses(ward, kept["no-patient"].intake)
    assert {line.reason for line in lines} == {"no-patient"}


async def test_S_35_nobody_is_parked_and_found(ward, send):
    """S35: a clinical message without identifier: AE, nothing stored, found as a loss `no-patient`."""
    assert (await send(says("A01", "PID|1||||WARDLESS^Winifred", VISIT, at=1)))[0] == "AE"
    sums = await ward.database.read(lambda c: sum_losses(c, "adt", reasons=["no-patient"]))
    assert [one.key for one in sums] == ["failed/no-patient"]
