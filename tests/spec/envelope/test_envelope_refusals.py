"""Every reason of the closed refusal list (envelope.md 14), each from the rule that it stands for.

The envelopes come from `forge` (conftest): a maker with code of its own, honest but for the one thing bent.
"""

import hashlib
import json
import os
import struct
from dataclasses import replace
from types import SimpleNamespace

import pytest

from keys.algorithms import KEM
from keys.envelope.binding import ExpectAck, ExpectRequest, ExpectResponse
from keys.envelope.events import Opened, Replayed
from keys.envelope.open import open_envelope
from keys.envelope.opener import Opener
from keys.envelope.recipient import kem_keys_from_store, make_reply_key, recipient_from_trust
from keys.errors import EnvelopeRefused, NotReady
from keys.jwk import jwk_from_public, jwk_from_seed, public_from_jwk
from keys.store.memory import MemoryReplay
from keys.syntax import b64u, unb64u

NOW = 1_767_225_600
DIGEST = b64u(bytes(32))


def changed(**members):
    """A change of top-level members; None removes one."""

    def change(value):
        merged = value | members
        return {name: item for name, item in merged.items() if item is not None}

    return change


def cnt(**members):
    """A change inside `cnt`."""
    return lambda claims: claims | {"cnt": changed(**members)(claims["cnt"])}


def test_honest_forgery_opens(world, forged):
    """The maker of these tests, bending nothing, is accepted: each refusal below is due to its own bend."""
    assert isinstance(open_envelope(forged(), world.opening("b.example", ExpectRequest())), Opened)


@pytest.mark.parametrize(
    "damage",
    [lambda e: b"CPX2" + e[4:], lambda e: b"", lambda e: e[:11], lambda e: e[:500]],
    ids=["other magic", "nothing", "short of the lengths", "short of the stanzas"],
)
def test_framing(forged, refused, damage):
    """Anything but `CPX1` and a whole frame is `framing`."""
    assert refused(damage(forged())) == "framing"


@pytest.mark.parametrize("number", [0, 1, 4, 7, 65_535])
def test_suite_outside_the_table(forged, refused, number):
    """ENV-02: reserved and unknown suites are refused by number, before anything else is read."""
    envelope = forged()
    assert refused(envelope[:4] + struct.pack(">H", number) + envelope[6:]) == "suite"


def test_suite_rewritten(forged, refused):
    """ENV-02: 3 rewritten as 2 does not open: the number is under the stanza."""
    envelope = forged()
    assert refused(envelope[:4] + struct.pack(">H", 2) + envelope[6:]) == "stanza"


def test_suite_below_what_the_issuer_or_i_take(world, forged, refused, with_member):
    """ENV-02: outside my list, outside the issuer's list, below the issuer's `min_suite`: `suite`."""
    lite = forged(suite=2)
    assert refused(lite, suites=frozenset((3,))) == "suite"
    assert refused(lite, trust=with_member(world.trust, "a.example", min_suite=3)) == "suite"
    assert refused(forged(), trust=with_member(world.trust, "a.example", suites=(2,))) == "suite"


@pytest.mark.parametrize(
    ("offset", "form", "value"),
    [(6, ">H", 0), (6, ">H", 17), (8, ">I", 1), (8, ">I", 4097), (8, ">I", 2**32 - 1)],
)
def test_limit_of_the_frame(forged, refused, offset, form, value):
    """Recipients 1..16, header 2..4096 bytes: `limit`, before a byte of them is read."""
    envelope, packed = forged(), struct.pack(form, value)
    assert refused(envelope[:offset] + packed + envelope[offset + len(packed) :]) == "limit"


def test_limit_of_size(forged, refused):
    """The whole and the content have limits, and the content's is judged before it is streamed."""
    assert refused(forged(), max_envelope=4_000) == "limit"
    assert refused(forged(content=bytes(2_000)), max_content=1_999) == "limit"


