"""Sealing (envelope.md 5), in two phases around the caller's commit.

`draft` is steps 1 to 3: 1. choose suite and recipients, 2. encode the content, 3. frame header and payload.
4. The caller commits its record and the ledger leaf that holds `md`, or throws the draft away.
`finish` is steps 5 to 8: 5. sign, 6. wrap, 7. encrypt, 8. hand back what is kept. So no signed manifest
exists without its leaf. A draft is finished once: a retry resends the stored envelope, never seals anew.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.cobblestone import Cobblestone256Encryptor

from keys import jws
from keys.algorithms import SUITES, Suite, live_suite, wrap_to
from keys.envelope.framing import (
    CEK,
    MAX_ENVELOPE,
    SLICE,
    Header,
    cek_info,
    prefix_from_header,
    stream_context,
)
from keys.envelope.manifest import (
    MAX_JWS,
    Acknowledgement,
    ContentClaims,
    Kind,
    Manifest,
    digest,
    manifest_from_payload,
    payload_from_manifest,
)
from keys.envelope.padding import FLOOR, HEAD, padded_length
from keys.envelope.recipient import Recipient
from keys.errors import EnvelopeRefused, KeyRefused, UnknownKey
from keys.interface import Entropy, Jwk, KeyStore
from keys.syntax import SyntaxRefused, b64u, unb64u

MAX_CONTENT = 16 << 20
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
    content: bytes = field(repr=False)
    cek: bytes = field(repr=False)
    floor: int = FLOOR

    @property
    def jti(self) -> str:
        """The message id, b64u of 16 random bytes, equal to `mid` in the header."""
        return self.manifest.jti


@dataclass(frozen=True, slots=True)
class Sealed:
    """The envelope and what is kept of it as evidence. `env` = SHA-256 of the whole envelope."""

    envelope: bytes = field(repr=False)
    jws: bytes
    md: bytes
    blind: bytes = field(repr=False)
    env: bytes


def draft(
    claims: Claims,
    content: bytes,
    recipients: Sequence[Recipient],
    *,
    suite: int,
    now: int,
    entropy: Entropy,
    floor: int = FLOOR,
    max_life: int = MAX_LIFE,
) -> Draft:
    """Steps 1 to 3. `EnvelopeRefused` with the word for which our peer would refuse it."""
    # 1. Suite and recipients: the list neither empty nor repeating, every key of the suite's KEM.
    row = live_suite(suite)
    if row is None:
        raise EnvelopeRefused("suite")
    _require_recipients(recipients, row)
    if not 0 < claims.exp - now <= max_life:
        raise EnvelopeRefused("time")
    # 2. Content, identity only; fresh entropy for blind, jti and CEK.
    if len(content) > MAX_CONTENT:
        raise EnvelopeRefused("limit")
    blind, jti, cek = entropy(32), b64u(entropy(16)), entropy(CEK)
    committed = b64u(content_digest(blind, content))
    cnt = ContentClaims(claims.typ, "identity", len(content), len(content), committed)
    # 3. Header, prefix, payload.
    header = Header(claims.exp, jti, tuple(recipient.address for recipient in recipients))
    prefix = prefix_from_header(suite, len(recipients), header)
    payload = _payload(claims, header, recipients, prefix, cnt, now)
    # Read back as the recipient will read it: what we would refuse is never signed.
    manifest = manifest_from_payload(payload)
    return Draft(
        row, tuple(recipients), manifest, payload, digest(payload), prefix, blind, content, cek, floor
    )


def finish(draft: Draft, signers: Sequence[jws.Signer]) -> Sealed:
    """Steps 5 to 8, after the commit. `UnknownKey` unless the signers are those of the suite, in order."""
    if tuple(signer.alg for signer in signers) != draft.suite.signatures:
        raise UnknownKey("other signers than the suite names")
    # 5. Sign.
    signed = jws.sign(jws.MANIFEST, draft.payload, signers)
    if len(signed) > MAX_JWS:
        raise EnvelopeRefused("limit")
    # 6. Wrap the CEK per recipient.
    ph = hashlib.sha256(draft.prefix).digest()
    head = draft.prefix + b"".join(_stanza(draft, recipient, ph) for recipient in draft.recipients)
    # 7. Encrypt manifest, blind, content, padding.
    envelope = b"".join((head, *_encrypted(draft, signed, stream_context(head))))
    if len(envelope) > MAX_ENVELOPE:
        raise EnvelopeRefused("limit")
    # 8. What is kept.
    return Sealed(envelope, signed, draft.md, draft.blind, hashlib.sha256(envelope).digest())


def signers_for_suite(store: KeyStore, suite: int, *, at: int) -> tuple[jws.Signer, ...]:
    """The live `sig` keys that suite 2 or 3 wants, in order; `UnknownKey` if one is missing."""
    return jws.signers_from_store(store, SUITES[suite].signatures, at=at)


def content_digest(blind: bytes, encoded: bytes) -> bytes:
    """SHA-256(blind ‖ encoded content): what `cnt.sha256` commits to."""
    running = hashlib.sha256(blind)
    running.update(encoded)
    return running.digest()


def content_matches(manifest: Manifest, blind: bytes, encoded: bytes) -> bool:
    """Whether kept evidence (manifest, blind, content) belongs together; constant time."""
    return hmac.compare_digest(content_digest(blind, encoded), unb64u(manifest.cnt.sha256, 32))


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


def _stanza(draft: Draft, recipient: Recipient, ph: bytes) -> bytes:
    kid = unb64u(recipient.key.kid, 32)
    try:
        return kid + wrap_to(recipient.key.raw, draft.cek, cek_info(draft.suite.number, kid, ph))
    except KeyRefused:
        raise EnvelopeRefused("key") from None


def _encrypted(draft: Draft, signed: bytes, context: bytes) -> Iterator[bytes]:
    """The stream; no primitive is given more than a slice at once."""
    used = HEAD + len(signed) + len(draft.content)
    stream = Cobblestone256Encryptor(draft.cek, context)
    yield stream.update(struct.pack(">I", len(signed)) + signed + draft.blind)
    for piece in (draft.content, bytes(padded_length(used, draft.floor) - used)):
        view = memoryview(piece)
        for start in range(0, len(piece), SLICE):
            yield stream.update(view[start : start + SLICE])
    yield stream.finalize()
