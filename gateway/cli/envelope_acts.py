"""What `carepact envelope open` and `seal` do, between the options and keys.envelope."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any, cast

from gateway.cli.act import decline, read_file
from gateway.cli.envelope_files import EnvelopeFile, kem_key, seeds_from_file, store_from_seeds
from gateway.errors import Exit, Problem
from keys import jws
from keys.algorithms import KEM, KEMS, SUITES, live_suite
from keys.envelope.binding import ExpectAck, Expectation, ExpectRequest, ExpectResponse, Opening
from keys.envelope.draft import MAX_LIFE, MAX_LIFE_STORED, Claims, draft
from keys.envelope.events import Released
from keys.envelope.framing import FIXED, MAX_RECIPIENTS, SLICE
from keys.envelope.manifest import ACK, FHIR_JSON, REQUEST, Acknowledgement, Kind
from keys.envelope.open import open_stream
from keys.envelope.recipient import Recipient, ReplyKey, recipient_from_trust, reply_key_from_seed
from keys.envelope.seal import Sealing, signers_for_suite
from keys.envelope.spool import Spool
from keys.errors import EnvelopeRefused, KeyRefused, NotReady, UnknownKey
from keys.interface import Entropy
from keys.jwk import public_from_jwk
from keys.store.memory import MemoryReplay
from keys.store.spool import FileSpool
from keys.syntax import SyntaxRefused, b64u, emit, parse_object, unb64u
from keys.trust import TrustList

_KINDS = ("request", "response", "ack")


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of `open`; None: as the file's own header lines say."""

    me: str | None
    keys: Path | None
    now: int | None
    kind: str | None
    sender: str | None
    request: str | None
    response: str | None
    notice: bool


@dataclass(frozen=True, slots=True)
class Read:
    """An opened file: the verified manifest's claims, and the content."""

    claims: dict[str, Any]
    content: Spool = field(repr=False)


def opened(
    held: EnvelopeFile, trust: TrustList, asked: Asked, clock: Callable[[], int], entropy: Entropy
) -> Read:
    """Sections 6 and 7 in full. Ends the command with exit 6 and the word of the refusal."""
    lines = held.lines
    me = asked.me or lines.get("me") or _missing("--me")
    now = asked.now if asked.now is not None else int(lines["now"]) if "now" in lines else clock()
    pieces, alg = _kem_of(held.pieces)
    key = kem_key(_seed(asked, lines.get("kem-seed"), me, alg), now, alg)
    opening = Opening(
        me,
        trust,
        (key,),
        _expected(asked, held, key.kid, trust, me),
        MemoryReplay(),
        now,
        max_life=MAX_LIFE_STORED,
        max_recipients=MAX_RECIPIENTS if asked.notice else 1,
    )
    try:
        done = open_stream(pieces, opening, lambda: FileSpool(entropy))
    except EnvelopeRefused as refused:
        decline(Exit.BAD_PROOF, f"refused: {refused.reason}")
    except NotReady as unready:
        decline(Exit.NOT_READY, f"{unready}: give --now, or a newer members file")
    released = cast(Released, done)  # nothing was seen before by a replay store of this moment
    claims = parse_object(jws.parse(released.jws, jws.MANIFEST).payload)
    return Read(claims | {"md": b64u(released.md), "env": b64u(released.env)}, released.content)


def _kem_of(pieces: Iterator[bytes]) -> tuple[Iterator[bytes], str]:
    """The same pieces, and the KEM of the suite in their first bytes; what is odd is refused later."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= FIXED:
            break
    suite = live_suite(int.from_bytes(head[4:6], "big"))
    return chain((head,), pieces), suite.kem if suite is not None else KEM


def _seed(asked: Asked, line: str | None, me: str, alg: str) -> bytes:
    if asked.keys is not None:
        seeds = seeds_from_file(read_file(asked.keys, "--keys"), me)
        seed = seeds.get(alg, seeds.get(KEM) if len(seeds) == 1 else None)
        if seed is None:
            raise Problem("not_found", expression="--keys", hint=f"no {alg} seed for this address")
        return seed
    return _bytes(line or _missing("--keys"), "--keys", 32)


def _expected(asked: Asked, held: EnvelopeFile, kid: str, trust: TrustList, me: str) -> Expectation:
    lines = held.lines
    kind = asked.kind or lines.get("kind", "request")
    if kind == "request":
        return ExpectRequest()
    sender = asked.sender or lines.get("peer") or _missing("--from")
    request = _bytes(asked.request or lines.get("request") or _missing("--request"), "--request", 32)
    if kind == "response":
        suite = int(lines["suite"]) if "suite" in lines else _suite(trust, me, sender)
        return ExpectResponse(sender, request, kid, suite)
    if kind == "ack":
        md, env = _pair(asked.response or _missing("--response"))
        return ExpectAck(sender, request, md, env)
    raise Problem("invalid", expression="--kind", hint=f"one of {', '.join(_KINDS)}")


def _suite(trust: TrustList, me: str, sender: str) -> int:
    """A response is of the request's suite, which is the highest that the asked member lists."""
    member = trust.member(sender)
    if member is None:
        raise Problem("not_found", expression="--from", hint="the members file does not know this address")
    return max(member.suites)


