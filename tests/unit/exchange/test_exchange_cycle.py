"""The cycle of exchange.md, driven over the HTTP surface of one node."""

import pytest

pytestmark = pytest.mark.anyio


async def test_everything_of_a_permitted_patient_comes_from_every_source(standing):
    """A permitted question is answered by all three sources, and the statement says so."""
    await standing.hospital_says()
    await standing.permit()
    reply = await standing.find()
    assert reply.status_code == 200
    print(reply.json())
    reply = await standing.everything(await standing.patient_id())
    assert reply.status_code == 200
