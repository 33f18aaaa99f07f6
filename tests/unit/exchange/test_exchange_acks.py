"""Acknowledgements: one for each verified answer, by the outbox, taken only for what was really sent."""

import json

import pytest

pytestmark = pytest.mark.anyio
NORTH, SOUTH = "north.example", "south.example"


@pytest.fixture
async def answered(pair):
    """North asked and got a record; the acknowledgement waits in its outbox."""
    await pair.south.hears()
    for side in (pair.north, pair.south):
        await side.permit(NORTH)
    await pair.everything()
    return pair


async def waiting(side):
    from gateway.outbox import sql

    return await side.runtime.database.read(sql.waiting)


async def said_of(side):
    from sqlalchemy import select

    from gateway.exchange.peer.acks import acknowledged

    def read(connection):
        return [(row.md, row.member, row.result) for row in connection.execute(select(acknowledged))]

    return await side.runtime.database.read(read)


async def errand(side, **changed):
    """The one row of the outbox, with its payload changed."""
    from sqlalchemy import select, update

    from gateway.outbox.sql import outbox

    def change(connection):
        row = connection.execute(select(outbox)).one()
        payload = json.dumps(json.loads(row.payload) | changed).encode()
        connection.execute(update(outbox).values(payload=payload, due=0))
        return row

    return await side.runtime.database.write(change)


async def test_a_verified_answer_is_acknowledged_to_its_sender(answered):
    """It waits in the outbox, is delivered once, and the sender knows by which answer it is."""
    from gateway.exchange.peer.acks import deliver

    assert (await waiting(answered.north), await said_of(answered.south)) == (1, [])
    assert await deliver(answered.north.node) == 1
    (answer,) = [leaf for leaf in await answered.south.leaves() if leaf.kind == "answer"]
    assert await said_of(answered.south) == [(answer.md, NORTH, "accepted")]
    assert await waiting(answered.north) == 0
    assert await deliver(answered.north.node) == 0


@pytest.mark.parametrize("claim", ["md", "req", "env"])
async def test_an_acknowledgement_of_what_was_never_sent_is_refused(answered, claim):
    """Another digest of the answer, of the request or of the envelope: refused like garbage (ENV-12, rule 6)."""
    from gateway.exchange.peer.acks import deliver

    await errand(answered.north, **{claim: "A" * 43})
    assert await deliver(answered.north.node) == 0
    assert await said_of(answered.south) == []
    assert await waiting(answered.north) == 0, "refused for good: nothing is tried again"


async def test_a_member_that_is_down_gets_the_very_same_bytes_later(answered, monkeypatch):
    """Not reached: due again after a while; the bytes of the first attempt are those of the last."""
    from gateway.exchange.links import LinkFailed, Links
    from gateway.exchange.peer.acks import deliver

    real, sent = Links.deliver, []

    async def down(self, member, url, envelope, deadline):
        sent.append(envelope)
        raise LinkFailed("unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(Links, "deliver", down)
        assert await deliver(answered.north.node) == 0
        assert await deliver(answered.north.node) == 0
    assert len(sent) == 1, "it was not due yet"

    async def taped(self, member, url, envelope, deadline):
        sent.append(envelope)
        await real(self, member, url, envelope, deadline)

    monkeypatch.setattr(Links, "deliver", taped)
    answered.north.clock.seconds = 6
    assert await deliver(answered.north.node) == 1
    assert sent[0] == sent[1]
    assert len(await said_of(answered.south)) == 1


async def test_a_copy_of_an_acknowledgement_changes_nothing(answered, monkeypatch):
    """Taken once; the same bytes again are 204 and no second word."""
    import httpx

    from gateway.exchange.links import Links
    from gateway.exchange.peer.acks import deliver
    from keys.envelope.framing import MEDIA_TYPE

    real, sent = Links.deliver, []

    async def taped(self, member, url, envelope, deadline):
        sent.append((url, envelope))
        await real(self, member, url, envelope, deadline)

    monkeypatch.setattr(Links, "deliver", taped)
    await deliver(answered.north.node)
    ((url, envelope),) = sent
    async with httpx.AsyncClient(trust_env=False) as client:
        again = await client.post(url, content=envelope, headers={"Content-Type": MEDIA_TYPE})
    assert (again.status_code, again.content) == (204, b"")
    assert len(await said_of(answered.south)) == 1


async def test_what_is_past_is_given_up_and_said(answered):
    """After the life of a message nothing is sent any more."""
    from structlog.testing import capture_logs

    from gateway.exchange.peer.acks import deliver

    answered.north.clock.seconds = 601
    with capture_logs() as lines:
        assert await deliver(answered.north.node) == 0
    assert [line["event"] for line in lines] == ["outbox_expired"]
    assert await waiting(answered.north) == 0


async def test_an_answer_about_somebody_else_is_acknowledged_as_quarantined(answered, monkeypatch):
    """The sender learns that its record is mixed up."""
    import gateway.exchange.fanout as fanout
    from gateway.exchange.peer.acks import deliver
    from gateway.exchange.peer.contribution import BadContribution

    await deliver(answered.north.node)

    def mixed_up(*_):
        raise BadContribution("quarantined")

    monkeypatch.setattr(fanout, "contributed", mixed_up)
    answer = await answered.everything()
    assert [(row["state"], row.get("reason")) for row in answer.sources if row["org"] == SOUTH] == [
        ("failed", "quarantined")
    ]
    await deliver(answered.north.node)
    assert sorted(result for _, _, result in await said_of(answered.south)) == ["accepted", "quarantined"]
