"""ML-DSA-44 lines of a checkpoint: the log's own second line, and the cosignatures of witnesses.

C2SP tlog-cosignature: a line is key id ‖ u64 time ‖ signature (2420 bytes), and what is signed is not the
text but `label ‖ cosigner's name ‖ time ‖ origin ‖ 0 ‖ size ‖ root` (RFC 8446 encoding). It says:
as of that time this is the largest tree of the log that the cosigner saw, and it extends every earlier one.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keys.algorithms import verifies
from keys.errors import ProofRefused
from keys.note import (
    MAX_LINES,
    ML_DSA_44,
    Checkpoint,
    Note,
    NoteKey,
    base64_from_bytes,
    checkpoint_from_note,
    parse_note,
    require_name,
)

_LABEL = b"subtree/v1\n\0"
_LATEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A line that holds: whose key, and the POSIX seconds that it attests."""

    key: NoteKey
    at: int


def cosigned_message(checkpoint: Checkpoint, name: str, at: int) -> bytes:
    """`cosigned_message` of tlog-cosignature for a whole tree (start 0)."""
    if not 0 <= at <= _LATEST:
        raise ProofRefused("no time of a cosignature")
    signer, origin = (require_name(text).encode("ascii") for text in (name, checkpoint.origin))
    named = bytes((len(signer),)) + signer + struct.pack(">Q", at) + bytes((len(origin),)) + origin
    return _LABEL + named + struct.pack(">QQ", 0, checkpoint.size) + checkpoint.root


def cosignature_line(checkpoint: Checkpoint, key: NoteKey, at: int, sign: Callable[[bytes], bytes]) -> bytes:
    """One signature line with its line end. `sign`: raw ML-DSA-44 over the message. `at`: POSIX seconds."""
    signature = sign(cosigned_message(checkpoint, key.name, at))
    return f"— {key.name} {base64_from_bytes(key.id + struct.pack('>Q', at) + signature)}\n".encode()


def cosignatures(note: Note, keys: Sequence[NoteKey]) -> tuple[Cosignature, ...]:
    """The lines by these keys; one key counts once. A line of theirs that does not hold: `ProofRefused`."""
    checkpoint = checkpoint_from_note(note)
    known = {(key.name, key.id): key for key in keys if key.type == ML_DSA_44}
    found: dict[bytes, Cosignature] = {}
    for line in note.signatures:
        key = known.get((line.name, line.id))
        if key is None:
            continue
        at = int.from_bytes(line.signature[:8])
        if at > _LATEST or not verifies(
            "ML-DSA-44", key.public, line.signature[8:], cosigned_message(checkpoint, key.name, at)
        ):
            raise ProofRefused("a cosignature that does not hold")
        found.setdefault(key.public, Cosignature(key, at))
    return tuple(found.values())


def with_lines(note: bytes, lines: Sequence[bytes]) -> bytes:
    """The note with more signature lines, none twice. `ProofRefused` where it would have too many."""
    held = parse_note(note)
    fresh = [line for line in dict.fromkeys(lines) if line not in note]
    if len(held.signatures) + len(fresh) > MAX_LINES:
        raise ProofRefused("a note has 1 to 16 signatures")
    joined = note + b"".join(fresh)
    parse_note(joined)
    return joined
