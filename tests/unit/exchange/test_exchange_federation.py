"""One question over two nodes: both decide, both record, and the answer says of each what became of it."""

import base64
import json

import pytest

pytestmark = pytest.mark.anyio
NORTH, SOUTH = "north.example", "south.example"


@pytest.fixture
async def shared(pair):
    """South has her record, she permits north at both desks."""
    await pair.south.hears()
    for side in (pair.north, pair.south):
        await side.permit(NORTH)
    return pair


def rows(answer):
    return {(row["org"], row.get("source", "")): row for row in answer.sources}


def told(answer):
    return {name: (row["state"], row.get("reason")) for name, row in rows(answer).items()}


def included(answer):
    return [e["resource"] for e in answer.bundle["entry"] if e.get("search", {}).get("mode") == "include"]


async def test_records_of_the_other_node_come_under_its_own_addresses_with_its_signed_word(shared):
    """Counts, manifest digest, Provenance of the contributor, `reach`: one object says it everywhere."""
    answer = await shared.everything()
    row = rows(answer)[(SOUTH, "adt")]
    assert (row["state"], answer.statement["reach"], answer.complete) == ("answered", "federation", True)
    assert row["counts"] == answer.counts()
    matches = [e for e in answer.bundle["entry"] if e.get("search", {}).get("mode") == "match"]
    base = shared.south.node.base
    assert {e["fullUrl"] for e in matches} == {
        f"{base}/{e['resource']['resourceType']}/{e['resource']['id']}" for e in matches
    }
    contributor, _assembly = included(answer)
    assert contributor["agent"][0]["who"]["identifier"]["value"] == SOUTH
    assert {t["reference"] for t in contributor["target"]} == {e["fullUrl"] for e in matches}
    signed = json.loads(base64.b64decode(contributor["signature"][0]["data"]))
    import hashlib

    from keys.syntax import b64u, unb64u

    assert b64u(hashlib.sha256(unb64u(signed["payload"])).digest()) == row["manifest"]


async def test_both_ledgers_pair_and_the_evidence_is_kept(shared):
    """ask, answer, receive, deliver: each names the one before; the manifest stays provable with its blind."""
    from gateway.exchange.peer import evidence

    answer = await shared.everything()
    ours = [leaf for leaf in await shared.north.leaves() if leaf.kind in ("ask", "receive", "deliver")]
    (theirs,) = [leaf for leaf in await shared.south.leaves() if leaf.kind == "answer"]
    assert [leaf.kind for leaf in ours] == ["ask", "receive", "deliver"]
    assert (theirs.req, theirs.md) == (ours[0].md, ours[1].md)

    def read(connection):
        return evidence.of_exchange(connection, answer.exchange, shared.north.node.room(connection).vault)

    (kept,) = await shared.north.runtime.database.read(read)
    assert (kept.md, kept.req, len(kept.blind)) == (theirs.md, theirs.req, 32)


async def test_a_withdrawal_there_is_seen_by_the_next_exchange(shared):
    """Withdrawn at the custodian's desk alone: nothing comes, and it looks like nothing known."""
    assert (await shared.everything()).resources
    await shared.south.withdraw()
    answer = await shared.everything()
    assert answer.resources == ()
    assert told(answer)[(SOUTH, "adt")] == ("not-available", None)


async def test_a_refusal_known_here_holds_for_what_another_node_would_send(shared):
    """Both gateways evaluate: what she refused at north is not shown at north, whoever sends it."""
    await shared.north.withdraw()
    answer = await shared.everything()
    assert answer.resources == ()
    assert told(answer)[(SOUTH, "adt")] == ("not-available", None)
    assert await shared.south.kinds() == ["answer"]


@pytest.mark.parametrize("side", ["north", "south"])
async def test_an_agreement_suspended_by_either_side_is_honoured_by_both(shared, side):
    """North knows: nobody is asked. Only south knows: it refuses. Either way nothing comes."""
    await getattr(shared, side).agreement("suspend", "d1@1", getattr(shared, side).node.member)
    answer = await shared.everything()
    assert answer.resources == ()
    if side == "north":
        assert told(answer)[(SOUTH, "")] == ("not-asked", "dsa-suspended")
        assert await shared.south.kinds() == []
    else:
        assert told(answer)[(SOUTH, "adt")] == ("not-asked", "dsa-suspended")


async def test_a_dead_node_costs_its_own_line_only(shared):
    """Nobody listens there: `failed`, `unreachable`; the answer says partial, and what is ours still comes."""
    await shared.north.hears()
    links = shared.north.node.links

    async def post(*_):
        from gateway.exchange.links import LinkFailed

        raise LinkFailed("unreachable")

    real, type(links).post = type(links).post, post
    try:
        answer = await shared.everything()
    finally:
        type(links).post = real
    assert told(answer)[(SOUTH, "")] == ("failed", "unreachable")
    assert told(answer)[(NORTH, "adt")] == ("answered", None)
    assert not answer.complete
    assert answer.resources


