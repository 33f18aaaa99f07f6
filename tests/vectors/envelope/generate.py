"""Write the envelope vectors: `PYTHONPATH=. python tests/vectors/envelope/generate.py [NAME…]`.

One file a case, language-neutral: header lines `name: value`, an empty line, the envelope's bytes. Keys follow
from seeds (`keys.json`), members stand in `trust.json`. HPKE, Cobblestone and ML-DSA draw randomness of their
own, so a run makes equivalent files, not equal ones; committed files are frozen, and a run writes only those
that are missing. Refusals are of suite 2 without padding where the second signature does not matter.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from keys.algorithms import CLASSICAL_KEM, KEM
from keys.envelope.encoding import zstd
from keys.envelope.manifest import ACK
from keys.envelope.recipient import ReplyKey, make_reply_key, recipient_from_trust
from keys.jwk import jwk_from_seed, kid_from_jwk, public_from_jwk
from keys.jws import Signer
from keys.member import member_from_store
from keys.syntax import b64u
from keys.trust import trust_list, trust_list_to_json
from tests.spec.envelope.conftest import NOW, World, forge, store_from_name, with_suite_1

HERE = Path(__file__).parent
NAMES = ("a.example", "b.example", "c.example", "a.example/ward")
REQUEST = hashlib.sha256(b"the request that is answered").digest()
DIGEST = b64u(bytes(32))


def kem_seed(name: str, alg: str = KEM) -> bytes:
    """The seed of a member's KEM key, as `conftest.store_from_name` makes it."""
    return hashlib.sha256(f"carepact test {name} {alg}".encode()).digest()


def reply_key(alg: str = KEM) -> ReplyKey:
    """The reply key of the request that is answered."""
    seed = hashlib.sha256(b"carepact test reply").digest()
    jwk = jwk_from_seed(alg, seed)
    return ReplyKey(kid_from_jwk(jwk), alg, NOW, NOW + 300, jwk, seed)


