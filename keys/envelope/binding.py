"""Whether a manifest belongs to this frame, this conversation and this moment (envelope.md 6.9 and 7).

Refuses with `EnvelopeRefused`: `binding`, `conversation`, `time`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keys.algorithms import LIVE_SUITES, Suite
from keys.envelope.draft import MAX_CONTENT, MAX_LIFE
from keys.envelope.framing import MAX_ENVELOPE, Frame, kids
from keys.envelope.manifest import Manifest
from keys.envelope.recipient import KemKey
from keys.envelope.replay import ReplayView
from keys.errors import EnvelopeRefused, KeyRefused
from keys.jwk import public_from_jwk
from keys.syntax import b64u
from keys.trust import TrustList

SKEW = 60
"""Seconds that two clocks may differ."""


@dataclass(frozen=True, slots=True)
class ExpectRequest:
    """The exchange endpoint: requests, and nothing else."""


@dataclass(frozen=True, slots=True)
class ExpectResponse:
    """The answer to one outstanding request (rule 4), or to a keyed client's plain request (section 11).

    `req`: its `md`, or `http_request_digest`, 32 bytes. `reply_kid`: the reply key, or the client's own
    registered key. `exp`: of the request; None where a plain request had none.
    """

    iss: str
    req: bytes
    reply_kid: str
    suite: int
    exp: int | None = None


@dataclass(frozen=True, slots=True)
class ExpectAck:
    """The acknowledgement of one response that we sent: its `req`, `md`, `env`, 32 bytes each (rule 6)."""

    iss: str
    req: bytes
    md: bytes
    env: bytes


@dataclass(frozen=True, slots=True)
class ExpectPosted:
    """The exchange endpoint of a node that sends answers: a request, or an acknowledgement of an answer.

    Whoever takes an acknowledgement then holds it against what was sent: `require_ack`.
    """


Expectation = ExpectRequest | ExpectResponse | ExpectAck | ExpectPosted


@dataclass(frozen=True, slots=True)
class Opening:
    """What the checks are held against: who I am, whom I trust, what I await, what I have seen, when."""

    me: str
    trust: TrustList
    keys: Sequence[KemKey]
    expect: Expectation
    replay: ReplayView
    now: int
    suites: frozenset[int] | None = None
    """What I take; None: what my own record and the federation list."""
    max_life: int = MAX_LIFE
    max_content: int = MAX_CONTENT
    max_envelope: int = MAX_ENVELOPE
    max_recipients: int = 1
    """More than one only where federation notices are expected, never patient data (section 7, rule 2)."""
    acknowledged: bool = True
    """Whether `env` is wanted, for an acknowledgement: a second hash over every byte."""
    emergency: bool = False
    """The caller vouches that an emergency asks: the list's grace holds. Of a request it looks afterwards."""

    def taken(self) -> frozenset[int]:
        """The suites that this opening takes."""
        if self.suites is not None:
            return self.suites
        own = self.trust.member(self.me)
        return self.trust.suites & (LIVE_SUITES if own is None else frozenset(own.suites))


def require_binding(frame: Frame, manifest: Manifest, mine: KemKey, held: Opening) -> None:
    """Rules 1 and 2: the claims equal the frame, I am meant, and nobody else who should not be."""
    me, trust = held.me, held.trust
    header = frame.header
    claimed = (manifest.hdr, manifest.rcp, manifest.aud, manifest.jti, manifest.exp)
    if claimed != (b64u(frame.ph), kids(frame.stanzas), header.to, header.mid, header.exp):
        raise EnvelopeRefused("binding")
    if me not in manifest.aud or manifest.iss == me:
        raise EnvelopeRefused("binding")
    # Every key belongs to an address of the audience: mine does, I am in it.
    if any(kid != mine.kid and trust.owner(kid) not in manifest.aud for kid in manifest.rcp):
        raise EnvelopeRefused("binding")
    # A fan-out of patient data seals once per member; only a notice is for many, each under a key of its own.
    if len(manifest.rcp) != len(manifest.aud) or len(manifest.rcp) > _most(manifest, held):
        raise EnvelopeRefused("binding")


def _most(manifest: Manifest, held: Opening) -> int:
    return held.max_recipients if manifest.kind == "request" else 1


def require_conversation(frame: Frame, manifest: Manifest, expect: Expectation, trust: TrustList) -> None:
    """Rules 3 to 6: the kind that this entry point expects, in answer to what was asked."""
    match expect:
        case ExpectRequest() | ExpectPosted():
            posted = isinstance(expect, ExpectPosted) and manifest.kind == "ack"
            _require(manifest.kind == "request" or posted)
            if not posted:
                _require_reply_key(frame.suite, manifest, trust)
        case ExpectResponse():
            _require(manifest.kind == "response" and manifest.iss == expect.iss)
            _require(manifest.req == b64u(expect.req) and manifest.rcp == (expect.reply_kid,))
            _require(frame.suite.number == expect.suite)
            _require(expect.exp is None or manifest.exp <= expect.exp)
        case ExpectAck():
            require_ack(manifest, expect)


def require_ack(manifest: Manifest, expect: ExpectAck) -> None:
    """Rule 6: of the member that the response went to, and of that very response. Refuses `conversation`."""
    ack = manifest.ack
    _require(manifest.kind == "ack" and manifest.iss == expect.iss and ack is not None)
    _require(ack is not None and (ack.md, ack.env) == (b64u(expect.md), b64u(expect.env)))
    _require(manifest.req == b64u(expect.req))


def require_time(manifest: Manifest, mine: KemKey, now: int, max_life: int) -> None:
    """Step 9: neither from the future nor past, no longer than allowed, and in the life of the key used."""
    if not 0 < manifest.exp - manifest.iat <= max_life:
        raise EnvelopeRefused("time")
    if not manifest.iat - SKEW <= now < manifest.exp + SKEW:
        raise EnvelopeRefused("time")
    if not mine.nbf - SKEW <= manifest.iat < mine.exp + SKEW:
        raise EnvelopeRefused("time")


def _require_reply_key(suite: Suite, manifest: Manifest, trust: TrustList) -> None:
    """Rule 5: well formed, of the suite's KEM, nobody's lasting key, and one encapsulation to it succeeds."""
    try:
        key = public_from_jwk(dict(manifest.rkey or {}), use="enc")
    except KeyRefused:
        raise EnvelopeRefused("binding") from None
    if key.alg != suite.kem or trust.owner(key.kid) is not None or key.kid in manifest.rcp:
        raise EnvelopeRefused("binding")


def _require(holds: bool) -> None:
    if not holds:
        raise EnvelopeRefused("conversation")
