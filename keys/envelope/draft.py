"""Sealing before the commit (envelope.md 5, steps 1 to 3): what will be signed, and nothing signed yet.

1. Choose suite and recipients. 2. Encode the content into the spool, hash it with a fresh blind. 3. Frame
header and payload. 4. The caller commits its record and the ledger leaf that holds `md`, or throws the draft
away; `keys.envelope.seal` goes on from there.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from keys.algorithms import Suite, live_suite
from keys.envelope.encoding import Encoding, deflated
from keys.envelope.framing import CEK, Header, prefix_from_header
from keys.envelope.manifest import (
    Acknowledgement,
    ContentClaims,
    Kind,
    Manifest,
    digest,
    manifest_from_payload,
    payload_from_manifest,
)
from keys.envelope.padding import FLOOR
from keys.envelope.recipient import Recipient
from keys.envelope.spool import MemorySpool, Spool
from keys.errors import EnvelopeRefused
from keys.interface import Entropy, Jwk
from keys.syntax import SyntaxRefused, b64u

MAX_CONTENT = 64 << 20
"""Bytes of content, before and after encoding; an operator may set up to 1 GiB."""
WORTH_COMPRESSING = 1024
"""Bytes of a response from which on it is compressed."""
MAX_LIFE = 600
MAX_LIFE_STORED = 604_800
"""Seven days, where store-and-forward is on."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the caller says; `draft` computes the rest. Digests as b64u, `exp` in POSIX seconds."""

    kind: Kind
    iss: str
    typ: str
    exp: int
    log: str = ""
    pou: str = ""
    agr: str = ""
    rkey: Jwk | None = None
    req: str = ""
    src: tuple[str, ...] = ()
    ack: Acknowledgement | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """Steps 1 to 3 done, nothing signed: `md` goes into the leaf, `jti` names the message."""

    suite: Suite
    recipients: tuple[Recipient, ...]
    manifest: Manifest
    payload: bytes
    md: bytes
    prefix: bytes = field(repr=False)
    blind: bytes = field(repr=False)
    content: Spool = field(repr=False)
    cek: bytes = field(repr=False)
    floor: int = FLOOR

    @property
    def jti(self) -> str:
        """The message id, b64u of 16 random bytes, equal to `mid` in the header."""
        return self.manifest.jti


def draft(
    claims: Claims,
    content: bytes | Iterable[bytes],
    recipients: Sequence[Recipient],
    *,
    suite: int,
    now: int,
    entropy: Entropy,
    floor: int = FLOOR,
    max_life: int = MAX_LIFE,
    max_content: int = MAX_CONTENT,
    encoding: Encoding = "identity",
    spool: Spool | None = None,
) -> Draft:
    """Steps 1 to 3. `EnvelopeRefused` with the word for which our peer would refuse it.

    `content` may come in pieces of any size; what was encoded waits in `spool` until `finish` (in memory, if
    none is given).
    """
    # 1. Suite and recipients: the list neither empty nor repeating, every key of the suite's KEM.
    row = live_suite(suite)
    if row is None:
        raise EnvelopeRefused("suite")
    _require_recipients(recipients, row)
    if not 0 < claims.exp - now <= max_life:
        raise EnvelopeRefused("time")
    # 2. Content into the spool; fresh entropy for blind, jti and CEK.
    if encoding != "identity" and claims.kind != "response":
        raise EnvelopeRefused("compression")
    blind, jti, cek = entropy(32), b64u(entropy(16)), entropy(CEK)
    held = spool if spool is not None else MemorySpool()
    cnt = _encode(claims.typ, _sliced(content), encoding, held, blind, max_content)
    # 3. Header, prefix, payload.
    header = Header(claims.exp, jti, tuple(recipient.address for recipient in recipients))
    prefix = prefix_from_header(suite, len(recipients), header)
    payload = _payload(claims, header, recipients, prefix, cnt, now)
    # Read back as the recipient will read it: what we would refuse is never signed.
    manifest = manifest_from_payload(payload)
    return Draft(row, tuple(recipients), manifest, payload, digest(payload), prefix, blind, held, cek, floor)


def _sliced(content: bytes | Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """No primitive is given more than a slice at once."""
    for piece in (content,) if isinstance(content, bytes) else content:
        yield from MemorySpool(piece).slices()


def _encode(
    typ: str,
    pieces: Iterable[bytes | memoryview],
    encoding: Encoding,
    spool: Spool,
    blind: bytes,
    most: int,
) -> ContentClaims:
    """Step 2: encode, hash and count in one pass. Refuses `limit`."""
    raw = length = 0
    running = hashlib.sha256(blind)

    def counted() -> Iterator[bytes | memoryview]:
        nonlocal raw
        for piece in pieces:
            raw += len(piece)
            if raw > most:
                raise EnvelopeRefused("limit")
            yield piece

    for encoded in deflated(counted()) if encoding == "zstd" else counted():
        length += len(encoded)
        running.update(encoded)
        spool.write(encoded)
    if length > most:
        raise EnvelopeRefused("limit")
    return ContentClaims(typ, encoding, length, raw, b64u(running.digest()))


def _require_recipients(recipients: Sequence[Recipient], suite: Suite) -> None:
    addresses = {recipient.address for recipient in recipients}
    keys = {recipient.key.kid for recipient in recipients}
    if not recipients or len(addresses) != len(recipients) or len(keys) != len(recipients):
        raise EnvelopeRefused("recipient")
    if any(recipient.key.alg != suite.kem for recipient in recipients):
        raise EnvelopeRefused("key")


def _payload(
    claims: Claims,
    header: Header,
    recipients: Sequence[Recipient],
    prefix: bytes,
    cnt: ContentClaims,
    now: int,
) -> bytes:
    manifest = Manifest(
        kind=claims.kind,
        iss=claims.iss,
        aud=header.to,
        jti=header.mid,
        iat=now,
        exp=header.exp,
        hdr=b64u(hashlib.sha256(prefix).digest()),
        rcp=tuple(recipient.key.kid for recipient in recipients),
        log=claims.log,
        cnt=cnt,
        pou=claims.pou,
        agr=claims.agr,
        rkey=claims.rkey,
        req=claims.req,
        src=claims.src,
        ack=claims.ack,
    )
    try:
        return payload_from_manifest(manifest)
    except SyntaxRefused:
        raise EnvelopeRefused("syntax") from None
