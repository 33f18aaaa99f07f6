"""A member says that the patient herself asks: its word opens nothing that no agreement is for."""

import json

import pytest

pytestmark = pytest.mark.anyio


async def asked_as_herself(pair, **access):
    """North asks as if the patient did; what south answered."""
    (about,) = pair.query()["subject"]["identifier"]
    said = {"purpose": ["PATRQT"], "roles": [], "person": f"{about['system']}|{about['value']}"} | access
    answered = await pair.ask(members=pair.query(access=said), purpose="PATRQT")
    return json.loads(answered.content)


async def test_the_word_of_a_member_that_she_asks_herself_needs_an_agreement_for_it(pair):
    """The agreement of the two is for treatment: a record asked for as the patient's own is refused, sealed."""
    await pair.south.hears()
    outcome = await asked_as_herself(pair)
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["diagnostics"] == "dsa-purpose"
    assert await pair.south.kinds() == ["answer"]
