"""The SDK against a real node in this process: partial answers, proofs, replays, tokens."""

import base64
import json

import pytest

from gateway.client.answer import Request, answer_from_envelope, answer_from_json
from gateway.client.assertion import Purpose
from gateway.client.errors import NotReached, PartialAnswer, Refused, Unverified
from gateway.fhir.json import decode
from keys.store.memory import MemoryReplay

pytestmark = pytest.mark.anyio


@pytest.fixture
async def known(standing):
    await standing.hospital_says()
    await standing.permit()
    return standing


def token_calls(session):
    return [r for r in session.sent.requests if r.url.path == "/oauth/token"]


async def test_a_sealed_answer_opens_and_its_evidence_is_about_these_bytes(known):
    """The way that counts: sealed to the client's key, verified, with evidence that can be kept."""
    from keys import jws
    from keys.envelope.evidence import content_from_evidence
    from keys.envelope.manifest import manifest_from_payload
    from keys.errors import EnvelopeRefused

    async with known.sdk() as session:
        answer = await session.find_patients(known.nhs, known.number())
    assert answer.complete
    assert answer.counts() == {"Patient": 3}
    assert {row["state"] for row in answer.sources} == {"answered"}
    manifest = manifest_from_payload(jws.parse(answer.evidence.jws, jws.MANIFEST).payload)
    kept = answer.evidence
    assert manifest.cnt.enc == "zstd"
    assert content_from_evidence(manifest, kept.blind, kept.content) == answer.raw
    with pytest.raises(EnvelopeRefused, match="content"):
        content_from_evidence(manifest, kept.blind, kept.content + b" ")
    assert known.number() not in str([r.url for r in session.sent.requests])


async def test_everything_and_summary_are_answers_too(known):
    """Both carry a verified statement; decimals are as they came."""
    async with known.sdk() as session:
        found = await session.find_patients(known.nhs, known.number())
        id = found.resources[0]["id"]
        everything = await session.everything(id)
        summary = await session.summary(id)
    assert everything.complete and summary.complete
    assert summary.bundle["type"] == "document"
    assert b'"value":5.60' in everything.raw
    assert summary.exchange == summary.bundle["id"]


async def test_a_partial_answer_is_raised_unless_accepted(known):
    """A caller who did not say that part of a record is enough does not get part of it."""
    known.gp.faults.replace([{"kind": "down"}])
    async with known.sdk() as session:
        with pytest.raises(PartialAnswer) as raised:
            await session.find_patients(known.nhs, known.number())
        assert {row["source"]: row["state"] for row in raised.value.sources}["gp"] == "failed"
        answer = await session.find_patients(known.nhs, known.number(), accept_partial=True)
    assert not answer.complete
    assert answer.counts() == {"Patient": 2}


async def test_an_empty_answer_still_says_who_was_asked(known):
    """Nothing about an unknown patient, but three sources with their state."""
    async with known.sdk() as session:
        answer = await session.find_patients(known.nhs, known.number("patient_unknown_everywhere"))
    assert answer.resources == ()
    assert [row["state"] for row in answer.sources] == ["not-available"] * 3


def flipped(body, place):
    return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]