@pytest.mark.parametrize(
    "bend",
    [
        changed(exp=None), changed(more=1), changed(exp="1"), changed(exp=1.5), changed(exp=-1), changed(exp=True),
        changed(exp=2**53), changed(mid="AAAA"), changed(mid="A" * 21 + "B"), changed(to=[]), changed(to="b.example"),
        changed(to=["b.example", "b.example"]), changed(to=["b.example"] + [f"m{n}.example" for n in range(16)]),
        changed(to=["B.example"]), changed(to=["b.example."]), changed(to=["b.example/"]), changed(to=["b.example/A"]),
        changed(to=["localhost"]), changed(to=["b.exämple"]), changed(to=[["b.example"]]),
    ],
)  # fmt: skip
def test_header(forged, refused, bend):
    """ENV-09: the public header has exactly its members, types, patterns; an escape is refused too."""
    assert refused(forged(header=bend)) == "header"


def test_recipient(forged, refused):
    """An envelope for others is `recipient`, whoever holds the key."""
    assert refused(forged(to=("c.example",))) == "recipient"
    assert refused(forged(), me="c.example") == "recipient"


def test_recipient_is_never_normalised(world, forged, refused):
    """Addresses are compared byte for byte: my client is not me."""
    key = recipient_from_trust(world.trust, "a.example/ward", at=NOW).key
    assert refused(forged(to=("a.example/ward",), keys=[key]), me="a.example") == "recipient"


def test_key(world, forged, refused):
    """ENV-04: no stanza of mine, one key twice, or two of my keys: `key`."""
    other = recipient_from_trust(world.trust, "c.example", at=NOW).key
    mine = recipient_from_trust(world.trust, "b.example", at=NOW).key
    second = make_reply_key(os.urandom, now=NOW, exp=NOW + 60)
    both = [*kem_keys_from_store(world.stores["b.example"], now=NOW), second]
    assert refused(forged(keys=[other])) == "key"
    assert refused(forged(keys=[mine, mine])) == "key"
    assert refused(forged(keys=[mine, public_from_jwk(dict(second.jwk))]), keys=both) == "key"


def test_key_of_mine_that_is_long_gone(world, forged, refused):
    """A KEM key opens nothing more than seven days past its life."""
    world.now = NOW + 9 * 86_400
    assert refused(forged(exp=world.now + 300, keys=[recipient_from_trust(world.trust, "b.example", at=NOW).key],
                          signers=world.signers("a.example"))) == "key"  # fmt: skip


@pytest.mark.parametrize("offset", [32, 32 + 1119, 32 + 1120, 32 + 1120 + 47])
def test_stanza(forged, refused, offset):
    """ENV-01: a stanza with any byte altered does not open."""
    envelope = bytearray(forged())
    start = 12 + int.from_bytes(envelope[8:12], "big")
    envelope[start + offset] ^= 1
    assert refused(bytes(envelope)) == "stanza"


def test_stanza_of_another_envelope(forged, refused):
    """ENV-01: a stanza is bound to its own prefix: one that is moved does not open."""
    moved = []
    forged(stanzas=lambda rows: moved.extend(rows) or rows)
    assert refused(forged(stanzas=lambda rows: moved)) == "stanza"


@pytest.mark.parametrize("size", [2, 40_000])
def test_body(forged, refused, size):
    """ENV-03: truncated at or beside a chunk edge, extended, or with chunks swapped: `body`."""
    envelope = forged(content=bytes(size))
    stream = 12 + int.from_bytes(envelope[8:12], "big") + 1200
    head, chunk = stream + 56, 16_384 + 16
    edges = range(head, len(envelope), chunk)
    for edge in edges:
        for cut in (edge - 1, edge, edge + 1):
            assert refused(envelope[:cut]) == "body"
    assert refused(envelope[:-1]) == "body" and refused(envelope + b"\0") == "body"
    swapped = (
        envelope[:head]
        + envelope[head + chunk : head + 2 * chunk]
        + envelope[head : head + chunk]
        + envelope[head + 2 * chunk :]
    )
    assert refused(swapped) == "body"


@pytest.mark.parametrize("length", [0, 1, 65_537, 2**32 - 1])
def test_body_with_a_manifest_of_no_length(forged, refused, length):
    """M is 2..65 536; a manifest that never ends is never waited for."""
    assert refused(forged(length=length)) == "body"