async def test_a_hung_node_is_timed_out_within_the_deadline(shared, monkeypatch):
    """It takes the question and never answers: the caller's deadline holds."""
    import asyncio
    import time

    from adapters.transport import Transport

    await shared.north.hears()
    real = Transport.request

    async def request(self, *given, deadline, **more):
        await asyncio.sleep(deadline + 5)
        return await real(self, *given, deadline=deadline, **more)

    async def bounded(self, *given, deadline, **more):
        from adapters.errors import SourceTimedOut

        try:
            return await asyncio.wait_for(request(self, *given, deadline=deadline, **more), deadline)
        except TimeoutError:
            raise SourceTimedOut("no complete answer within the deadline") from None

    monkeypatch.setattr(Transport, "request", bounded)
    begun = time.monotonic()
    answer = await shared.everything(deadline=2.0)
    assert time.monotonic() - begun < 20, "it waited for more than its deadline of two seconds"
    assert told(answer)[(SOUTH, "")] == ("timed-out", None)
    assert told(answer)[(NORTH, "adt")] == ("answered", None)


async def test_nobody_hears_of_a_patient_whom_the_caller_may_not_have(shared):
    """By the id of a Patient here that may not be released: `not_available`, and no member was asked."""
    from gateway.errors import Problem
    from gateway.exchange.cycle import exchange

    await shared.north.hears()
    answer = await shared.everything()
    own = next(
        e["resource"]["id"]
        for e in answer.bundle["entry"]
        if e["resource"]["resourceType"] == "Patient" and e["fullUrl"].startswith(shared.north.node.base)
    )
    again = await exchange(shared.north.node, await shared.question(subject=own))
    assert again.complete
    asked = (await shared.south.kinds()).count("answer")
    await shared.north.withdraw()
    with pytest.raises(Problem) as refused:
        await exchange(shared.north.node, await shared.question(subject=own))
    assert refused.value.category.name == "not_available"
    assert (await shared.south.kinds()).count("answer") == asked


async def test_records_of_both_nodes_stand_side_by_side(shared):
    """Each source's Patient stays its own entry; nothing is averaged, and a question to the other adds nothing."""
    await shared.north.hears()
    answer = await shared.everything()
    assert {name: row["state"] for name, row in rows(answer).items()} == {
        (NORTH, "adt"): "answered",
        (SOUTH, "adt"): "answered",
    }
    patients = [r for r in answer.resources if r["resourceType"] == "Patient"]
    assert len(patients) == 2
    total = sum(sum(row["counts"].values()) for row in answer.sources)
    assert total == len(answer.resources) == answer.bundle["total"]


async def test_a_slow_sender_keeps_no_opening(shared):
    """A body that dribbles past `limits.body_read` is refused like any other."""
    import asyncio

    from gateway.api.exchange import _timely
    from keys.errors import EnvelopeRefused

    async def dribble():
        yield b"CPX1"
        await asyncio.sleep(30)
        yield b"never"

    pieces = _timely(dribble(), 0.2, lambda: None)
    assert await anext(pieces) == b"CPX1"
    with pytest.raises(EnvelopeRefused):
        await anext(pieces)


async def test_an_emergency_opens_at_both_nodes_or_at_neither(shared):
    """Withdrawn everywhere: an eligible emergency opens it, both ledgers have the grant; a common one does not."""
    from gateway.authn.claims import Emergency

    for side in (shared.north, shared.south):
        await side.withdraw()
    assert (await shared.everything()).resources == ()
    about = (await shared.question()).subject
    declared = Emergency("unconscious, allergies unknown", f"{about.system}|{about.value}")
    who = "https://north.example/id/staff|dr-1"
    opened = await shared.everything(purpose="ETREAT", emergency=declared, practitioner=who)
    assert {row["state"] for row in opened.sources} >= {"answered"}
    assert any(r["resourceType"] == "AllergyIntolerance" for r in opened.resources)
    for side in (shared.north, shared.south):
        assert "breakglass" in [leaf.kind for leaf in await side.leaves()]
    clerk = await shared.everything(purpose="ETREAT", emergency=declared, practitioner=who, roles=("clerk",))
    assert clerk.resources == ()


async def test_a_patient_behind_break_glass_looks_unknown_to_who_declares_none(shared):
    """To the asking member: the same row, the same counts, whether she refused or nobody knows her."""
    for side in (shared.north, shared.south):
        await side.withdraw()
    refused = await shared.everything()
    unknown = await shared.everything("patient_unknown_everywhere")
    same = [{k: row[k] for k in ("org", "state")} for row in refused.sources]
    assert same == [{k: row[k] for k in ("org", "state")} for row in unknown.sources]
