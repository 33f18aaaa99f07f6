"""How an envelope is opened (envelope.md 6): nothing is parsed unchecked, and a refusal leaves no trace.

1. frame  2. header  3. find my stanza, unwrap the CEK  4. start the stream, take the JWS  5. syntax
6. keys  7. signatures  8. binding  9. time  10. replay  11. hand out the manifest: the caller may stop here
12. stream the rest to a spool  13. length, padding, hash  14. inflate, bounded  15. release the content
16. is the caller's commit; if the trust list moved on, it calls `verify_manifest` again inside it.
"""

import hashlib
import hmac
from collections.abc import Callable

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag

from keys.envelope.binding import SKEW, Opening, require_binding, require_conversation, require_time
from keys.envelope.events import (
    Complete,
    Content,
    Event,
    ManifestVerified,
    Replayed,
    Unverified,
)
from keys.envelope.framing import (
    FIXED,
    SLICE,
    Frame,
    frame_from_bytes,
    frame_length,
)
from keys.envelope.manifest import MAX_JWS
from keys.envelope.padding import HEAD, longest_accepted
from keys.envelope.recipient import KemKey
from keys.envelope.replay import Conflict, Same
from keys.envelope.verify import unwrap_cek, verify_manifest
from keys.errors import EnvelopeRefused
from keys.syntax import unb64u


