"""`POST /exchange` from outside: what a stranger, a copy and a member that asks wrongly are told."""

import asyncio
import contextlib
import json
import os

import httpx
import pytest

from keys.envelope.framing import MEDIA_TYPE

pytestmark = pytest.mark.anyio
SEALED = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}


async def posted(side, body, headers=SEALED):
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(side.url, content=body, headers=headers)


async def taped(pair, monkeypatch, **asked):
    """One question with the very bytes that went out and came back."""
    links = pair.north.node.links
    tape = []
    real = type(links).post

    async def post(self, member, url, envelope, deadline):
        tape.append([envelope])
        tape[-1].append(await real(self, member, url, envelope, deadline))
        return tape[-1][1]

    monkeypatch.setattr(type(links), "post", post)
    answered = await pair.ask(**asked)
    return answered, *tape[0]


async def unsent(pair, monkeypatch, **asked):
    """A request of north's that never arrived."""
    from gateway.exchange.links import LinkFailed

    kept = []

    async def post(self, member, url, envelope, deadline):
        kept.append(envelope)
        raise LinkFailed("unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(type(pair.north.node.links), "post", post)
        failed = await pair.ask(**asked)
    assert failed.reason == "unreachable"
    return kept[0]


def told(reply):
    """Status, headers and body, but for the date and the request id."""
    kept = {k: v for k, v in reply.headers.items() if k not in ("date", "x-request-id")}
    return reply.status_code, kept, reply.content


async def test_a_copy_gets_the_stored_answer_with_no_second_leaf(pair, monkeypatch):
    """The same bytes again: the same answer, byte for byte, and nothing new on record (ENV-11)."""
    _, request, answer = await taped(pair, monkeypatch)
    before = await pair.south.leaves()
    again = await posted(pair.south, request)
    assert (again.status_code, again.content) == (200, answer)
    assert again.headers["content-type"] == MEDIA_TYPE
    assert await pair.south.leaves() == before


async def test_fifty_copies_at_once_have_one_effect(pair, monkeypatch):
    """However many arrive together, one leaf is written and every copy that is served gets the same bytes."""
    request = await unsent(pair, monkeypatch)
    replies = await asyncio.gather(*(posted(pair.south, request) for _ in range(50)))
    served = [reply for reply in replies if reply.status_code == 200]
    assert served
    assert len({reply.content for reply in served}) == 1
    assert {reply.status_code for reply in replies} <= {200, 429}
    assert (await pair.south.kinds()).count("answer") == 1


async def test_every_refusal_looks_the_same(pair, monkeypatch):
    """Garbage, a flip anywhere, a truncation, another node's answer: one status, one body (ENV-15)."""
    _, _, answer = await taped(pair, monkeypatch)
    request = await unsent(pair, monkeypatch)
    flipped = [
        bytes([*request[:at], request[at] ^ 1, *request[at + 1 :]]) for at in (5, 40, 200, 1500, 9000, -1)
    ]
    wrong = [b"", b"x", b"CPX1", os.urandom(30_000), request[:-1], request + b"\0", answer, *flipped]
    replies = [told(await posted(pair.south, body)) for body in wrong]
    assert len({(status, body) for status, _, body in replies}) == 1
    assert all(headers == replies[0][1] for _, headers, _ in replies)
    status, _, body = replies[0]
    assert status == 400
    assert json.loads(body)["issue"][0]["code"] == "security"
    assert (await pair.south.kinds()).count("answer") == 1
    assert (await posted(pair.south, request)).status_code == 200, "what was damaged on its way spent the id"


async def test_length_and_media_type_are_told_apart_before_anything_is_read(pair):
    """413 and 415 say nothing of what is inside; a parameter makes it another media type."""
    huge = bytes(5 * 1024 * 1024)
    assert (await posted(pair.south, huge)).status_code == 413
    for wrong in ("application/json", f"{MEDIA_TYPE}; v=1", ""):
        assert (await posted(pair.south, b"x", {"Content-Type": wrong})).status_code == 415


async def test_an_expired_trust_list_is_unready_to_everybody(pair, monkeypatch):
    """After its expiry the endpoint says 503 to good and bad alike, and spends nothing."""
    _, request, _ = await taped(pair, monkeypatch)
    pair.south.clock.seconds = 2 * 365 * 86_400
    assert told(await posted(pair.south, request)) == told(await posted(pair.south, b"garbage"))
    assert (await posted(pair.south, b"garbage")).status_code == 503


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"types": []}, "invalid"),
        ({"types": "Patient"}, "invalid"),
        ({"since": "2026-01-01"}, "not_supported"),
        ({"subject": {"identifier": []}}, "invalid"),
        ({"subject": {"identifier": [{"system": "", "value": "1"}]}}, "invalid"),
        ({"subject": {"identifier": [{"system": "s", "value": "1"}], "more": 1}}, "invalid"),
        ({"access": {"org": "stranger.example"}}, "forbidden"),
        ({"access": {"purpose": ["TREAT", "HPAYMT"]}}, "invalid"),
        ({"access": {"purpose": ["HPAYMT"]}}, "invalid"),
        ({"access": {"subject": "Patient/x"}}, "invalid"),
        ({"access": {"at": "yesterday"}}, "invalid"),
        ({"access": {"emergency": {"declared": True, "reason": "because I say so"}}}, "invalid"),
        ({"access": {"person": "https://fhir.nhs.uk/Id/nhs-number|9990000018"}}, "invalid"),
    ],
)
async def test_a_question_that_may_not_be_asked_so_is_answered_sealed(pair, changed, said):
    """It opened, so it is no envelope error: the member is told, sealed, and both ledgers have it."""
    answered = await pair.ask(members=pair.query(**changed))
    outcome = json.loads(answered.content)
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == said
    assert await pair.south.kinds() == ["answer"]
    assert await pair.north.kinds() == ["ask", "receive"]


