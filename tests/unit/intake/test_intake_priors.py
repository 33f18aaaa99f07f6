"""Merges by a number that keys no record (normalisation.md 3.4, S09, S10), at the node and in a file."""

import json
from datetime import UTC, datetime

import pytest

from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Identifier
from gateway.intake.losses import sum_losses
from gateway.intake.single import Options, normalise_input

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 5, tzinfo=UTC)
MRN = "https://st-brides.example/id/mrn"
OLD = "PID|1||4711^^^RXX~K-77^^^CLINIC||WARDLESS^Winifred||19580704|F"
SAME_CARD = "PID|1||4722^^^RXX~K-77^^^CLINIC||TWICE^Tilda||19610203|F"
NEW = "PID|1||4799^^^RXX||WARDLESS^Ann||19580704|F"
VISIT = "PV1|1|I|W1^1^2" + "|" * 16 + "V-1^^^RXX"


def says(event, *segments, at):
    head = f"MSH|^~\\&|PAS|RXX|GW|RXX|202601{at:02d}1000||ADT^{event}|{event}-{at}|P|2.5"
    return ("\r".join([head, f"EVN|{event}|202601{at:02d}1000", *segments]) + "\r").encode()


ADMIT_OLD, ADD_NEW = says("A01", OLD, VISIT, at=1), says("A28", NEW, at=2)
ADD_SAME = says("A28", SAME_CARD, at=2)
MERGE = says("A40", NEW, "MRG|K-77^^^CLINIC", at=3)


@pytest.fixture
def send(ward, feed):
    async def one(body):
        ack = await ward.intake.receive_message(body, feed, HospitalNormaliser(), AT)
        return ack.decode().split("\rMSA|")[1][:2]

    return one


async def patients_of(ward, number):
    """Patients of the person of a number, by their first identifier."""
    who = (await ward.room(lambda r: r.index.resolve((Identifier(MRN, number),)))).person
    rows = await ward.room(lambda r: r.records.of_person(who))
    found = [json.loads(row.body) for row in rows]
    return {p["identifier"][0]["value"]: p for p in found if p["resourceType"] == "Patient"}


async def test_the_one_record_that_bears_the_number_is_retired(ward, send):
    """Its own record is inactive and replaced, nobody else is made up, and a remark says that it was meant."""
    for body in (ADMIT_OLD, ADD_NEW, MERGE):
        assert await send(body) == "AA"
    found = await patients_of(ward, "4799")
    assert set(found) == {"4711", "4799"}
    assert found["4711"]["active"] is False
    assert [one["type"] for one in found["4711"]["link"]] == ["replaced-by"]
    assert found["4711"]["name"][0]["family"] == "WARDLESS"
    assert found["4799"]["link"][0]["other"]["reference"] == f"Patient/{found['4711']['id']}"


async def test_the_same_message_again_changes_nothing(ward, send):
    """Merged by the number once more, under another control id: the same two records, linked once."""
    for body in (ADMIT_OLD, ADD_NEW, MERGE, says("A40", NEW, "MRG|K-77^^^CLINIC", at=4)):
        assert await send(body) == "AA"
    found = await patients_of(ward, "4799")
    assert set(found) == {"4711", "4799"}
    assert len(found["4799"]["link"]) == 1


async def test_nobody_chooses_among_several(ward, send):
    """Two records with the number: both stay active, the merge is a stub, and its line says why."""
    for body in (ADMIT_OLD, ADD_SAME, MERGE):
        assert await send(body) == "AA"
    for number in ("4711", "4722"):
        assert (await patients_of(ward, number))[number].get("active") is not False


async def test_a_second_successor_is_remarked(ward, send):
    """a to b, then a to c: both links stand, and the ledger of the second says that they contradict."""
    third = "PID|1||4788^^^RXX||WARDLESS^Win||19580704|F"
    for body in (ADMIT_OLD, ADD_NEW, says("A40", NEW, "MRG|4711^^^RXX", at=3)):
        assert await send(body) == "AA"
    assert await send(says("A40", third, "MRG|4711^^^RXX", at=4)) == "AA"
    old = (await patients_of(ward, "4711"))["4711"]
    assert [one["type"] for one in old["link"]] == ["replaced-by", "replaced-by"]
    sums = await ward.database.read(lambda c: sum_losses(c, "adt", reasons=["conflict"]))
    assert [(one.key, one.items) for one in sums] == [("altered/conflict", 1)]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ((ADMIT_OLD, ADD_NEW, MERGE), ["patient"]),
        ((ADMIT_OLD, ADD_SAME, MERGE), ["no-key"]),
        ((ADD_NEW, MERGE), []),
    ],
)
async def test_a_file_of_messages_does_the_same(messages, said):
    """`carepact normalise` means the same record, and says so in the ledger; a number of nobody is a stub."""
    options = Options(at=AT, format="hl7v2", source="adt", custodian="st-brides.example")
    single = normalise_input(b"".join(messages), "file.hl7", options)
    entries = single.losses["entries"]
    found = [e["reason"] for e in entries if e["disposition"] == "assumed" and "MRG" in e["position"]]
    assert found == said
    people = [entry["resource"] for entry in json.loads(single.bundle)["entry"]]
    retired = [p for p in people if p["resourceType"] == "Patient" and p.get("active") is False]
    assert len(retired) == 1
    assert (retired[0]["identifier"][0]["value"] == "4711") is (said == ["patient"])
