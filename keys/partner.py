"""The other side's leaf beside ours, as a reconciliation paired them: proven in its own log (13.5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from keys.errors import ProofRefused
from keys.leaf import Leaf, leaf_from_bytes
from keys.ledger import leaf_hash, verify_inclusion
from keys.note import NoteKey, verify_checkpoint
from keys.syntax import SyntaxRefused, b64u, require_integer, require_members, require_text, unb64u

_PARTNER = frozenset(("peer", "index", "leaf", "proof", "checkpoint"))

KeysOf = Callable[[str], tuple[Sequence[str], Sequence[NoteKey]]]
"""Member id -> origins of its logs and the keys that sign them; both empty for nobody that is known."""


@dataclass(frozen=True, slots=True)
class Partner:
    """Its place, bytes and proof, and the note over the tree that it is in."""

    peer: str
    index: int
    leaf: bytes
    proof: tuple[bytes, ...] = field(repr=False)
    checkpoint: bytes = field(repr=False)


def json_from_partner(one: Partner) -> dict[str, object]:
    """The member `partner` of a receipt's entry; the proof in one text, or the file would nest too deep."""
    return {"peer": one.peer, "index": one.index, "leaf": b64u(one.leaf), "proof": b64u(b"".join(one.proof)),
            "checkpoint": b64u(one.checkpoint)}  # fmt: skip


def partner_from_json(value: object) -> Partner:
    """`SyntaxRefused` where it is none."""
    held = require_members(value, _PARTNER)
    joined = unb64u(held["proof"])
    if len(joined) % 32 or len(joined) > 64 * 32:
        raise SyntaxRefused
    proof = tuple(joined[at : at + 32] for at in range(0, len(joined), 32))
    peer = require_text(held["peer"], str.isprintable)
    return Partner(
        peer, require_integer(held["index"]), unb64u(held["leaf"]), proof, unb64u(held["checkpoint"])
    )


def verify_partner(one: Partner, ours: Leaf, keys_of: KeysOf) -> bool:
    """Whether it says the same as our leaf; False for a contradiction. `ProofRefused`: not in its log."""
    origins, keys = keys_of(one.peer)
    for origin in origins:
        try:
            signed = verify_checkpoint(one.checkpoint, origin, keys)
            break
        except ProofRefused:
            continue
    else:
        raise ProofRefused("a checkpoint of another log")
    verify_inclusion(one.index, signed.size, leaf_hash(one.leaf), one.proof, signed.root)
    leaf = leaf_from_bytes(one.leaf)
    if (leaf.me, leaf.peer) != (one.peer, ours.me) or ours.peer != one.peer:
        return False
    return _same(ours, leaf)


def _same(ours: Leaf, theirs: Leaf) -> bool:
    """`ask` names the question whose `answer` they logged; `answer` and `receive` name both digests."""
    if ours.kind == "ask":
        return theirs.req == ours.md and theirs.kind == "answer"
    kinds = {"answer": "receive", "receive": "answer"}
    return theirs.kind == kinds.get(ours.kind) and (theirs.md, theirs.req) == (ours.md, ours.req)
