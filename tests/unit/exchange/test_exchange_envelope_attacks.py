"""ENV-15: whatever an attack does, a member's insider included, the outside hears one and the same thing.

The envelopes come from `forge`, a maker with code of its own, which signs with the real keys of a member.
"""

import hashlib
import json
import os
from functools import partial
from typing import Any

import httpx
import pytest

from keys.envelope.framing import MEDIA_TYPE
from keys.envelope.recipient import make_reply_key, recipient_from_trust
from keys.syntax import b64u
from tests.spec.envelope.conftest import World, forge

pytestmark = pytest.mark.anyio
SEALED = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
NORTH, SOUTH = "north.example", "south.example"
DIGEST = b64u(bytes(32))


def claims(**members: Any) -> Any:
    """Replace claims; None takes one away."""
    return lambda said: {name: item for name, item in (said | members).items() if item is not None}


def cnt(**members: Any) -> Any:
    return lambda said: said | {"cnt": said["cnt"] | members}


def forgeries(world: World, now: int) -> dict[str, dict[str, Any]]:
    """What an insider who signs with north's keys may try: `forge` arguments by name."""
    signers = world.signers(NORTH)
    mine = recipient_from_trust(world.trust, SOUTH, at=now).key
    other = recipient_from_trust(world.trust, NORTH, at=now).key
    old = dict(make_reply_key(os.urandom, now=now, exp=now + 60, suite=1).jwk)
    return {
        "header-more": {"header": lambda h: h | {"iss": NORTH}},
        "header-text": {"header": lambda h: h | {"exp": str(h["exp"])}},
        "header-not-me": {"header": lambda h: h | {"to": ["east.example"]}},
        "header-late": {"header": lambda h: h | {"exp": now - 61}},
        "key-not-mine": {"keys": [other]},
        "key-twice": {"keys": [mine, mine]},
        "stanza-flipped": {"stanzas": lambda rows: [rows[0][:-1] + bytes((rows[0][-1] ^ 1,))]},
        "manifest-endless": {"length": 65_537},
        "manifest-none": {"length": 0},
        "stream-ends": {"plain": lambda plain: plain[:300]},
        "jws-none": {"signed": lambda _: b"{}"},
        "jws-more": {"signed": lambda s: s.replace(b'"payload"', b'"header":{},"payload"')},
        "payload-twice": {"payload": lambda p: p.replace(b'"v":1', b'"v":1,"v":1')},
        "payload-escape": {"payload": lambda p: p.replace(b"TREAT", b"TR\\u0045AT")},
        "payload-float": {"payload": lambda p: p.replace(b'"v":1', b'"v":1.0')},
        "payload-8-bit": {"payload": lambda p: p.replace(b"TREAT", "TRÉAT".encode())},
        "payload-deep": {"payload": lambda p: p.replace(b'"TREAT"', b"[" * 7 + b"]" * 7)},
        "claims-unknown": {"claims": claims(patient="x")},
        "claims-missing": {"claims": claims(agr=None)},
        "claims-audience-text": {"claims": claims(aud=f"{SOUTH} x")},
        "claims-version": {"claims": claims(v=2)},
        "claims-purpose": {"claims": claims(pou="treat")},
        "issuer-unknown": {"claims": claims(iss="east.example")},
        "issuer-me": {"claims": claims(iss=SOUTH)},
        "issuer-path": {"claims": claims(iss="../north.example")},
        "issuer-sql": {"claims": claims(iss="north.example'--")},
        "signed-once": {"signers": signers[:1]},
        "signed-thrice": {"signers": [*signers, signers[0]]},
        "signed-swapped": {"signers": list(reversed(signers))},
        "signed-twice-by-one": {"signers": [signers[0], signers[0]]},
        "signed-by-stranger": {"signers": World({"x": stranger(now)}, world.trust, now=now).signers("x")},
        "binding-header": {"claims": claims(hdr=DIGEST)},
        "binding-recipients": {"claims": claims(rcp=[DIGEST])},
        "binding-audience": {"claims": claims(aud=["east.example"])},
        "binding-id": {"claims": claims(jti=b64u(bytes(16)))},
        "binding-expiry": {"claims": claims(exp=now + 299)},
        "reply-key-of-another-suite": {"claims": claims(rkey=old)},
        "reply-key-of-the-directory": {"claims": claims(rkey={"alg": "HPKE-9-KE", "kty": "AKP", "pub": b64u(other.raw)})},
        "reply-key-zero": {"claims": claims(rkey={"alg": "HPKE-9-KE", "kty": "AKP", "pub": b64u(bytes(1216))})},
        "reply-key-private": {"claims": lambda said: said | {"rkey": said["rkey"] | {"priv": DIGEST}}},
        "time-future": {"claims": claims(iat=now + 120)},
        "time-past": {"claims": claims(iat=now - 601)},
        "padding": {"padding": b"\0\1"},
        "padding-endless": {"padding": bytes((1 << 20) + 1)},
        "content-swapped": {"content": b"original", "plain": lambda p: p.replace(b"original", b"0riginal")},
        "content-short": {"claims": cnt(len=1, raw=1)},
        "content-long": {"claims": cnt(len=99_999, raw=99_999)},
        "content-huge": {"claims": cnt(len=1 << 30, raw=1 << 30)},
        "compressed": {"claims": cnt(enc="zstd")},
        "other-kind": {"claims": lambda said: {k: v for k, v in said.items() if k not in ("pou", "agr", "rkey")} | {"kind": "response", "req": DIGEST, "src": []}},
    }  # fmt: skip


