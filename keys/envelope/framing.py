"""The bytes around the standard objects (envelope.md 2): `CPX1`, suite, recipients, public header, stanzas.

    0 magic | 4 suite u16 | 6 R u16 | 8 H u32 | 12 header | stanzas R x (32 + Nenc + 48) | S stream to the end

Refuses with `EnvelopeRefused`: `framing`, `suite`, `limit`, `header`.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from keys.address import is_address
from keys.algorithms import SUITES, Suite, live_suite
from keys.errors import EnvelopeRefused
from keys.syntax import (
    SyntaxRefused,
    b64u,
    emit,
    parse_object,
    require_integer,
    require_list,
    require_members,
    unb64u,
)

MAGIC = b"CPX1"
MEDIA_TYPE = "application/vnd.carepact.envelope"
FIXED = 12
MAX_RECIPIENTS = 16
MAX_HEADER = 4096
CEK = 32
KID = 32
SEALED_CEK = CEK + 16
SLICE = 256 * 1024
MAX_ENVELOPE = 80 << 20

_FIELDS = frozenset(("exp", "mid", "to"))


@dataclass(frozen=True, slots=True)
class Header:
    """The only part that anyone may read: expiry, random id (b64u of 16 bytes), recipients' addresses."""

    exp: int
    mid: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stanza:
    """The CEK for one key: `kid` raw 32 bytes, `sealed` = HPKE enc ‖ ciphertext."""

    kid: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything before the stream. `ph` = SHA-256 of the prefix, `context` what the stream is bound to."""

    suite: Suite
    header: Header
    stanzas: tuple[Stanza, ...]
    ph: bytes
    context: bytes


def header_from_bytes(data: bytes) -> Header:
    """The public header of exactly these bytes, refused as `header`."""
    try:
        members = require_members(parse_object(data), _FIELDS)
        exp, mid = require_integer(members["exp"]), members["mid"]
        unb64u(mid, 16)
        to = require_list(members["to"], 1, MAX_RECIPIENTS)
    except SyntaxRefused:
        raise EnvelopeRefused("header") from None
    if not all(is_address(address) for address in to) or len(set(to)) != len(to):
        raise EnvelopeRefused("header")
    return Header(exp, mid, tuple(to))


def prefix_from_header(suite: int, recipients: int, header: Header) -> bytes:
    """Bytes 0 to 12+H."""
    encoded = emit({"exp": header.exp, "mid": header.mid, "to": list(header.to)})
    if not 2 <= len(encoded) <= MAX_HEADER or not 1 <= recipients <= MAX_RECIPIENTS:
        raise EnvelopeRefused("limit")
    return MAGIC + struct.pack(">HHI", suite, recipients, len(encoded)) + encoded


def frame_length(fixed: bytes, suites: frozenset[int]) -> int:
    """S, the offset of the stream, from the first 12 bytes; nothing is read for a suite we do not take."""
    magic, number, recipients, header = struct.unpack(">4sHHI", fixed[:FIXED])
    if magic != MAGIC:
        raise EnvelopeRefused("framing")
    suite = live_suite(number)
    if suite is None or number not in suites:
        raise EnvelopeRefused("suite")
    if not 1 <= recipients <= MAX_RECIPIENTS or not 2 <= header <= MAX_HEADER:
        raise EnvelopeRefused("limit")
    return FIXED + int(header) + int(recipients) * _stanza_length(suite)


def frame_from_bytes(data: bytes) -> Frame:
    """The frame in exactly the bytes 0 to S, after `frame_length` accepted them."""
    _, number, recipients, length = struct.unpack(">4sHHI", data[:FIXED])
    suite, end = SUITES[number], FIXED + length
    size = _stanza_length(suite)
    rows = (data[end + n * size : end + (n + 1) * size] for n in range(recipients))
    return Frame(
        suite=suite,
        header=header_from_bytes(data[FIXED:end]),
        stanzas=tuple(Stanza(row[:KID], row[KID:]) for row in rows),
        ph=hashlib.sha256(data[:end]).digest(),
        context=stream_context(data),
    )


def stream_context(before_stream: bytes) -> bytes:
    """What binds the stream to header, suite, recipients and stanzas."""
    return b"carepact/body\0" + hashlib.sha256(before_stream).digest()


def cek_info(suite: int, kid: bytes, ph: bytes) -> bytes:
    """HPKE info: binds a stanza to suite, recipient key and prefix."""
    return b"carepact/cek\0" + struct.pack(">H", suite) + kid + ph


def kids(stanzas: Sequence[Stanza]) -> tuple[str, ...]:
    """The recipients' key ids, base64url, in order."""
    return tuple(b64u(stanza.kid) for stanza in stanzas)


def _stanza_length(suite: Suite) -> int:
    return KID + suite.enc + SEALED_CEK