class Opener:
    """A push parser over one envelope: `feed` as bytes come, `finish` at their end.

    Raises `EnvelopeRefused`, once; `NotReady` from the constructor if the trust list has expired.
    """

    def __init__(self, opening: Opening) -> None:
        opening.trust.require_fresh(opening.now, emergency=opening.emergency)
        self._with = opening
        self._buffer = bytearray()
        self._whole = hashlib.sha256()
        self._received = 0
        self._frame: Frame | None = None
        self._stream: Cobblestone256Decryptor | None = None
        self._mine: KemKey | None = None
        self._verified: ManifestVerified | None = None
        self._blind = b""
        self._content = hashlib.sha256()
        self._left = 0
        self._plain = 0
        self._spent = False

    def feed(self, data: bytes | memoryview) -> tuple[Event, ...]:
        """Take the next bytes of the envelope, of any number."""
        return self._guarded(lambda: self._take(data))

    def finish(self) -> tuple[Event, ...]:
        """No byte follows: the last events, ending with `Complete` unless the message was `Replayed`."""
        return self._guarded(self._end)

    def _guarded(self, step: Callable[[], list[Event]]) -> tuple[Event, ...]:
        if self._spent:
            raise ValueError("this opener has ended")
        try:
            return tuple(step())
        except EnvelopeRefused:
            self._spent = True
            raise

    def _take(self, data: bytes | memoryview) -> list[Event]:
        self._received += len(data)
        if self._received > self._with.max_envelope:
            raise EnvelopeRefused("limit")
        if self._with.acknowledged:
            self._whole.update(data)
        view = memoryview(data)
        if self._stream is None:
            view = view[self._read_frame(view) :]
        events: list[Event] = []
        for start in range(0, len(view), SLICE):
            events += self._decrypt(view[start : start + SLICE])
            if self._spent:
                break
        return events

    def _read_frame(self, view: memoryview) -> int:
        """Steps 1 to 4; how many bytes of `view` are frame."""
        used = self._fill(view, FIXED)
        if len(self._buffer) < FIXED:
            return used
        end = frame_length(bytes(self._buffer[:FIXED]), self._with.taken())
        used += self._fill(view[used:], end)
        if len(self._buffer) == end:
            self._start(frame_from_bytes(bytes(self._buffer)))
        return used

    def _fill(self, view: memoryview, length: int) -> int:
        wanted = view[: max(0, length - len(self._buffer))]
        self._buffer += wanted
        return len(wanted)

    def _start(self, frame: Frame) -> None:
        # 2. Header: for me, and not past.
        if self._with.me not in frame.header.to:
            raise EnvelopeRefused("recipient")
        if self._with.now >= frame.header.exp + SKEW:
            raise EnvelopeRefused("time")
        # 3. and 4.
        self._mine, cek = unwrap_cek(frame, self._with.keys)
        self._frame, self._stream = frame, Cobblestone256Decryptor(cek, frame.context)
        self._buffer.clear()

    def _decrypt(self, data: memoryview) -> list[Event]:
        assert self._stream is not None
        try:
            return self._read_plain(self._stream.update(data))
        except InvalidTag:
            raise EnvelopeRefused("body") from None

    def _read_plain(self, data: bytes) -> list[Event]:
        if not data:
            return []
        self._plain += len(data)
        if self._verified is not None:
            return self._read_content(memoryview(data))
        if self._buffer:
            self._buffer += data
            data = bytes(self._buffer)
        length = int.from_bytes(data[:4], "big")
        if len(data) >= 4 and not 2 <= length <= MAX_JWS:
            raise EnvelopeRefused("body")
        if len(data) < 4 or len(data) < HEAD + length:
            self._buffer[:] = data
            return []
        event = self._verify(data[4 : 4 + length])
        if isinstance(event, Replayed):
            self._spent = True
            return [event]
        self._verified, self._left = event, event.manifest.cnt.len
        self._blind = data[4 + length : HEAD + length]
        self._content.update(self._blind)
        self._buffer.clear()
        return [event, *self._read_content(memoryview(data)[HEAD + length :])]

    def _verify(self, signed: bytes) -> ManifestVerified | Replayed:
        """Steps 5 to 11."""
        assert self._frame is not None
        assert self._mine is not None
        held, frame = self._with, self._frame
        manifest, md = verify_manifest(signed, frame.suite, held.trust)  # 5. to 7.
        require_binding(frame, manifest, self._mine, held)  # 8.
        require_conversation(frame, manifest, held.expect, held.trust)
        require_time(manifest, self._mine, held.now, held.max_life)  # 9.
        if max(manifest.cnt.len, manifest.cnt.raw) > held.max_content:
            raise EnvelopeRefused("limit")
        if manifest.exp <= held.replay.watermark():  # 10.
            raise EnvelopeRefused("replay")
        match held.replay.seen(manifest.iss, manifest.jti, md):
            case Conflict() | Same(outcome=None):
                raise EnvelopeRefused("replay")
            case Same(outcome=bytes() as outcome):
                return Replayed(manifest, md, outcome)
        return ManifestVerified(manifest, md, signed, frame.suite.number)  # 11.

    def _read_content(self, data: memoryview) -> list[Event]:
        """Steps 12 and 13: content up to its length, then zeros, not too many."""
        assert self._verified is not None
        piece, padding = data[: self._left], bytes(data[self._left :])
        self._left -= len(piece)
        self._content.update(piece)
        cnt = self._verified.manifest.cnt
        if self._plain > longest_accepted(HEAD + len(self._verified.jws) + cnt.len):
            raise EnvelopeRefused("padding")
        if padding != bytes(len(padding)):
            raise EnvelopeRefused("padding")
        return [Content(Unverified(piece))] if piece else []

    def _end(self) -> list[Event]:
        if self._stream is None:
            raise EnvelopeRefused("framing")
        try:
            last = self._stream.finalize()
        except InvalidTag:
            raise EnvelopeRefused("body") from None
        events = self._read_plain(last)
        if self._spent:
            return events
        self._spent = True
        if self._verified is None:
            raise EnvelopeRefused("body")
        expected = unb64u(self._verified.manifest.cnt.sha256, 32)
        if self._left or not hmac.compare_digest(self._content.digest(), expected):
            raise EnvelopeRefused("content")
        return [*events, Complete(self._blind, self._whole.digest() if self._with.acknowledged else b"")]
