"""Opening a whole envelope (envelope.md 6): the push parser of `keys.envelope.opener`, fed to the end.

Steps 12 to 15 are here: the content waits in a spool until its last byte held, is inflated within bounds, and
only then handed out.
"""

from collections.abc import Iterable

from keys.envelope.binding import Opening
from keys.envelope.encoding import inflate
from keys.envelope.events import Complete, Content, Event, ManifestVerified, Opened, Released, Replayed
from keys.envelope.opener import Opener
from keys.envelope.spool import GatheredSpool, MemorySpool, Spool, Spooling
from keys.errors import EnvelopeRefused


def open_stream(
    pieces: Iterable[bytes], opening: Opening, spooling: Spooling = MemorySpool
) -> Released | Replayed:
    """Open an envelope that comes in pieces. Its content waits in a spool until the last byte held."""
    opener, encoded = Opener(opening), spooling()
    verified: ManifestVerified | None = None
    for piece in pieces:
        # A slice at a time, so that what it decrypts to is kept before the next is there.
        for part in MemorySpool(piece).slices():
            for event in opener.feed(part):
                if isinstance(event, Replayed):
                    return event
                verified = _keep(event, encoded) or verified
    for event in opener.finish():
        if isinstance(event, Replayed):
            return event
        verified = _keep(event, encoded) or verified
        if isinstance(event, Complete) and verified is not None:
            return released(verified, encoded, event, spooling)
    raise EnvelopeRefused("body")


def open_envelope(data: bytes, opening: Opening) -> Opened | Replayed:
    """Open a whole envelope in memory; content comes out only after its last byte held."""
    done = open_stream((data,), opening, GatheredSpool)
    if isinstance(done, Replayed):
        return done
    content = _whole(done.content)
    encoded = content if done.encoded is done.content else _whole(done.encoded)
    return Opened(done.manifest, content, encoded, done.md, done.jws, done.blind, done.env, done.suite)


def _whole(spool: Spool) -> bytes:
    return spool.whole() if isinstance(spool, GatheredSpool) else b"".join(spool.slices())


def _keep(event: Event, spool: Spool) -> ManifestVerified | None:
    """Step 12."""
    if isinstance(event, ManifestVerified) and isinstance(spool, GatheredSpool):
        spool.reserve(event.manifest.cnt.len)
    if isinstance(event, Content):
        spool.write(event.data.provisional)
    return event if isinstance(event, ManifestVerified) else None


def released(verified: ManifestVerified, encoded: Spool, end: Complete, spooling: Spooling) -> Released:
    """Steps 14 and 15, after the last byte held. Refuses `compression`."""
    manifest, content = verified.manifest, encoded
    if manifest.cnt.enc == "zstd":
        content = spooling()
        inflate(encoded, manifest.cnt.raw, content)
    return Released(manifest, content, encoded, verified.md, verified.jws, end.blind, end.env, verified.suite)
