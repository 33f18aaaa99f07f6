"""A whole exchange between two nodes where one has nothing but suite 1."""

import json
from dataclasses import replace

import pytest

pytestmark = pytest.mark.anyio
NORTH, SOUTH = "north.example", "south.example"


async def switch(pair, *, listed, **suites):
    """Both nodes' keys of suite 1, and the shared members file: what it lists, and each node's own suites."""
    from gateway.directory.own import own_record
    from keys.algorithms import CLASSICAL_KEM
    from keys.trust import trust_list, trust_list_to_json

    now, records = int(pair.north.clock().timestamp()), []
    old = pair.north.runtime.members.current.trust
    for id, side in pair.sides.items():
        own = side.runtime.keys
        own.create("sig", "ES256", nbf=now - 60, exp=now + 86_400)
        own.create("enc", CLASSICAL_KEM, nbf=now - 60, exp=now + 47 * 3600)
        name = id.partition(".")[0]
        made = own_record(own, id, federation=old.federation, previous=old.member(id), suites=suites[name])
        records.append(replace(made, min_suite=min(suites[name])))
    new = trust_list(old.version + 1, old.expires, records, federation=old.federation, suites=listed)
    path = pair.north.runtime.settings.directory.members
    assert path.samefile(pair.south.runtime.settings.directory.members)
    path.write_bytes(trust_list_to_json(new))


@pytest.mark.parametrize(("north", "south"), [((3, 2, 1), (1,)), ((1,), (3, 2, 1))])
async def test_question_answer_and_acknowledgement_go_in_suite_1(pair, north, south):
    """All three list it and nothing better is common: records come back in it, and the answer is acknowledged."""
    from gateway.exchange.peer.acks import acknowledged, deliver

    await switch(pair, listed=(3, 2, 1), north=north, south=south)
    await pair.south.hears()
    for side in (pair.north, pair.south):
        await side.permit(NORTH)
    answered = await pair.ask()
    assert answered.suite == 1
    assert [e for e in json.loads(answered.content)["entry"] if e["resource"]["resourceType"] == "Patient"]
    await pair.everything()
    assert await deliver(pair.north.node) == 1
    rows = await pair.south.runtime.database.read(lambda c: c.execute(acknowledged.select()).all())
    assert [row.result for row in rows] == ["accepted"]


@pytest.mark.parametrize(
    ("listed", "north", "south"),
    [((3, 2), (3, 2, 1), (1,)), ((3, 2, 1), (3, 2), (1,)), ((3, 2, 1), (1,), (3, 2))],
)
async def test_where_one_of_the_three_has_it_off_nothing_is_sent(pair, listed, north, south):
    """The list, the asking member, the asked one: each of them alone keeps suite 1 off."""
    from gateway.exchange.peer.ask import Failed

    await switch(pair, listed=listed, north=north, south=south)
    await pair.south.hears()
    await pair.south.permit(NORTH)
    assert isinstance(await pair.ask(), Failed)
    assert not [leaf for leaf in await pair.south.leaves() if leaf.kind == "answer"]


async def test_two_that_have_more_in_common_do_not_use_it(pair):
    """Suite 1 is on everywhere, and yet the highest that both list is taken."""
    await switch(pair, listed=(3, 2, 1), north=(3, 2, 1), south=(3, 2, 1))
    await pair.south.hears()
    await pair.south.permit(NORTH)
    assert (await pair.ask()).suite == 3
