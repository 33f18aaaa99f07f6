"""Sealing after the commit (envelope.md 5, steps 5 to 8): no signed manifest exists without its leaf.

5. Sign. 6. Wrap the CEK for each recipient. 7. Encrypt manifest, blind, content, padding. 8. Hand back what
is kept. A draft is finished once: a retry resends the stored envelope, never seals anew. `finish` does it in
memory, `Sealing` piece by piece for content that does not fit there.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from cryptography.cobblestone import Cobblestone256Encryptor

from keys import jws
from keys.algorithms import SUITES, wrap_to
from keys.envelope.draft import Draft
from keys.envelope.framing import KID, MAX_ENVELOPE, SEALED_CEK, SLICE, cek_info, stream_context
from keys.envelope.manifest import MAX_JWS
from keys.envelope.padding import HEAD, padded_length
from keys.envelope.recipient import Recipient
from keys.envelope.spool import GatheredSpool
from keys.errors import EnvelopeRefused, KeyRefused, UnknownKey
from keys.interface import KeyStore
from keys.syntax import unb64u


@dataclass(frozen=True)
class Sealed:
    """The envelope and what is kept of it as evidence."""

    envelope: bytes = field(repr=False)
    jws: bytes
    md: bytes
    blind: bytes = field(repr=False)

    @cached_property
    def env(self) -> bytes:
        """SHA-256 of the whole envelope: what an acknowledgement of it names."""
        return hashlib.sha256(self.envelope).digest()


class Sealing:
    """Steps 5 to 7, after the commit: iterating gives the bytes of the envelope, once.

    `jws`, `md` and `blind` are what is kept. Raises `UnknownKey` unless the signers are those of the suite,
    in order, and `EnvelopeRefused("limit")` before the first byte beyond `max_envelope`.
    """

    def __init__(
        self, draft: Draft, signers: Sequence[jws.Signer], *, max_envelope: int = MAX_ENVELOPE
    ) -> None:
        if tuple(signer.alg for signer in signers) != draft.suite.signatures:
            raise UnknownKey("other signers than the suite names")
        # 5. Sign.
        self.jws = jws.sign_read(jws.MANIFEST, draft.payload, signers)
        if len(self.jws) > MAX_JWS:
            raise EnvelopeRefused("limit")
        self.md, self.blind = draft.md, draft.blind
        self._draft, self._max = draft, max_envelope

    @property
    def length_at_most(self) -> int:
        """Bytes of the envelope, or a few more."""
        draft = self._draft
        stanzas = len(draft.recipients) * (KID + draft.suite.enc + SEALED_CEK)
        plain = padded_length(HEAD + len(self.jws) + draft.manifest.cnt.len, draft.floor)
        return len(draft.prefix) + stanzas + plain + plain // 1024 + 128

    def __iter__(self) -> Iterator[bytes]:
        draft, sent = self._draft, 0
        # 6. Wrap the CEK per recipient.
        ph = hashlib.sha256(draft.prefix).digest()
        head = draft.prefix + b"".join(_stanza(draft, recipient, ph) for recipient in draft.recipients)
        # 7. Encrypt manifest, blind, content, padding.
        for piece in chain((head,), _encrypted(draft, self.jws, stream_context(head))):
            sent += len(piece)
            if sent > self._max:
                raise EnvelopeRefused("limit")
            yield piece
        draft.content.discard()


def finish(draft: Draft, signers: Sequence[jws.Signer]) -> Sealed:
    """Steps 5 to 8 in memory."""
    sealing = Sealing(draft, signers)
    whole = GatheredSpool(sealing.length_at_most)
    for piece in sealing:
        whole.write(piece)
    return Sealed(whole.whole(), sealing.jws, sealing.md, sealing.blind)


def signers_for_suite(store: KeyStore, suite: int, *, at: int) -> tuple[jws.Signer, ...]:
    """The live `sig` keys that this suite wants, in order; `UnknownKey` if one is missing."""
    return jws.signers_from_store(store, SUITES[suite].signatures, at=at)


def _stanza(draft: Draft, recipient: Recipient, ph: bytes) -> bytes:
    kid = unb64u(recipient.key.kid, 32)
    info = cek_info(draft.suite.number, kid, ph)
    try:
        return kid + wrap_to(recipient.key.raw, draft.cek, info, draft.suite.kem)
    except KeyRefused:
        raise EnvelopeRefused("key") from None


def _encrypted(draft: Draft, signed: bytes, context: bytes) -> Iterator[bytes]:
    """The stream."""
    used = HEAD + len(signed) + draft.manifest.cnt.len
    stream = Cobblestone256Encryptor(draft.cek, context)
    yield stream.update(struct.pack(">I", len(signed)) + signed + draft.blind)
    for piece in draft.content.slices():
        yield stream.update(piece)
    padding = padded_length(used, draft.floor) - used
    for start in range(0, padding, SLICE):
        yield stream.update(bytes(min(SLICE, padding - start)))
    yield stream.finalize()
