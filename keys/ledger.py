"""The RFC 6962 Merkle tree over SHA-256: append, root, inclusion and consistency proofs. Pure; no storage.

A node of the tree is (level, index): level 0 are the leaf hashes, node (l, i) covers the leaves
i * 2^l .. (i+1) * 2^l - 1 and exists once all of them do. The frontier of a tree of n leaves holds the
roots of its complete subtrees, largest first: one for each one-bit of n.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keys.errors import ProofRefused

HASH = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256

ReadNode = Callable[[int, int], bytes]
"""(level, index) -> the hash of a complete subtree, 32 bytes."""


@dataclass(slots=True)
class Node:
    """A complete subtree that an append has made. Not frozen: that would cost more than its hash."""

    level: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """The whole state that an append needs. `Frontier()` is the empty log."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError("not the frontier of a tree of this size")
        if any(len(value) != HASH for value in self.hashes):
            raise ValueError("a hash is 32 bytes")


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf), RFC 6962 2.1."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), RFC 6962 2.1."""
    return hashlib.sha256(b"\1" + left + right).digest()


def append(frontier: Frontier, leaf: bytes) -> tuple[Frontier, tuple[Node, ...]]:
    """The tree with one more leaf hash, and every node completed by it, the leaf first: all are stored."""
    if len(leaf) != HASH:
        raise ValueError("a hash is 32 bytes")
    size, held = frontier.size, frontier.hashes
    nodes, hashed, level, kept = [Node(0, size, leaf)], leaf, 0, len(held)
    # Each trailing one-bit of the size is a subtree that the new one pairs with.
    while size >> level & 1:
        kept -= 1
        level += 1
        hashed = _sha256(b"\1" + held[kept] + hashed).digest()
        nodes.append(Node(level, size >> level, hashed))
    return _grown(size + 1, (*held[:kept], hashed)), tuple(nodes)


def _grown(size: int, hashes: tuple[bytes, ...]) -> Frontier:
    """A frontier that follows from one, so nothing of it is checked again."""
    made = _blank(Frontier)
    _set_size(made, size)
    _set_hashes(made, hashes)
    return made


_blank = object.__new__
_set_size, _set_hashes = (vars(Frontier)[name].__set__ for name in ("size", "hashes"))


def root(frontier: Frontier) -> bytes:
    """The Merkle tree hash; of an empty log SHA-256 of nothing."""
    if not frontier.hashes:
        return EMPTY_ROOT
    value = frontier.hashes[-1]
    for left in reversed(frontier.hashes[:-1]):
        value = node_hash(left, value)
    return value


def frontier_at(size: int, read: ReadNode) -> Frontier:
    """The frontier of the first `size` leaves, from stored nodes."""
    hashes, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(read(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(hashes))


def inclusion_proof(index: int, size: int, read: ReadNode) -> tuple[bytes, ...]:
    """PATH(index, D[size]) of RFC 6962 2.1.1, nearest sibling first; `ValueError` outside the tree."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of this size")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_hash(middle, end, read))
            end = middle
        else:
            proof.append(_range_hash(start, middle, read))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(old: int, new: int, read: ReadNode) -> tuple[bytes, ...]:
    """PROOF(old, D[new]) of RFC 6962 2.1.2; empty for equal sizes and for an empty old tree."""
    if not 0 <= old <= new:
        raise ValueError("a log only grows")
    if old in (0, new):
        return ()
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_hash(middle, end, read))
            end = middle
        else:
            proof.append(_range_hash(start, middle, read))
            start, whole = middle, False
    if not whole:
        proof.append(_range_hash(start, end, read))
    return tuple(reversed(proof))


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """RFC 9162 2.1.3.2: the leaf hash at `index` is in the tree of that root. `ProofRefused` otherwise."""
    _require_hashes((leaf, expected_root, *proof))
    if not 0 <= index < size:
        raise ProofRefused("no such leaf in a tree of this size")
    value, position, last = leaf, index, size - 1
    for sibling in proof:
        if last == 0:
            raise ProofRefused("a proof of another length")
        if position & 1 or position == last:
            value = _sha256(b"\1" + sibling + value).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            value = _sha256(b"\1" + value + sibling).digest()
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofRefused("a proof of another length")
    _require_equal(value, expected_root)


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 2.1.4.2: the tree of the new root extends that of the old one. `ProofRefused` otherwise.

    Nothing is ever proven from an empty tree: sizes (0, n) are refused, (n, n) needs equal roots.
    """
    _require_hashes((old_root, new_root, *proof))
    if old == new >= 0:
        if proof:
            raise ProofRefused("a proof of another length")
        _require_equal(old_root, new_root)
        return
    if not 0 < old < new or not proof:
        raise ProofRefused("a log only grows, and from something")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    # A complete old tree is its own first node; the proof leaves it out.
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofRefused("a proof of another length")
        if position & 1 or position == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofRefused("a proof of another length")
    _require_equal(older, old_root)
    _require_equal(newer, new_root)


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _range_hash(start: int, end: int, read: ReadNode) -> bytes:
    """Tree hash of the leaves start..end-1, where start is aligned to their largest subtree."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return read(level, start >> level)
    middle = start + _split(count)
    return node_hash(_range_hash(start, middle, read), _range_hash(middle, end, read))


def _require_hashes(values: Sequence[bytes]) -> None:
    for value in values:
        if len(value) != HASH:
            raise ProofRefused("a hash is 32 bytes")


def _require_equal(left: bytes, right: bytes) -> None:
    if not hmac.compare_digest(left, right):
        raise ProofRefused("another root")