async def test_an_altered_byte_anywhere_is_unverified(known):
    """Header, manifest, stanza, bulk, last byte: whatever was changed, nothing is handed out."""
    async with known.sdk() as session:
        await session.find_patients(known.nhs, known.number())
        length = len(session.sent.replies[-1].content)
        for place in (0, 9, 60, length // 4, length // 2, length - 40, length - 1):
            session.sent.change = lambda request, reply, body, place=place: (
                flipped(body, place) if request.url.path.startswith("/fhir") else body
            )
            with pytest.raises(Unverified):
                await session.find_patients(known.nhs, known.number())


async def test_a_cut_or_extended_envelope_is_unverified(known):
    """One byte less, one byte more, nothing at all."""
    async with known.sdk() as session:
        for change in (lambda b: b[:-1], lambda b: b + b"\0", lambda b: b""):
            session.sent.change = lambda request, reply, body, change=change: (
                change(body) if request.url.path.startswith("/fhir") else body
            )
            with pytest.raises(Unverified):
                await session.find_patients(known.nhs, known.number())


async def test_the_answer_to_another_request_is_unverified(known):
    """A good answer of the same node to the same client, but to another question or nonce, is refused."""
    async with known.sdk() as session:
        await session.find_patients(known.nhs, known.number())
        stale = session.sent.replies[-1].content
        session.sent.change = lambda request, reply, body: (
            stale if request.url.path.startswith("/fhir") else body
        )
        with pytest.raises(Unverified):
            await session.find_patients(known.nhs, known.number())
        with pytest.raises(Unverified):
            await session.find_patients(known.nhs, known.number("patient_with_exact_decimals"))


async def test_a_nonce_swapped_on_the_way_is_unverified(known):
    """The answer is bound to the request as the client sent it, not as somebody passed it on."""
    async with known.sdk() as session:
        inner = session.sent._inner.handle_async_request

        async def swapped(request):
            if "carepact-nonce" in request.headers:
                request.headers["carepact-nonce"] = "A" * 22
            return await inner(request)

        session.sent._inner.handle_async_request = swapped
        with pytest.raises(Unverified):
            await session.find_patients(known.nhs, known.number())


async def test_a_replayed_envelope_is_refused(known):
    """The same good bytes are an answer once."""
    from gateway.sandbox.founding import client_keys
    from keys.envelope.recipient import http_request_digest
    from keys.syntax import unb64u

    async with known.sdk() as session:
        await session.find_patients(known.nhs, known.number())
    request, reply = session.sent.requests[-1], session.sent.replies[-1]
    digest = http_request_digest(
        "POST", "/fhir/Patient/_search", unb64u(request.headers["carepact-nonce"], 16), request.content
    )
    asked = Request(known.node.member, f"{known.node.member}/clinician", digest)
    trust, replay = known.runtime.members.current.trust, MemoryReplay()

    def opened():
        return answer_from_envelope(
            reply.content, asked, client_keys(known.places), trust, now=known.clock.seconds, replay=replay
        )

    assert opened().counts() == {"Patient": 3}
    with pytest.raises(Unverified):
        opened()


async def test_an_expired_envelope_is_refused(known):
    """Kept for an hour and shown then, an answer is none."""
    async with known.sdk() as session:
        session._now = lambda: known.clock.seconds + (3600 if session.sent.requests else 0)
        await session._live_token()
        session._token_ends = known.clock.seconds + 10_000
        with pytest.raises(Unverified):
            await session.find_patients(known.nhs, known.number())


async def test_an_answer_in_clear_is_not_taken_for_a_sealed_one(known):
    """A node, or somebody in between, that answers in clear when sealed was asked for is not believed."""
    async with known.sdk() as session:
        session.sent.change = None
        inner = session.sent._inner.handle_async_request

        async def downgraded(request):
            if request.url.path.startswith("/fhir"):
                request.headers["accept"] = "application/fhir+json"
            return await inner(request)

        session.sent._inner.handle_async_request = downgraded
        with pytest.raises(Unverified):
            await session.find_patients(known.nhs, known.number())


async def test_in_clear_the_statement_is_verified_and_tied_to_the_answer(known):
    """Entries taken out or put in, a statement of another exchange, none, or an altered one: unverified."""
    async with known.sdk(sealed=False) as session:
        answer = await session.find_patients(known.nhs, known.number())
        other = await session.find_patients(known.nhs, known.number())
    assert answer.evidence is None
    trust, now = known.runtime.members.current.trust, known.clock.seconds
    raw = json.loads(answer.raw)

    def read(value):
        return answer_from_json(json.dumps(value).encode(), known.node.member, trust, now=now)

    assert read(raw).counts() == {"Patient": 3}
    outcome, *patients = raw["entry"]
    foreign = json.loads(other.raw)["entry"][0]
    block = json.loads(base64.b64decode(outcome["resource"]["extension"][0]["valueBase64Binary"]))
    block["payload"] = base64.urlsafe_b64encode(b"{}").decode().rstrip("=")
    forged = json.loads(json.dumps(outcome))
    forged["resource"]["extension"][0]["valueBase64Binary"] = base64.b64encode(
        json.dumps(block).encode()
    ).decode()
    for changed in (
        raw | {"entry": [outcome, *patients[1:]]},
        raw | {"entry": [outcome, *patients, patients[0]]},
        raw | {"entry": [foreign, *patients]},
        raw | {"entry": [forged, *patients]},
        raw | {"entry": patients},
        raw | {"entry": []},
        raw | {"id": "x"},
    ):
        with pytest.raises(Unverified):
            read(changed)
    with pytest.raises(Unverified):
        answer_from_json(answer.raw, "harbour.example", trust, now=now)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b'"x"', b'{"resourceType":"Patient"}', b'{"resourceType":"Bundle"}',
        b'{"resourceType":"Bundle","entry":{}}', b'{"resourceType":"Bundle","entry":[1]}',
        b'{"resourceType":"Bundle","entry":[{}]}', b'{"resourceType":"Bundle","entry":[{"resource":[]}]}',
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"X","extension":{"a":1}}}]}',
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Provenance","signature":[1]}}]}',
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"X","extension":'
        b'[{"url":"urn:carepact:statement","valueBase64Binary":"!"}]}}]}',
        b"[" * 10_000,
    ],
)  # fmt: skip
async def test_whatever_comes_in_clear_ends_as_unverified(founded, raw):
    """Any bytes that are no answer end in our own error, never in a traceback of another kind."""
    from gateway.directory.members import MembersFile
    from gateway.sandbox.founding import NODE, Places

    trust = MembersFile(Places(founded).members).current.trust
    with pytest.raises(Unverified):
        answer_from_json(raw, NODE, trust, now=1_800_000_000)


