"""A practice answers with somebody's record under another's number, once."""

import pytest

pytestmark = pytest.mark.anyio


def _refs(reply):
    resources = [entry["resource"] for entry in reply.json()["entry"][1:]]
    return {f"{r['resourceType']}/{r['id']}" for r in resources if not r["id"].endswith("-p")}


@pytest.mark.promise("P5")
async def test_a_record_once_filed_under_anothers_number_is_not_lost_to_its_owner(standing):
    """F-3: the mix-up is quarantined and named; afterwards the owner's record is what it was, and only hers."""
    await standing.hospital_says()
    await standing.permit()
    id = await standing.patient_id(source="adt")
    before = _refs(await standing.everything(id))
    await standing.permit("patient_with_hostile_text", id="c2")
    for mock in (standing.gp, standing.specialist):
        mock.faults.replace([{"kind": "wrong_patient", "disguised": True}])
    mixed = await standing.find("patient_with_hostile_text")
    told = [issue["details"]["text"] for issue in mixed.json()["entry"][0]["resource"]["issue"]]
    assert any(text.startswith("greenfield.example/gp") and "quarantined" in text for text in told)
    assert not before & _refs(mixed)
    for mock in (standing.gp, standing.specialist):
        mock.faults.reset()
    assert _refs(await standing.everything(id)) == before