def stranger(now: int) -> Any:
    """Keys of nobody in the list."""
    from keys.store.memory import MemoryKeyStore

    store = MemoryKeyStore(os.urandom)
    for alg in ("Ed25519", "ML-DSA-65"):
        store.create("sig", alg, nbf=now - 60, exp=now + 3600)
    return store


def altered(honest: bytes) -> dict[str, bytes]:
    """What a relay without any key may try."""
    header = 12 + int.from_bytes(honest[8:12], "big")
    stream = header + 32 + 1120 + 48
    flips = {
        f"flip-{at}": at for at in (0, 5, 7, 11, 20, header, header + 40, stream - 1, stream, stream + 30, -1)
    }
    made = {
        name: honest[:at] + bytes((honest[at] ^ 1,)) + (honest[at + 1 :] if at != -1 else b"")
        for name, at in flips.items()
    }
    return made | {
        "nothing": b"", "text": b"hello", "json": b'{"resourceType":"Bundle"}', "noise": hashlib.shake_256(b"x").digest(30_000),
        "cut": honest[:-1], "extended": honest + b"\0", "suite-2": honest[:5] + b"\2" + honest[6:], "suite-1": honest[:5] + b"\1" + honest[6:],
        "suite-9": honest[:5] + b"\x09" + honest[6:], "twice": honest + honest, "head-alone": honest[:stream],
    }  # fmt: skip


def told(reply: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    kept = {k: v for k, v in reply.headers.items() if k not in ("date", "x-request-id")}
    assert len(reply.headers["x-request-id"]) == 36 or reply.headers["x-request-id"]
    return reply.status_code, kept, reply.content


async def test_every_attack_is_answered_with_the_same_bytes(pair: Any) -> None:
    """Seventy attacks, of relays and of an insider with a member's keys: one status, one set of headers, one body."""
    trust = pair.south.node.directory().trust
    now = int(pair.south.clock().timestamp())
    world = World({NORTH: pair.north.runtime.keys, SOUTH: pair.south.runtime.keys}, trust, now=now)
    make = partial(forge, world, iss=NORTH, to=(SOUTH,))
    honest = make()
    attacks = {name: make(**how) for name, how in forgeries(world, now).items()} | altered(honest)
    assert len(attacks) >= 70
    before = await pair.south.leaves()
    async with httpx.AsyncClient(trust_env=False) as client:
        replies = {
            name: told(await client.post(pair.south.url, content=body, headers=SEALED))
            for name, body in attacks.items()
        }
        opened = await client.post(pair.south.url, content=honest, headers=SEALED)
    odd = {name: reply[0] for name, reply in replies.items() if reply != replies["nothing"]}
    assert not odd
    assert (
        replies["nothing"][0] == 400 and json.loads(replies["nothing"][2])["issue"][0]["code"] == "security"
    )
    assert len(await pair.south.leaves()) - len(before) <= 1 and opened.status_code == 200