async def test_a_token_is_reused_and_renewed_before_it_ends(known):
    """One token serves several questions; shortly before its end a new one is fetched."""
    async with known.sdk() as session:
        await session.find_patients(known.nhs, known.number())
        await session.find_patients(known.nhs, known.number())
        assert len(token_calls(session)) == 1
        known.clock.ahead += known.runtime.settings.limits.token_ttl - 20
        await session.find_patients(known.nhs, known.number())
        assert len(token_calls(session)) == 2


async def test_a_token_that_ended_early_is_renewed_once(known):
    """A 401 for a token that was in use leads to a new token, and to a refusal if that does not help."""
    async with known.sdk() as session:
        await session.find_patients(known.nhs, known.number())
        session._token = "cpt_" + "A" * 43
        await session.find_patients(known.nhs, known.number())
        assert len(token_calls(session)) == 2
    from gateway.authn import sql

    async with known.sdk() as session:
        await session.find_patients(known.nhs, known.number())
        at = known.clock.seconds
        await known.runtime.database.write(lambda c: sql.set_status(c, "clinician", "disabled", at=at))
        with pytest.raises(Refused) as raised:
            await session.find_patients(known.nhs, known.number())
        assert raised.value.category == "invalid_client"
        assert len(token_calls(session)) == 2


async def test_refusals_have_the_nodes_word_and_nothing_else(known):
    """`Refused` carries status and category; its text quotes nothing of question or patient."""
    async with known.sdk() as session:
        with pytest.raises(Refused) as raised:
            await session.everything("nobody")
    assert (raised.value.status, raised.value.category) == (404, "not_available")
    async with known.sdk(purpose=Purpose("HRESCH")) as session:
        with pytest.raises(Refused) as raised:
            await session.find_patients(known.nhs, known.number())
    assert raised.value.category == "unauthorized_client"
    assert known.number() not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"issue":[1]}', b'{"issue":{}}', b'{"issue":[{"details":[]}]}',
                                  b'{"issue":[{"details":{"coding":[{"code":"<b>x</b>"}]}}]}'])  # fmt: skip
async def test_a_refusal_without_words_is_a_refusal(known, body):
    """An error body that is none of ours ends as `Refused`, with a category of our own."""
    import httpx

    async with known.sdk() as session:
        await session._live_token()

        async def broken(request):
            return httpx.Response(500, content=body)

        session.sent._inner.handle_async_request = broken
        with pytest.raises(Refused) as raised:
            await session.everything("some-id")
        assert raised.value.category == "unknown"


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"access_token":1,"expires_in":2}', b'{"access_token":"x"}']
)
async def test_a_token_response_without_a_token_is_a_refusal(known, body):
    """200 with something else is not a token."""
    import httpx

    async with known.sdk() as session:

        async def broken(request):
            return httpx.Response(200, content=body)

        session.sent._inner.handle_async_request = broken
        with pytest.raises(Refused):
            await session.everything("some-id")


async def test_what_is_no_id_never_becomes_an_address(known):
    """Slashes, dots and queries in place of an id are refused before anything is sent."""
    async with known.sdk() as session:
        for id in ("", "../Consent/x", "a/b", "a?b", "x" * 65, "a b", "a\n"):
            for call in (session.everything, session.summary):
                with pytest.raises(ValueError):
                    await call(id)
        assert session.sent.requests == []


async def test_a_node_that_cannot_be_reached_is_not_reached(known):
    """Connection errors and deadlines become one error of ours."""
    import asyncio

    import httpx

    async with known.sdk(deadline=0.2) as session:

        async def refused(request):
            raise httpx.ConnectError("Zq7canary")

        async def hung(request):
            await asyncio.sleep(60)

        for broken in (refused, hung):
            session.sent._inner.handle_async_request = broken
            with pytest.raises(NotReached) as raised:
                await session.everything("some-id")
            assert "canary" not in str(raised.value)


async def test_resources_leave_out_what_is_the_answers_own(known):
    """Outcome entry and assembly Provenance are about the answer, not of the record."""
    async with known.sdk(sealed=False) as session:
        found = await session.find_patients(known.nhs, known.number())
        answer = await session.everything(found.resources[0]["id"])
    kinds = {resource["resourceType"] for resource in answer.resources}
    assert "OperationOutcome" not in kinds
    assert "Provenance" in kinds
    assert sum(answer.counts().values()) == decode(answer.raw)["total"]