@dataclass(frozen=True, slots=True)
class Given:
    """Options of `seal`."""

    me: str
    to: tuple[str, ...]
    kind: str
    now: int
    life: int
    suite: int
    purpose: str
    agreement: str
    request: str | None
    response: str | None
    content_type: str | None
    zstd: bool
    reply_to: bytes | None


@dataclass(frozen=True, slots=True)
class Written:
    """A sealed file: its pieces, its `md`, and of a request the reply key as a keys file."""

    sealing: Sealing = field(repr=False)
    md: str
    reply_key: bytes | None = field(repr=False)

    def slices(self) -> Iterator[bytes]:
        return iter(self.sealing)


def sealed(
    source: IO[bytes], given: Given, seeds: Mapping[str, bytes], trust: TrustList, entropy: Entropy
) -> Written:
    """Section 5 in full. Ends the command with exit 6 and the word for which a peer would refuse it."""
    if given.kind not in _KINDS:
        raise Problem("invalid", expression="--kind", hint=f"one of {', '.join(_KINDS)}")
    exp = given.now + given.life
    seed = entropy(32) if given.kind == "request" else None
    kem = SUITES[given.suite].kem if given.suite in SUITES else KEM
    reply = None if seed is None else _reply(seed, given.now, exp, kem)
    store = store_from_seeds(seeds, given.now, entropy)
    try:
        made = draft(
            _claims(given, exp, reply),
            iter(lambda: source.read(SLICE), b""),
            _recipients(given, trust),
            suite=given.suite,
            now=given.now,
            entropy=entropy,
            max_life=MAX_LIFE if given.life <= MAX_LIFE else MAX_LIFE_STORED,
            encoding="zstd" if given.zstd else "identity",
            spool=FileSpool(entropy),
        )
        sealing = Sealing(made, signers_for_suite(store, given.suite, at=given.now))
    except EnvelopeRefused as refused:
        decline(Exit.BAD_PROOF, f"a peer would refuse this: {refused.reason}")
    except UnknownKey as unknown:
        raise Problem("not_found", expression="--keys or --trust", hint=str(unknown)) from None
    kept = None if seed is None else emit({given.me: {kem: b64u(seed)}}) + b"\n"
    return Written(sealing, b64u(made.md), kept)


def _reply(seed: bytes, now: int, exp: int, alg: str) -> ReplyKey:
    """Of a suite that is not computed here the draft says so; until then any key will do."""
    return reply_key_from_seed(seed, now=now, exp=exp, alg=alg if alg in KEMS else KEM)


def _claims(given: Given, exp: int, reply: ReplyKey | None) -> Claims:
    if reply is not None:
        return Claims(
            "request", given.me, REQUEST, exp, pou=given.purpose, agr=given.agreement, rkey=reply.jwk
        )
    req = given.request or _missing("--request")
    if given.kind == "response":
        return Claims("response", given.me, given.content_type or FHIR_JSON, exp, req=req)
    md, env = _pair(given.response or _missing("--response"))
    ack = Acknowledgement(b64u(md), b64u(env), "accepted")
    return Claims(cast(Kind, given.kind), given.me, ACK, exp, req=req, ack=ack)


def _recipients(given: Given, trust: TrustList) -> list[Recipient]:
    """Keys of the members file, or for a response the reply key that the request brought."""
    if given.reply_to is None:
        suite = given.suite if live_suite(given.suite) is not None else 3
        return [recipient_from_trust(trust, one, at=given.now, suite=suite) for one in given.to]
    try:
        return [Recipient(given.to[0], public_from_jwk(parse_object(given.reply_to, lines=True), use="enc"))]
    except (KeyRefused, SyntaxRefused):
        raise Problem("malformed", expression="--reply-to", hint="the rkey of the request, a JWK") from None


def _pair(text: str) -> tuple[bytes, bytes]:
    md, _, env = text.partition(":")
    return _bytes(md, "--response", 32), _bytes(env, "--response", 32)


def _bytes(text: str, option: str, length: int) -> bytes:
    try:
        return unb64u(text, length)
    except SyntaxRefused:
        raise Problem("invalid", expression=option, hint=f"{length} bytes in base64url") from None


def _missing(option: str) -> Any:
    raise Problem("invalid", expression=option, hint="is needed for this")