def test_body_that_ends_within_the_manifest(forged, refused):
    """A stream that closes before manifest and blind are whole: `body`."""
    assert refused(forged(plain=lambda plain: plain[:1000])) == "body"
    assert refused(forged(plain=lambda plain: b"")) == "body"


def rejoined(change):
    """A change of the JWS as an object."""
    return lambda signed: json.dumps(change(json.loads(signed)), separators=(",", ":")).encode()


def protected(change):
    """A change of the first protected header."""

    def apply(jws):
        header = json.loads(unb64u(jws["signatures"][0]["protected"]))
        jws["signatures"][0]["protected"] = b64u(json.dumps(change(header), separators=(",", ":")).encode())
        return jws

    return rejoined(apply)


@pytest.mark.parametrize(
    "bend",
    [
        rejoined(lambda j: j | {"header": {}}), rejoined(lambda j: {"payload": j["payload"]}),
        rejoined(lambda j: j | {"signatures": []}), rejoined(lambda j: j | {"payload": j["payload"] + "="}),
        rejoined(lambda j: {"payload": j["payload"], **j["signatures"][0]}),
        lambda s: s.replace(b'"payload":', b'"payload":"AA","payload":'), lambda s: s + b"\n", lambda s: b"[]",
        lambda s: s.replace(b"payload", b"p\\u0061yload"), lambda s: s + b"\xc3\xa9",
        protected(lambda h: h | {"jwk": {}}), protected(lambda h: h | {"jku": "https://x"}),
        protected(lambda h: h | {"x5u": "x"}), protected(lambda h: h | {"x5c": []}), protected(lambda h: h | {"crit": ["b64"]}),
        protected(lambda h: h | {"b64": False}), protected(lambda h: h | {"zip": "DEF"}),
        protected(lambda h: {"alg": h["alg"], "kid": h["kid"]}), protected(lambda h: h | {"typ": "carepact-decision+json"}),
        protected(lambda h: h | {"kid": "../../etc/passwd"}), protected(lambda h: h | {"kid": "' OR 1=1 --"}),
        protected(lambda h: h | {"alg": ["Ed25519"]}), protected(lambda h: h | {"kid": None}),
    ],
)  # fmt: skip
def test_syntax_of_the_jws(forged, refused, bend):
    """ENV-07, ENV-09: exact members, one spelling, no header that names a key, an address or an option."""
    assert refused(forged(signed=bend)) == "syntax"


@pytest.mark.parametrize(
    "bend",
    [
        lambda p: p.replace(b'"iss":', b'"iss":"c.example","iss":'), lambda p: p[:-1], lambda p: b"1",
        lambda p: p.replace(b"TREAT", b"TR\\u0045AT"), lambda p: p.replace(b"TREAT", "TRÉAT".encode()),
        lambda p: p.replace(b'"v":1', b'"v":1.0'), lambda p: p.replace(b'"v":1', b'"v":1e0'),
        lambda p: p.replace(b'"v":1', b'"v":NaN'), lambda p: p.replace(b'"v":1', b'"v":-1'),
        lambda p: p.replace(b'"v":1', b'"v":9007199254740992'), lambda p: p.replace(b'"v":1', b'"v":' + b"[" * 6 + b"]" * 6),
    ],
)  # fmt: skip
def test_syntax_of_the_payload(forged, refused, bend):
    """ENV-09: no duplicate member, escape, foreign alphabet, float, exponent, large number or depth over 6."""
    assert refused(forged(payload=bend)) == "syntax"