async def test_an_agreement_that_is_not_between_the_two_is_refused_sealed(pair):
    """The agreement in the manifest must be known here, with both as parties."""
    answered = await pair.ask(agreement="d9@1")
    outcome = json.loads(answered.content)
    assert outcome["issue"][0]["diagnostics"] == "no-dsa"


async def test_an_op_that_is_not_offered_is_refused_in_its_own_form(pair):
    """Operations are told `refused` with a word; nothing of a patient stands in it."""
    answered = await pair.ask("gossip", {"about": "x"}, purpose="HSYSADMIN")
    said = json.loads(answered.content)
    assert answered.typ == "application/vnd.carepact.answer+json"
    assert {k: said[k] for k in ("v", "op", "result")} == {"v": 1, "op": "gossip", "result": "refused"}


async def test_denied_unknown_and_withdrawn_look_alike_to_the_member(pair):
    """Same rows, same shape: what the member learns does not depend on what is held here."""
    await pair.south.hears()
    denied = json.loads((await pair.ask()).content)
    unknown = json.loads((await pair.ask(members=pair.query("patient_unknown_everywhere"))).content)
    await pair.south.permit("north.example")
    await pair.south.withdraw()
    withdrawn = json.loads((await pair.ask()).content)
    for bundle in (denied, unknown, withdrawn):
        bundle.pop("id"), bundle.pop("timestamp")
        bundle["entry"][0]["resource"].pop("extension"), bundle["entry"][0]["resource"].pop("id")
    assert denied == unknown == withdrawn


async def test_eight_openings_of_one_address_at_once_and_answering_is_none():
    """The ninth that is still being read is throttled; what was read makes room, and so does what ended."""
    from gateway.api.openings import AT_ONCE, Openings
    from gateway.errors import Problem

    openings = Openings()
    with contextlib.ExitStack() as stack:
        read = [stack.enter_context(openings.one("192.0.2.1")) for _ in range(AT_ONCE)]
        with pytest.raises(Problem) as refused:
            stack.enter_context(openings.one("192.0.2.1"))
        assert refused.value.category.status == 429
        stack.enter_context(openings.one("192.0.2.2"))
        read[0]()
        read[0]()
        stack.enter_context(openings.one("192.0.2.1"))
        with pytest.raises(Problem):
            stack.enter_context(openings.one("192.0.2.1"))
    with contextlib.ExitStack() as stack:
        for _ in range(AT_ONCE):
            stack.enter_context(openings.one("192.0.2.1"))
