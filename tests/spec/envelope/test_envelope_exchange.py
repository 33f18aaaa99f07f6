"""A whole conversation: request, response, acknowledgement, and the last hop to a client."""

import hashlib
import os

import pytest

from keys.envelope.binding import ExpectAck, ExpectRequest, ExpectResponse
from keys.envelope.draft import Claims, draft
from keys.envelope.events import Complete, Content, ManifestVerified, Opened
from keys.envelope.evidence import content_matches
from keys.envelope.manifest import ACK, Acknowledgement
from keys.envelope.open import open_envelope
from keys.envelope.opener import Opener
from keys.envelope.recipient import http_request_digest, recipient_from_trust
from keys.envelope.seal import finish
from keys.syntax import b64u


@pytest.mark.parametrize("suite", [2, 3])
@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 300_000])
def test_conversation_arrives_whole(world, suite, size):
    """Request, answer and ack open at their readers, with content byte for byte, at every chunk edge."""
    content = os.urandom(size)
    request, made, reply = world.opened_request(b'{"v":1}', suite=suite)
    assert request.content == b'{"v":1}' and request.md == made.md

    sealed, answer = world.response(request, content, src=(b64u(hashlib.sha256(b"x").digest()),))
    expect = world.awaiting(made, reply)
    opened = open_envelope(sealed.envelope, world.opening("a.example", expect, keys=[reply]))
    assert isinstance(opened, Opened)
    assert opened.content == content and opened.md == answer.md and opened.env == sealed.env
    assert content_matches(opened.manifest, opened.blind, content)

    ack = draft(
        Claims(
            kind="ack",
            iss="a.example",
            typ=ACK,
            exp=world.now + 60,
            req=b64u(made.md),
            ack=Acknowledgement(b64u(opened.md), b64u(opened.env), "accepted"),
        ),
        b"",
        [recipient_from_trust(world.trust, "b.example", at=world.now)],
        suite=suite,
        now=world.now,
        entropy=os.urandom,
    )
    sent = finish(ack, world.signers("a.example", suite))
    expected = ExpectAck("a.example", made.md, answer.md, sealed.env)
    acknowledged = open_envelope(sent.envelope, world.opening("b.example", expected))
    assert acknowledged.manifest.ack.result == "accepted" and acknowledged.content == b""


def test_last_hop_to_a_keyed_client(world):
    """A plain request's digest stands for `req` and the registered key for `rkey`: only that client opens."""
    digest = http_request_digest("GET", "/fhir/Patient/x/$everything", bytes(16), b"")
    answer = draft(
        Claims(
            kind="response",
            iss="a.example",
            typ="application/fhir+json",
            exp=world.now + 120,
            req=b64u(digest),
        ),
        b'{"resourceType":"Bundle"}',
        [recipient_from_trust(world.trust, "a.example/ward", at=world.now)],
        suite=3,
        now=world.now,
        entropy=os.urandom,
    )
    sealed = finish(answer, world.signers("a.example"))
    kid = answer.recipients[0].key.kid
    expect = ExpectResponse("a.example", digest, kid, 3)
    opened = open_envelope(sealed.envelope, world.opening("a.example/ward", expect))
    assert opened.content == b'{"resourceType":"Bundle"}' and opened.manifest.aud == ("a.example/ward",)


@pytest.mark.parametrize("step", [1, 7, 4096, 1 << 20])
def test_feeding_in_any_pieces_gives_the_same(world, step):
    """The push parser does not care how the bytes arrive, and says `Complete` only at their end."""
    content = os.urandom(50_000 if step > 1 else 200)
    sealed, _, _ = world.request(content)
    opener = Opener(world.opening("b.example", ExpectRequest()))
    events = [
        e for n in range(0, len(sealed.envelope), step) for e in opener.feed(sealed.envelope[n : n + step])
    ]
    assert not any(isinstance(event, Complete) for event in events)
    events += opener.finish()
    assert isinstance(events[0], ManifestVerified) and isinstance(events[-1], Complete)
    pieces = [event.data.provisional for event in events if isinstance(event, Content)]
    assert b"".join(pieces) == content


def test_relay_sees_neither_sender_nor_purpose_nor_content(world):
    """ENV-16: sender, purpose, agreement and a canary occur nowhere in the bytes."""
    canary = b"canary-9990000018"
    sealed, _, _ = world.request(canary)
    for hidden in (b"a.example", b"TREAT", b"gp-hospital", canary):
        assert hidden not in sealed.envelope


def test_small_messages_weigh_the_same(world):
    """ENV-16: request, denial-sized and 2 kB answers have one length between addresses of one length."""
    lengths = {len(world.request(os.urandom(size))[0].envelope) for size in (0, 1, 300, 2048)}
    assert len(lengths) == 1
