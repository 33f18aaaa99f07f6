"""Evidence of a fork, for a stranger: two signed notes of one log over one size, and who signed them.

JSON of the strict form: `{"v":1,"kind":"fork","peer","forks":[{"first","second"}, …],"trust":{…}}`, notes in
base64url. It needs no trust in whoever wrote the file: both signatures are the peer's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keys.errors import ProofRefused
from keys.note import Checkpoint, NoteKey, checkpoint_from_note, parse_note, verify_checkpoint
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

_FILE = frozenset(("v", "kind", "peer", "forks", "trust"))
_FORK = frozenset(("first", "second"))


@dataclass(frozen=True, slots=True)
class Forks:
    """What is in the file. `trust`: the material by which the peer may be known, as it came."""

    peer: str
    notes: tuple[tuple[bytes, bytes], ...]
    trust: Mapping[str, Any] = field(repr=False)


def bytes_from_forks(peer: str, notes: Sequence[tuple[bytes, bytes]], trust: Mapping[str, Any]) -> bytes:
    """The file."""
    forks = [{"first": b64u(first), "second": b64u(second)} for first, second in notes]
    return emit({"v": 1, "kind": "fork", "peer": peer, "forks": forks, "trust": dict(trust)}) + b"\n"


def forks_from_bytes(data: bytes) -> Forks:
    """Read a file. `SyntaxRefused` where it is none."""
    held = require_members(parse_object(data.rstrip(b"\n")), _FILE)
    if require_integer(held["v"]) != 1 or held["kind"] != "fork" or not isinstance(held["trust"], dict):
        raise SyntaxRefused
    if not isinstance(held["peer"], str):
        raise SyntaxRefused
    rows = [require_members(one, _FORK) for one in require_list(held["forks"], 1, 1000)]
    notes = tuple((unb64u(row["first"]), unb64u(row["second"])) for row in rows)
    return Forks(held["peer"], notes, held["trust"])


def verify_forks(forks: Forks, origins: Sequence[str], keys: Sequence[NoteKey]) -> tuple[Checkpoint, ...]:
    """The first checkpoint of each pair, once both are the peer's over one size with two roots.

    `keys`: its log keys under every origin. `ProofRefused` where one pair is no fork.
    """
    found = []
    for first, second in forks.notes:
        origin = checkpoint_from_note(parse_note(first)).origin
        if origin not in origins:
            raise ProofRefused("a checkpoint of another log")
        one, other = (verify_checkpoint(note, origin, keys) for note in (first, second))
        if one.size != other.size or one.root == other.root:
            raise ProofRefused("two notes of one history")
        found.append(one)
    return tuple(found)
