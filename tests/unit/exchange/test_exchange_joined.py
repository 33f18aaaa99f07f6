"""What was said of two persons who turn out to be one."""

from datetime import timedelta

import pytest

from adapters.interface import Identifier
from consent.errors import Uncomputable
from gateway.exchange.consents import Grant

pytestmark = pytest.mark.anyio

MRN = "https://st-brides.example/id/mrn"


@pytest.mark.promise("P4")
async def test_a_refusal_under_another_number_of_hers_binds_after_they_are_joined(standing):
    """Permit under the NHS number, refusal under the hospital's: joined by a message, nothing leaves."""
    patient = standing.population.find("patient_with_full_record")
    await standing.permit()
    refusal = Grant(deny=("TREAT",), to=(standing.caller,), id="refusal")
    hers = Identifier(MRN, patient.person.mrn)
    await standing.runtime.consents.grant(hers, refusal, standing.act())
    await standing.hospital_says()
    bundle = (await standing.find()).json()
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["OperationOutcome"]
    for identifier in (hers, standing.identifier("patient_with_full_record")):
        told = await standing.runtime.consents.of_patient(identifier, standing.clock())
        assert {one.id for one in told} == {"c1", "refusal"}


async def test_a_consent_from_the_future_is_refused(standing):
    """One that would be stored and not bind is refused with its element, and nothing is stored."""
    await standing.permit()
    held = await standing.runtime.consents.get("c1")
    later = (standing.clock() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = held.document.replace(b'"dateTime":"', b'"dateTime":"' + later.encode() + b'","_x":"', 1)
    document = document.replace(b'","_x":"' + document.split(b'","_x":"')[1].split(b'"')[0], b"", 1)
    with pytest.raises(Uncomputable, match="dateTime"):
        await standing.runtime.consents.record(held.subject, document, standing.act())
