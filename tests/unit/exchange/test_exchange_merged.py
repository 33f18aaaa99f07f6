"""A merge in the hospital's feed: the old record is released with the new one, and every refusal counts."""

import pytest

from adapters.interface import Identifier
from gateway.exchange.consents import Grant
from gateway.sandbox.mocks.hospital_messages import messages_of

pytestmark = pytest.mark.anyio

MRN = "https://st-brides.example/id/mrn"
FORMER = "660099"
LABEL = "patient_with_full_record"


def _message(event, *segments, at):
    head = f"MSH|^~\\&|PAS|RXX|GW|RXX|2026010{at}1000+0000||ADT^{event}|MERGED-{event}-{at}|P|2.5"
    return ("\r".join([head, f"EVN|{event}|2026010{at}1000+0000", *segments]) + "\r").encode()


@pytest.fixture
def hospital(standing):
    """Send one event; `pid` is the PID of the patient as the hospital itself writes it."""
    patient = standing.population.find(LABEL)
    body = messages_of(patient, patient.hospital, standing.population.seed)[0].body.decode()
    pid = next(line for line in body.split("\r") if line.startswith("PID"))
    authority = next(one for one in pid.split("|")[3].split("~") if patient.person.mrn in one)
    former = authority.replace(patient.person.mrn, FORMER)

    async def say(event, *, at):
        segments = {
            "A01": [f"PID|1||{former}||FORMER^Freda", "PV1|1|I|W9^9^9" + "|" * 16 + "V-FORMER"],
            "A40": [pid, f"MRG|{former}"],
            "A37": [pid, f"PID|1||{former}||FORMER^Freda"],
        }[event]
        bound = standing.source("adt")
        ack = await standing.node.intake.receive_message(
            _message(event, *segments, at=at), bound.source, bound.normaliser, standing.clock()
        )
        assert b"MSA|AA" in ack

    return say


async def _visits(standing):
    id = await standing.patient_id(LABEL, source="adt")
    bundle = (await standing.everything(id)).json()
    named = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Encounter"]
    return [one for one in named if "V-FORMER" in str(one.get("identifier"))]


async def test_a_merged_record_is_released_with_the_one_in_its_place(standing, hospital):
    """The visit under the former number leaves with the record after the merge, and not before or after it."""
    await standing.hospital_says()
    await standing.permit()
    await hospital("A01", at=1)
    assert not await _visits(standing)
    await hospital("A40", at=2)
    assert len(await _visits(standing)) == 1
    await hospital("A37", at=3)
    assert not await _visits(standing)


@pytest.mark.promise("P4")
async def test_a_refusal_under_the_merged_number_binds_for_both(standing, hospital):
    """Permitted under her number, refused under the one that is merged into it: nothing leaves."""
    await standing.hospital_says()
    await standing.permit()
    await hospital("A01", at=1)
    refusal = Grant(deny=("TREAT",), to=(standing.caller,), id="refusal")
    await standing.runtime.consents.grant(Identifier(MRN, FORMER), refusal, standing.act())
    assert len((await standing.find()).json()["entry"]) > 1
    await hospital("A40", at=2)
    bundle = (await standing.find()).json()
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["OperationOutcome"]
