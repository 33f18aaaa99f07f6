"""C2SP `tlog-proof@v1`: that an entry is in a log, as text that anyone can check offline.

The `extra` line holds the leaf itself, which the format does not authenticate and the proof does: its hash is
what the proof is about.
"""

import re
from dataclasses import dataclass

from keys.errors import ProofRefused
from keys.ledger import HASH
from keys.note import base64_from_bytes, bytes_from_base64

FIRST = b"c2sp.org/tlog-proof@v1\n"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})").fullmatch
MAX_PROOF = 64


@dataclass(frozen=True, slots=True)
class TlogProof:
    """`extra`: opaque; in ours the leaf. `checkpoint`: a signed note."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""


def bytes_from_tlog_proof(one: TlogProof) -> bytes:
    """The file."""
    lines = [f"extra {base64_from_bytes(one.extra)}"] if one.extra else []
    lines += [f"index {one.index}", *(base64_from_bytes(value) for value in one.proof), "", ""]
    return FIRST + "\n".join(lines).encode("ascii") + one.checkpoint


def tlog_proof_from_bytes(data: bytes) -> TlogProof:
    """Syntax alone. `ProofRefused` otherwise."""
    top, empty, checkpoint = data.partition(b"\n\n")
    if not data.startswith(FIRST) or not empty:
        raise ProofRefused("not a proof of a log")
    try:
        lines = top.decode("ascii").split("\n")[1:]
    except UnicodeDecodeError:
        raise ProofRefused("not a proof of a log") from None
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = bytes_from_base64(lines.pop(0).removeprefix("extra "))
    index = _INDEX(lines.pop(0)) if lines else None
    if index is None or len(lines) > MAX_PROOF:
        raise ProofRefused("not a proof of a log")
    proof = tuple(bytes_from_base64(line) for line in lines)
    if any(len(one) != HASH for one in proof):
        raise ProofRefused("a hash is 32 bytes")
    return TlogProof(int(index[1]), proof, checkpoint, extra)