@pytest.mark.parametrize(
    "bend",
    [
        changed(v=2), changed(v="1"), changed(v=True), changed(kind="notice"), changed(kind=None), changed(patient="x"),
        changed(iss="A.example"), changed(iss=None), changed(aud="b.example c.example"), changed(aud=[]),
        changed(aud=["b.example", "b.example"]), changed(jti="AAAA"), changed(iat="1"), changed(exp=None),
        changed(hdr="A"), changed(hdr=DIGEST + "="), changed(hdr=DIGEST[:-1] + "B"), changed(rcp=[]),
        changed(rcp=[DIGEST, DIGEST]), changed(log=None), changed(log="!"), changed(log=b64u(bytes(2049))),
        changed(pou="treat"), changed(pou="T"), changed(agr="a"), changed(agr="a b@1"), changed(agr="abcd"),
        changed(rkey=None), changed(rkey={}), changed(rkey={"alg": 1, "kty": "AKP", "pub": ""}), changed(req=DIGEST), changed(src=[]),
        changed(kind="response", req=DIGEST, src=[]), changed(kind="ack", rkey=None, pou=None, agr=None, req=DIGEST),
        cnt(typ="text/html"), cnt(typ="application/fhir+json"), cnt(enc="gzip"), cnt(len="2"), cnt(raw=3), cnt(sha256=""),
        cnt(more=1), cnt(raw=None), changed(cnt=[]),
    ],
)  # fmt: skip
def test_claims(forged, refused, bend):
    """ENV-09: the exact claim set of the kind, exact types and patterns; nothing is converted."""
    assert refused(forged(claims=bend)) == "claims"


def test_issuer(world, forged, refused, with_member):
    """ENV-07: unknown member, another member's key, a key past its life, a revoked key: `issuer`."""
    theirs = world.signers("c.example")
    assert refused(forged(claims=changed(iss="d.example"))) == "issuer"
    assert refused(forged(claims=changed(iss="a.example/nobody"))) == "issuer"
    assert refused(forged(signers=theirs)) == "issuer"
    kid = world.signers("a.example")[0].kid
    assert refused(forged(), trust=with_member(world.trust, "a.example", revoked={kid: NOW + 10})) == "issuer"
    keys = world.trust.members["a.example"].keys
    for life in ({"exp": NOW}, {"nbf": NOW + 1}, {"use": "log"}):
        record = tuple(replace(key, **life) if key.kid == kid else key for key in keys)
        assert refused(forged(), trust=with_member(world.trust, "a.example", keys=record)) == "issuer"


def test_signature(world, forged, refused):
    """ENV-06: one, three, doubled, swapped, of another algorithm, or simply wrong: `signature`."""
    first, second = world.signers("a.example")
    for signers in ([first], [second], [second, first], [first, first], [first, second, second]):
        assert refused(forged(signers=signers)) == "signature"
    for alg in ("none", "HS256", "EdDSA", "ES256", "ed25519", ""):
        pretender = SimpleNamespace(alg=alg, kid=first.kid, sign=lambda data: bytes(64))
        assert refused(forged(signers=[pretender, second])) == "signature"
    for liar in (first, second):
        wrong = SimpleNamespace(
            alg=liar.alg, kid=liar.kid, sign=lambda data, liar=liar: liar.sign(data + b".")
        )
        signers = [wrong if signer is liar else signer for signer in (first, second)]
        assert refused(forged(signers=signers)) == "signature"


@pytest.mark.parametrize(
    "bend",
    [
        changed(hdr=DIGEST), changed(jti=b64u(bytes(16))), changed(exp=NOW + 299), changed(aud=["c.example"]),
        changed(aud=["b.example", "c.example"]), changed(rcp=[DIGEST]),
        lambda c: c | {"rcp": [*c["rcp"], DIGEST]},
        lambda c: c | {"rkey": dict(jwk_from_seed("ML-DSA-65", bytes(32)))},
        lambda c: c | {"rkey": dict(jwk_from_public(KEM, b"\xff" * 1216))},
        lambda c: c | {"rkey": c["rkey"] | {"kty": "OKP"}},
    ],
)  # fmt: skip
def test_binding(forged, refused, bend):
    """ENV-04: header, recipients, audience, id and expiry under the signature equal the frame; `rkey` is usable."""
    assert refused(forged(claims=bend)) == "binding"


def test_binding_of_a_stream_that_was_passed_on(world, forged, refused):
    """ENV-04: what a.example signed for b.example, wrapped anew by b.example for c.example, is refused there."""
    kept = []
    forged(signed=lambda signed: kept.append(signed) or signed)
    assert refused(forged(to=("c.example",), signed=lambda signed: kept[0]), me="c.example") == "binding"


