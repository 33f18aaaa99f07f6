"""What a member, a relay or a thief may try between two nodes, and what a crash leaves (envelope.md 16)."""

import asyncio
import json

import httpx
import pytest

from keys.envelope.draft import Claims, draft
from keys.envelope.framing import MEDIA_TYPE
from keys.envelope.manifest import FHIR_JSON
from keys.envelope.recipient import recipient_from_trust
from keys.envelope.seal import finish, signers_for_suite
from keys.syntax import b64u

pytestmark = pytest.mark.anyio
NORTH, SOUTH = "north.example", "south.example"
SEALED = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}


async def posted(port, body):
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(f"http://127.0.0.1:{port}/exchange", content=body, headers=SEALED)


def instead(monkeypatch, pair, answer_of):
    """What north's question gets in place of the real answer: `answer_of(envelope, real)`."""
    links = type(pair.north.node.links)
    real = links.post

    async def post(self, member, url, envelope, deadline):
        return await answer_of(envelope, lambda: real(self, member, url, envelope, deadline))

    monkeypatch.setattr(links, "post", post)


async def lost(pair, monkeypatch):
    """A request of north's that never arrived."""
    from gateway.exchange.links import LinkFailed

    kept = []

    async def never(envelope, _):
        kept.append(envelope)
        raise LinkFailed("unreachable")

    with monkeypatch.context() as patch:
        instead(patch, pair, never)
        await pair.ask()
    return kept[0]


async def test_the_same_bytes_at_two_workers_have_one_effect(pair, monkeypatch):
    """Two workers over one database, many copies at once: one leaf, one answer (ENV-11)."""
    from contextlib import AsyncExitStack

    from gateway.api.app import application
    from gateway.bootstrap import open_node
    from gateway.sandbox.federation import free_port

    request = await lost(pair, monkeypatch)
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(
            open_node(pair.south.runtime.settings, clock=pair.south.clock)
        )
        port = free_port(pair.north.port, pair.south.port)
        await stack.enter_async_context(pair.listening(application(other.services), port))
        replies = await asyncio.gather(
            *(posted(at, request) for at in (port, pair.south.port) for _ in range(6))
        )
        assert {reply.status_code for reply in replies} == {200}
        assert len({reply.content for reply in replies}) == 1
    assert (await pair.south.kinds()).count("answer") == 1


async def test_a_stolen_answer_of_an_earlier_question_is_not_taken(pair, monkeypatch):
    """An answer belongs to its question alone: another one's, a replayed one, a damaged one (ENV-12)."""
    kept = []

    async def taped(_, real):
        kept.append(await real())
        return kept[-1]

    with monkeypatch.context() as patch:
        instead(patch, pair, taped)
        await pair.ask()

    for body in (kept[0], kept[0][:-1], b"", b"CPX1" + bytes(5000)):

        async def old(_, real, body=body):
            await real()
            return body

        with monkeypatch.context() as patch:
            instead(patch, pair, old)
            failed = await pair.ask()
        assert failed.reason == "unverified"
    kinds = await pair.north.kinds()
    assert kinds.count("receive") == 1


def forged(pair, md, exp, *, suite=3, recipient=None, signer=None, req=None):
    """A response that south signs itself, to whom and about what it likes."""
    at = int(pair.south.clock().timestamp())
    side = signer or pair.south
    claims = Claims(
        kind="response", iss=side.node.member, typ=FHIR_JSON, exp=min(exp, at + 100), req=b64u(req or md)
    )
    trust = pair.north.runtime.members.current.trust
    to = recipient or recipient_from_trust(trust, NORTH, at=at)
    import os

    made = draft(claims, b"{}", [to], suite=suite, now=at, entropy=os.urandom)
    return finish(made, signers_for_suite(side.runtime.keys, suite, at=at)).envelope


