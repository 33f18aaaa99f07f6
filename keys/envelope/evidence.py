"""What was kept of an envelope, held together again: manifest, blind, encoded content (envelope.md 5.8).

The manifest commits to the content through a random blind, so it may stay after content and blind are gone,
and then proves nothing about them to whoever guesses.
"""

import hashlib
import hmac

from keys.envelope.encoding import inflate
from keys.envelope.manifest import Manifest
from keys.envelope.spool import MemorySpool
from keys.errors import EnvelopeRefused
from keys.syntax import unb64u


def content_matches(manifest: Manifest, blind: bytes, encoded: bytes) -> bool:
    """Whether they belong together; constant time."""
    running = hashlib.sha256(blind)
    running.update(encoded)
    return hmac.compare_digest(running.digest(), unb64u(manifest.cnt.sha256, 32))


def content_from_evidence(manifest: Manifest, blind: bytes, encoded: bytes) -> bytes:
    """The content as it was read. `EnvelopeRefused`: `content`, `compression`."""
    if not content_matches(manifest, blind, encoded):
        raise EnvelopeRefused("content")
    if manifest.cnt.enc == "identity":
        return encoded
    plain = MemorySpool()
    inflate(MemorySpool(encoded), manifest.cnt.raw, plain)
    return b"".join(plain.slices())