def answer(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims of a response to `REQUEST`."""
    kept = {name: value for name, value in claims.items() if name not in ("pou", "agr", "rkey")}
    cnt = claims["cnt"] | {"typ": "application/fhir+json"}
    return kept | {"kind": "response", "req": b64u(REQUEST), "src": [], "cnt": cnt}


def acknowledgement(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims of an ack of a response."""
    said = {
        "md": b64u(hashlib.sha256(b"md").digest()),
        "env": b64u(hashlib.sha256(b"env").digest()),
        "result": "accepted",
    }
    kept = {name: value for name, value in answer(claims).items() if name != "src"}
    return kept | {"kind": "ack", "ack": said, "cnt": claims["cnt"] | {"typ": ACK}}


def bent(**members: Any) -> dict[str, Any]:
    """`forge` arguments: top-level claims replaced."""
    return {"claims": lambda claims: claims | members}


def bent_content(**members: Any) -> dict[str, Any]:
    """`forge` arguments: members of `cnt` replaced."""
    return {"claims": lambda claims: claims | {"cnt": claims["cnt"] | members}}


def opened_cases(world: World) -> dict[str, dict[str, Any]]:
    """Each suite and kind, contents at chunk edges, and the last hop."""
    reply = public_from_jwk(dict(reply_key().jwk))
    ward = recipient_from_trust(world.trust, "a.example/ward", at=NOW).key
    to_a = {"iss": "b.example", "to": ("a.example",), "keys": [reply], "claims": answer}
    cases: dict[str, dict[str, Any]] = {}
    for suite in (2, 3):
        cases[f"request-{suite}"] = {"suite": suite, "content": b'{"v":1}'}
        cases[f"response-{suite}"] = to_a | {"suite": suite, "content": b'{"resourceType":"Bundle"}'}
        cases[f"ack-{suite}"] = {"suite": suite, "content": b"", "claims": acknowledgement}
    for size in (0, 1, 16_384):
        cases[f"content-{size}"] = {"suite": 2, "content": bytes(size), "padding": b""}
    cases["notice-two-recipients"] = {
        "suite": 3,
        "to": ("b.example", "c.example"),
        "content": b'{"op":"notice"}',
    }
    for name, plain in (("empty", b""), ("record", b'{"resourceType":"Bundle"}' * 200)):
        cases[f"response-zstd-{name}"] = zstd_answer(reply, zstd.compress(plain), len(plain)) | {
            "plain_content": plain
        }
    cases["last-hop"] = {
        "iss": "a.example",
        "to": ("a.example/ward",),
        "keys": [ward],
        "claims": answer,
        "suite": 3,
    }
    return cases


def zstd_answer(reply: Any, encoded: bytes, raw: int) -> dict[str, Any]:
    """`forge` arguments: a response whose content says that it is one frame of `raw` bytes."""

    def claims(said: dict[str, Any]) -> dict[str, Any]:
        held = answer(said)
        return held | {"cnt": held["cnt"] | {"enc": "zstd", "raw": raw}}

    whole = {"iss": "b.example", "to": ("a.example",), "keys": [reply], "claims": claims}
    return whole | {"suite": 3, "content": encoded}


def refused_answers() -> dict[str, tuple[str, dict[str, Any]]]:
    """Refusals that only a response can show: what is inside a frame."""
    reply = public_from_jwk(dict(reply_key().jwk))
    honest = zstd.compress(b"x" * 1000)
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    broad = wide.compress(hashlib.shake_256(b"wide").digest(100)) + wide.flush(
        zstd.ZstdCompressor.FLUSH_BLOCK
    )
    cases = {
        "bomb": (zstd.compress(bytes(64 << 20)), 1000),
        "short": (honest, 1001),
        "two-frames": (zstd.compress(b"x" * 500) * 2, 1000),
        "skippable-first": (b"\x50\x2a\x4d\x18\x04\0\0\0skip" + honest, 1000),
        "trailing-byte": (honest + b"\0", 1000),
        "cut": (honest[:-1], 1000),
        "no-frame": (b"plain", 5),
        "wide-window": (broad + wide.flush(), 100),
    }
    return {
        f"response-frame-{name}": ("compression", zstd_answer(reply, encoded, raw))
        for name, (encoded, raw) in cases.items()
    }


def refused_cases(world: World) -> dict[str, tuple[str, dict[str, Any]]]:
    """One or more for each word of the refusal list: (reason, `forge` arguments)."""
    first = world.signers("a.example", 2)
    other = recipient_from_trust(world.trust, "c.example", at=NOW).key
    key = recipient_from_trust(world.trust, "b.example", at=NOW).key
    return {
        "header-unknown-member": ("header", {"header": lambda header: header | {"iss": "a.example"}}),
        "recipient-not-me": ("recipient", {"to": ("c.example",)}),
        "key-not-mine": ("key", {"keys": [other]}),
        "key-twice": ("key", {"keys": [key, key]}),
        "stanza-altered": ("stanza", {"stanzas": lambda rows: [rows[0][:-1] + bytes((rows[0][-1] ^ 1,))]}),
        "body-ends-in-the-manifest": ("body", {"plain": lambda plain: plain[:300]}),
        "body-endless-manifest": ("body", {"length": 65_537}),
        "syntax-duplicate-claim": ("syntax", {"payload": lambda p: p.replace(b'"v":1', b'"v":1,"v":1')}),
        "syntax-escape": ("syntax", {"payload": lambda p: p.replace(b"TREAT", b"TR\\u0045AT")}),
        "syntax-float": ("syntax", {"payload": lambda p: p.replace(b'"v":1', b'"v":1.0')}),
        "claims-unknown": ("claims", bent(patient="x")),
        "claims-audience-as-text": ("claims", bent(aud="b.example c.example")),
        "issuer-unknown": ("issuer", bent(iss="d.example")),
        "issuer-key-of-another": ("issuer", {"signers": world.signers("c.example", 2)}),
        "signature-doubled": ("signature", {"signers": [*first, *first]}),
        "signature-of-suite-2-in-3": ("signature", {"suite": 3, "signers": first}),
        "binding-header": ("binding", bent(hdr=DIGEST)),
        "binding-recipients": ("binding", bent(rcp=[DIGEST])),
        "binding-audience": ("binding", bent(aud=["c.example"])),
        "binding-two-recipients": ("binding", {"to": ("b.example", "c.example")}),
        "conversation-response-as-request": ("conversation", {"claims": answer}),
        "time-too-long": ("time", {"exp": NOW + 601}),
        "time-from-the-future": ("time", {"claims": lambda claims: claims | {"iat": NOW + 61}}),
        "padding-not-zero": ("padding", {"padding": b"\0\1"}),
        "content-altered": ("content", {"content": b"original", "plain": lambda p: p.replace(b"original", b"0riginal")}),
        "content-short": ("content", bent_content(len=9, raw=9)),
        "compression-zstd": ("compression", bent_content(enc="zstd")),
        "limit-declared": ("limit", bent_content(len=1 << 30, raw=1 << 30)),
    }  # fmt: skip


def altered_cases(envelope: bytes) -> dict[str, tuple[str, bytes]]:
    """Refusals that are made from the bytes of an honest envelope."""
    return {
        "framing-magic": ("framing", b"CPX2" + envelope[4:]),
        "framing-cut": ("framing", envelope[:400]),
        "suite-4": ("suite", envelope[:5] + b"\4" + envelope[6:]),
        "suite-1": ("suite", envelope[:5] + b"\1" + envelope[6:]),
        "suite-2-as-3": ("stanza", envelope[:5] + b"\3" + envelope[6:]),
        "limit-recipients": ("limit", envelope[:7] + b"\0" + envelope[8:]),
        "body-cut": ("body", envelope[:-1]),
        "body-extended": ("body", envelope + b"\0"),
    }


def write(name: str, lines: dict[str, object], envelope: bytes) -> None:
    """One vector, unless it is there: committed files are frozen."""
    path = HERE / f"{name}.cpx"
    if not path.exists():
        head = "".join(f"{key}: {value}\n" for key, value in lines.items())
        path.write_bytes(head.encode("ascii") + b"\n" + envelope)


def lines_of(name: str, arguments: dict[str, Any], reason: str) -> dict[str, object]:
    """The header lines of a case."""
    me = arguments.get("to", ("b.example",))[0] if reason == "opened" else arguments.get("me", "b.example")
    alg = CLASSICAL_KEM if arguments.get("suite") == 1 else KEM
    answers = name.removeprefix("old-").startswith("response")
    seed = reply_key()._seed if answers else kem_seed(me, alg)
    lines: dict[str, object] = {"expect": "opened" if reason == "opened" else "refused"}
    if reason == "opened":
        content = arguments.get("plain_content", arguments.get("content", b"{}"))
        lines["payload-sha256"] = hashlib.sha256(content).hexdigest()
    else:
        lines["reason"] = reason
    kind = name.removeprefix("old-").split("-")[0]
    kind = {"response": "response", "last": "response", "ack": "ack"}.get(kind, "request")
    if name.startswith("notice"):
        lines["notice"] = "yes"
    lines |= {"suite": arguments.get("suite", 3), "kind": kind, "me": me, "now": NOW, "kem-seed": b64u(seed)}
    if kind != "request":
        lines |= {"peer": arguments.get("iss", "a.example"), "request": b64u(REQUEST)}
    if name.startswith("old-"):
        lines["trust"] = "trust-1.json"
    return lines | {"comment": name.replace("-", " ")}


def old_opened(world: World) -> dict[str, dict[str, Any]]:
    """Suite 1, each kind; the members are those of `trust-1.json`, who all switched it on."""
    reply = public_from_jwk(dict(reply_key(CLASSICAL_KEM).jwk), use="enc")
    to_a = {"iss": "b.example", "to": ("a.example",), "keys": [reply], "claims": answer}
    return {
        "old-request": {"suite": 1, "content": b'{"v":1}'},
        "old-response": to_a | {"suite": 1, "content": b'{"resourceType":"Bundle"}'},
        "old-ack": {"suite": 1, "content": b"", "claims": acknowledgement},
    }


def old_refused(world: World) -> dict[str, tuple[str, dict[str, Any]]]:
    """What suite 1 alone can show: its keys, its signatures, its reply key."""
    first, second = world.signers("a.example", 1), world.signers("a.example", 2)
    hybrid = dict(make_reply_key(os.urandom, now=NOW, exp=NOW + 300).jwk)
    off = dict(jwk_from_seed(CLASSICAL_KEM, bytes(32)))
    off["y"] = off["x"]
    return {
        "old-signature-of-suite-2": ("signature", {"signers": second}),
        "old-signature-doubled": ("signature", {"signers": [*first, *first]}),
        "old-signature-without-s": ("signature", {"signers": [zero_signer(first[0])]}),
        "old-issuer-key-of-another": ("issuer", {"signers": world.signers("c.example", 1)}),
        "old-reply-key-of-suite-3": ("binding", bent(rkey=hybrid)),
        "old-reply-key-off-the-curve": ("binding", bent(rkey=off)),
        "old-stanza-altered": ("stanza", {"stanzas": lambda rows: [rows[0][:-1] + bytes((rows[0][-1] ^ 1,))]}),
    }  # fmt: skip


def zero_signer(signer: Signer) -> Signer:
    """`r` of an honest signature, and an `s` of zero."""
    return Signer(signer.alg, signer.kid, lambda data: signer.sign(data)[:32] + bytes(32))


def write_old(stores: dict[str, Any]) -> None:
    """The vectors of suite 1 and their members file."""
    world = with_suite_1(stores)
    if not (HERE / "trust-1.json").exists():
        (HERE / "trust-1.json").write_bytes(trust_list_to_json(world.trust) + b"\n")
    for name, arguments in old_opened(world).items():
        write(name, lines_of(name, arguments, "opened"), forge(world, **arguments))
    lite: dict[str, Any] = {"suite": 1, "padding": b""}
    for name, (reason, arguments) in old_refused(world).items():
        write(name, lines_of(name, lite | arguments, reason), forge(world, **(lite | arguments)))
    honest = forge(world, **lite)
    for suite, word in ((2, "framing"), (3, "framing")):
        altered = honest[:5] + bytes((suite,)) + honest[6:1000]
        write(f"old-as-{suite}", lines_of(f"old-as-{suite}", lite, word), altered)


def main() -> None:
    """Write what is missing."""
    stores = {name: store_from_name(name) for name in NAMES}
    members = [member_from_store(store, name, min_suite=2) for name, store in stores.items()]
    world = World(stores, trust_list(7, NOW + 30 * 86_400, members))
    if not (HERE / "trust.json").exists():
        (HERE / "trust.json").write_bytes(trust_list_to_json(world.trust) + b"\n")
        seeds = {name: b64u(kem_seed(name)) for name in NAMES}
        (HERE / "keys.json").write_text(json.dumps(seeds, indent=1) + "\n")
    for name, arguments in opened_cases(world).items():
        made = {key: value for key, value in arguments.items() if key != "plain_content"}
        write(name, lines_of(name, arguments, "opened"), forge(world, **made))
    lite: dict[str, Any] = {"suite": 2, "padding": b""}
    for name, (reason, arguments) in refused_cases(world).items():
        write(name, lines_of(name, lite | arguments, reason), forge(world, **(lite | arguments)))
    for name, (reason, arguments) in refused_answers().items():
        write(name, lines_of(name, arguments | {"me": "a.example"}, reason), forge(world, **arguments))
    for name, (reason, envelope) in altered_cases(forge(world, **lite)).items():
        write(name, lines_of(name, lite, reason), envelope)
    write_old(stores)


if __name__ == "__main__":
    os.umask(0o022)
    main()
    sys.stdout.write("written\n")