async def test_an_answer_to_a_lasting_key_or_to_another_question_is_refused(pair, monkeypatch):
    """Signed by the right member, but sealed to the directory key: a later theft would open it (ENV-12, 17)."""
    from keys.envelope.framing import frame_from_bytes, frame_length

    async def static(envelope, real):
        await real()
        header = frame_from_bytes(envelope[: frame_length(envelope[:12], frozenset((3,)))]).header
        return forged(pair, bytes(32), header.exp)

    instead(monkeypatch, pair, static)
    assert (await pair.ask()).reason == "unverified"


async def test_responses_and_acks_have_no_business_at_the_endpoint(pair, monkeypatch):
    """Kinds other than a request are refused like garbage, whoever signed them (rule 3)."""
    at = int(pair.south.clock().timestamp())
    response = forged(pair, bytes(32), at + 60)
    assert (await posted(pair.north.port, response)).status_code == 400
    assert (await posted(pair.north.port, b"garbage")).content == (
        await posted(pair.north.port, response)
    ).content


async def test_a_crash_before_the_answer_was_kept_refuses_the_copy_and_takes_a_new_question(
    pair, monkeypatch
):
    """Leaf and spent id are committed, the answer is lost: the same bytes are refused, a new question works."""
    from gateway.audit.replay import SQLReplay

    request = await lost(pair, monkeypatch)
    monkeypatch.setattr("gateway.exchange.peer.endpoint.PATIENCE", 0.2)

    def dies(*_):
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(SQLReplay, "settle", dies)
        assert (await posted(pair.south.port, request)).status_code == 500
    assert (await posted(pair.south.port, request)).status_code == 400
    assert (await pair.south.kinds()).count("answer") == 1
    assert json.loads((await pair.ask()).content)["resourceType"] == "Bundle"


async def test_a_crash_before_the_commit_leaves_nothing_and_the_copy_is_answered(pair, monkeypatch):
    """Killed inside the answering unit: no leaf, no spent id; the same bytes are answered afterwards."""
    from gateway.exchange import release

    request = await lost(pair, monkeypatch)

    def dies(*_, **__):
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(release.exchanges, "record", dies)
        assert (await posted(pair.south.port, request)).status_code == 500
    assert "answer" not in await pair.south.kinds()
    assert (await posted(pair.south.port, request)).status_code == 200
    assert (await pair.south.kinds()).count("answer") == 1


async def test_a_key_revoked_while_the_question_is_answered_stops_the_answer(pair, monkeypatch):
    """Step 16: where trust moved on since the signatures were checked they are checked again in the unit."""
    import gateway.exchange.peer.endpoint as endpoint

    request = await lost(pair, monkeypatch)
    members = pair.south.runtime.members
    real, trust = endpoint.named_agreement, members.current.trust

    def moved(*given):
        found = real(*given)
        from dataclasses import replace

        north = trust.member(NORTH)
        kids = {key.kid: 1 for key in north.keys if key.use == "sig"}
        fresh = dict(trust.members) | {NORTH: replace(north, revoked=kids)}
        newer = replace(trust, version=trust.version + 1, members=fresh)
        monkeypatch.setattr(members, "_members", replace(members.current, trust=newer))
        monkeypatch.setattr(members, "reload", lambda: False)
        return found

    monkeypatch.setattr(endpoint, "named_agreement", moved)
    assert (await posted(pair.south.port, request)).status_code == 400
    assert "answer" not in await pair.south.kinds()


async def test_denial_and_a_small_answer_weigh_the_same(pair, monkeypatch):
    """On the wire a refusal, nothing known and a Patient have one length (ENV-16)."""
    sizes = []

    async def weighed(_, real):
        body = await real()
        sizes.append(len(body))
        return body

    instead(monkeypatch, pair, weighed)
    await pair.south.hears()
    await pair.ask(members=pair.query(types=["Patient"]))
    await pair.ask(members=pair.query("patient_unknown_everywhere", types=["Patient"]))
    await pair.ask(agreement="d9@1")
    await pair.south.permit(NORTH)
    await pair.ask(members=pair.query(types=["Patient"]))
    assert len(set(sizes)) == 1