def test_binding_of_one_recipient(world, forged, refused):
    """Rule 2: patient data for two at once is refused, though each of them is named under the signature."""
    assert refused(forged(to=("b.example", "c.example"))) == "binding"


def test_binding_of_a_key_outside_the_audience(world, forged, refused):
    """Rule 1: a stanza for a member that is not in `aud` is refused."""
    keys = [recipient_from_trust(world.trust, who, at=NOW).key for who in ("b.example", "c.example")]
    assert refused(forged(to=("b.example",), keys=keys)) == "binding"


def test_binding_of_my_own_voice(world, forged, refused):
    """`iss` is not me: my own message reflected at me is refused."""
    assert refused(forged(iss="b.example")) == "binding"


def test_binding_of_a_lasting_key_as_reply_key(world, forged, refused):
    """Rule 5: a directory or client key as `rkey` would give up forward secrecy."""
    key = recipient_from_trust(world.trust, "a.example/ward", at=NOW).key
    jwk = dict(jwk_from_public(key.alg, key.raw))
    assert refused(forged(claims=changed(rkey=jwk))) == "binding"


def test_conversation(world, refused):
    """ENV-12: an answer of another member, to another request, to another key, late, of another suite or kind."""
    request, made, reply = world.opened_request()
    sealed, _ = world.response(request, b"{}")
    for change in (
        {"iss": "c.example"},
        {"req": bytes(32)},
        {"reply_kid": DIGEST},
        {"suite": 2},
        {"exp": NOW + 299},
    ):
        assert (
            refused(sealed.envelope, world.awaiting(made, reply, **change), me="a.example", keys=[reply])
            == "conversation"
        )
    for other in (ExpectRequest(), ExpectAck("b.example", made.md, bytes(32), bytes(32))):
        assert refused(sealed.envelope, other, me="a.example", keys=[reply]) == "conversation"
    again, _, _ = world.request()
    assert refused(again.envelope, ExpectResponse("a.example", made.md, reply.kid, 3)) == "conversation"


def test_conversation_of_an_answer_to_a_lasting_key(world, forged, refused):
    """ENV-12: an answer sealed to my directory key instead of the reply key is refused."""
    _, made, reply = world.request()
    answer = forged(
        iss="b.example", to=("a.example",),
        claims=lambda c: changed(kind="response", req=b64u(made.md), src=[], pou=None, agr=None, rkey=None)(
            cnt(typ="application/fhir+json")(c)
        ),
    )  # fmt: skip
    assert refused(answer, world.awaiting(made, reply), me="a.example") == "conversation"


@pytest.mark.parametrize("wrong", ["iss", "req", "md", "env"])
def test_conversation_of_an_ack(world, forged, refused, wrong):
    """ENV-12: an ack for what was never sent, or by whom it was not sent to."""
    req, md, env = (hashlib.sha256(name).digest() for name in (b"req", b"md", b"env"))
    ack = forged(
        content=b"",
        claims=lambda c: changed(kind="ack", pou=None, agr=None, rkey=None, req=b64u(req),
                                 ack={"md": b64u(md), "env": b64u(env), "result": "accepted"})(
            cnt(typ="application/vnd.carepact.ack")(c)
        ),
    )  # fmt: skip
    expected = {"iss": "a.example", "req": req, "md": md, "env": env}
    assert isinstance(open_envelope(ack, world.opening("b.example", ExpectAck(**expected))), Opened)
    bent = expected | {wrong: "c.example" if wrong == "iss" else bytes(32)}
    assert refused(ack, ExpectAck(**bent)) == "conversation"


@pytest.mark.parametrize(
    ("shift", "opens"), [(-60, True), (-61, False), (359, True), (360, False), (9, True)]
)
def test_time_of_arrival(world, forged, refused, shift, opens):
    """ENV-10: clocks may differ by a minute at either end, and no second more."""
    envelope = forged()
    if opens:
        assert isinstance(
            open_envelope(envelope, world.opening("b.example", ExpectRequest(), now=NOW + shift)), Opened
        )
    else:
        assert refused(envelope, now=NOW + shift) == "time"


def test_time_of_life(world, forged, refused):
    """ENV-10: longer than 600 s where only synchronous is on; an issue time after the expiry."""
    assert refused(forged(exp=NOW + 601)) == "time"
    assert isinstance(
        open_envelope(forged(exp=NOW + 601), world.opening("b.example", ExpectRequest(), max_life=604_800)),
        Opened,
    )
    assert refused(forged(claims=changed(iat=NOW + 300))) == "time"


def test_time_outside_the_life_of_the_kem_key(world, forged, refused):
    """Step 9: an issue time outside the life of the KEM key that it was sealed to."""
    key = recipient_from_trust(world.trust, "b.example", at=NOW).key
    world.now = NOW + 86_400 - 3600 + 61
    assert refused(forged(keys=[key])) == "time"


def test_replay(world, forged, refused):
    """ENV-11: the same message hands back its stored outcome; without one, or with other content: `replay`."""
    envelope, replay = forged(), MemoryReplay()
    opened = open_envelope(envelope, world.opening("b.example", ExpectRequest(), replay=replay))
    manifest = opened.manifest
    replay.record(manifest.iss, manifest.jti, opened.md, manifest.exp, b"stored answer")
    again = open_envelope(envelope, world.opening("b.example", ExpectRequest(), replay=replay))
    assert again == Replayed(manifest, opened.md, b"stored answer")

    for md, outcome in ((opened.md, None), (bytes(32), b"x")):
        other = MemoryReplay()
        other.record(manifest.iss, manifest.jti, md, manifest.exp, outcome)
        assert refused(envelope, replay=other) == "replay"


def test_replay_below_the_watermark(world, forged, refused):
    """A clock set back re-opens nothing: what expired before the last purge is refused."""
    replay = MemoryReplay()
    replay.record("a.example", "x", bytes(32), NOW + 300, None)
    replay.purge(NOW + 300 + 60 + 86_400)
    assert replay.watermark() == NOW + 300 and refused(forged(), replay=replay) == "replay"


def test_a_refused_opening_leaves_no_trace(world, forged, refused):
    """A damaged copy that comes first does not spend the id of the real one."""
    envelope = forged(content=bytes(70_000))
    assert refused(envelope[:-1]) == "body"
    assert isinstance(open_envelope(envelope, world.opening("b.example", ExpectRequest())), Opened)


def test_padding(forged, refused):
    """ENV-13: zeros only, and no more than 1 MiB of them."""
    assert refused(forged(padding=bytes(9_000) + b"\1")) == "padding"
    assert refused(forged(padding=b"x")) == "padding"
    assert refused(forged(padding=bytes((1 << 20) + 1))) == "padding"


def test_content(forged, refused):
    """ENV-05, ENV-13: altered by one who knows the CEK, or shorter than claimed: `content`."""
    assert (
        refused(forged(content=b'{"a":1}', plain=lambda plain: plain.replace(b'{"a":1}', b'{"a":2}')))
        == "content"
    )
    assert refused(forged(padding=b"", claims=cnt(len=10, raw=10))) == "content"
    assert refused(forged(padding=bytes(100), claims=cnt(len=10, raw=10))) == "content"
    assert refused(forged(claims=cnt(sha256=DIGEST))) == "content"


def test_content_claimed_too_short(forged, refused):
    """ENV-13: `len` short by five leaves five bytes of content where zeros belong."""
    assert refused(forged(content=b"0123456789", claims=cnt(len=5, raw=5))) == "padding"


def test_compression(forged, refused):
    """A zstd manifest is well formed and refused: this version inflates nothing."""
    assert refused(forged(claims=cnt(enc="zstd", raw=1000))) == "compression"


def test_nothing_opens_on_an_expired_trust_list(world, forged):
    """Not the message's fault: `NotReady`, before a byte is read."""
    with pytest.raises(NotReady):
        Opener(world.opening("b.example", ExpectRequest(), now=world.trust.expires))


def test_a_refused_opener_takes_no_more(world, forged):
    """After a refusal nothing more comes out of an opener."""
    opener = Opener(world.opening("b.example", ExpectRequest()))
    with pytest.raises(EnvelopeRefused):
        opener.feed(b"CPX2" + forged()[4:])
    with pytest.raises(ValueError):
        opener.feed(b"more")
