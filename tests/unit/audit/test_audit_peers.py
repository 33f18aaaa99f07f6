"""What members say of their own logs: heads, proofs, forks, and what stays unproven (LOG-05)."""

from typing import Any

import pytest

from gateway.audit import ledger, peers
from gateway.audit.peers import Book, take_checkpoint
from keys.algorithms import public_from_seed, sign_raw
from keys.errors import ProofRefused
from keys.ledger import EMPTY_ROOT, Frontier, append, consistency_proof, frontier_at, leaf_hash, root
from keys.member import Member, MemberKey
from keys.note import Checkpoint, sign_note, text_from_checkpoint

NOW = 1_795_255_200
EAST = "east.example"
ORIGIN = "east.example/ledger"


class Key:
    """An Ed25519 log key that stands where a key store stands."""

    def __init__(self, byte: int) -> None:
        self.seed = bytes([byte]) * 32
        self.raw = public_from_seed("Ed25519", self.seed)

    def sign(self, kid: str, data: bytes) -> bytes:
        return sign_raw("Ed25519", self.seed, data)


KEY = Key(9)


def record(key: Key = KEY, **changes: Any) -> Member:
    """The member's record with its log key."""
    held = MemberKey("k" * 43, "log", "Ed25519", key.raw, NOW - 10, NOW + 10**7)
    return Member(EAST, (3,), 3, (held,), log_origin=ORIGIN, **changes)


class Tree:
    """The log of another member; `salt` makes another history."""

    def __init__(self, salt: bytes = b"", shared: int = 0) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        frontier = Frontier()
        for n in range(64):
            leaf = n.to_bytes(2, "big") + (salt if n >= shared else b"")
            frontier, made = append(frontier, leaf_hash(leaf))
            self.nodes.update(((node.level, node.index), node.hash) for node in made)

    def read(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def root(self, size: int) -> bytes:
        return root(frontier_at(size, self.read))

    def note(self, size: int, key: Key = KEY, origin: str = ORIGIN) -> bytes:
        text = text_from_checkpoint(Checkpoint(origin, size, self.root(size)))
        return sign_note(text, origin, key, "log", key.raw)  # type: ignore[arg-type]


TREE, OTHER = Tree(), Tree(b"!", shared=20)


@pytest.fixture
def take(log: Any) -> Any:
    """Takes a note in a unit of work of its own."""

    def run(note: bytes, at: int = NOW, issuer: Member | None = None) -> str:
        with log.engine.begin() as connection:
            book = Book("north.example", log.vault(), log.entropy)
            return take_checkpoint(connection, issuer or record(), note, at, book=book)

    return run


@pytest.fixture
def prove(log: Any) -> Any:
    """Proves the oldest waiting checkpoint with a proof of this tree."""

    def run(tree: Tree = TREE, at: int = NOW) -> str:
        with log.engine.begin() as connection:
            one = peers.waiting(connection)[0]
            held = peers.head(connection, one.origin)
            assert held is not None
            proof = consistency_proof(*sorted((one.size, held.size)), tree.read)
            book = Book("north.example", log.vault(), log.entropy)
            return peers.prove(connection, one, proof, at, book=book)

    return run


def read(log: Any, fn: Any) -> Any:
    with log.engine.connect() as connection:
        return fn(connection)


def test_the_first_checkpoint_is_the_head(log: Any, take: Any) -> None:
    """A leaf `peer` says since when the log is watched; the same again is known and logs nothing."""
    assert take(TREE.note(5)) == "head"
    assert take(TREE.note(5), NOW + 1) == "known"
    assert read(log, lambda c: peers.head(c, ORIGIN)).size == 5
    assert read(log, ledger.head).size == 1
    assert log.verify().exit == 0


def test_an_empty_log_says_nothing(log: Any, take: Any) -> None:
    """No note while their log is empty is no event; a size of 0 with a root of something is refused."""
    assert take(b"") == "none"
    text = text_from_checkpoint(Checkpoint(ORIGIN, 0, b"x" * 32))
    assert take(sign_note(text, ORIGIN, KEY, "log", KEY.raw)) == "refused"  # type: ignore[arg-type]
    text = text_from_checkpoint(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    assert take(sign_note(text, ORIGIN, KEY, "log", KEY.raw)) == "head"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("note", "issuer"),
    [
        (b"nonsense", None),
        (TREE.note(5, Key(4)), None),
        (TREE.note(5, origin="west.example/ledger"), None),
        (TREE.note(5), record(revoked={"k" * 43: NOW - 1})),
    ],
    ids=["no-note", "another-key", "another-log", "revoked-key"],
)
def test_what_its_log_did_not_sign_is_refused(log: Any, take: Any, note: bytes, issuer: Any) -> None:
    """Nothing is stored of it, and no history of ours begins with it."""
    assert take(note, issuer=issuer) == "refused"
    assert read(log, lambda c: peers.head(c, ORIGIN)) is None
    assert read(log, peers.waiting) == ()


def test_a_larger_one_waits_and_becomes_the_head_when_proven(log: Any, take: Any, prove: Any) -> None:
    """Between the two it is pending; the head moves only with a proof."""
    take(TREE.note(5))
    assert take(TREE.note(33)) == "pending"
    assert read(log, lambda c: peers.head(c, ORIGIN)).size == 5
    assert prove() == "head"
    assert read(log, lambda c: peers.head(c, ORIGIN)).size == 33
    assert read(log, peers.waiting) == ()


def test_a_smaller_one_is_proven_against_the_head(log: Any, take: Any, prove: Any) -> None:
    """Messages overtake each other; an older checkpoint of the same history never moves the head back."""
    take(TREE.note(33))
    assert take(TREE.note(5)) == "pending"
    assert prove() == "known"
    assert read(log, lambda c: peers.head(c, ORIGIN)).size == 33


def test_a_fork_is_two_signed_notes_kept_for_good(log: Any, take: Any) -> None:
    """LOG-05: one size, two roots, one key: both notes on record, a leaf `peer`, once however often it comes."""
    take(TREE.note(30))
    assert take(OTHER.note(30), NOW + 60) == "fork"
    assert take(OTHER.note(30), NOW + 61) == "fork"
    (fork,) = read(log, lambda c: peers.forks(c, EAST))
    assert (fork.first, fork.second, fork.size, fork.at) == (TREE.note(30), OTHER.note(30), 30, NOW + 60)
    assert read(log, lambda c: peers.has_forked(c, EAST))
    assert not read(log, lambda c: peers.has_forked(c, "west.example"))
    assert read(log, ledger.head).size == 2
    assert log.verify().exit == 0


@pytest.mark.parametrize("size", [21, 30, 60])
def test_no_proof_joins_another_history(log: Any, take: Any, prove: Any, size: int) -> None:
    """A checkpoint of the other history stays where it was, whichever tree its proof comes from."""
    take(TREE.note(30 if size != 30 else 31))
    take(OTHER.note(size))
    for tree in (TREE, OTHER):
        with pytest.raises(ProofRefused):
            prove(tree)
    assert [one.size for one in read(log, peers.waiting)] == [size]


def test_without_a_proof_in_a_day_it_is_unproven_and_still_tried(log: Any, take: Any, prove: Any) -> None:
    """LOG-05: a peer that withholds proofs is listed; should the proof come after all, it is taken."""
    take(TREE.note(5))
    take(TREE.note(9), NOW + 1)
    with log.engine.begin() as connection:
        assert peers.expire(connection, NOW + 24 * 3600) == 0
        assert peers.expire(connection, NOW + 1 + 24 * 3600) == 1
    assert [one.size for one in read(log, peers.unproven)] == [9]
    assert prove(at=NOW + 90_000) == "head"
    assert read(log, peers.unproven) == ()


def test_a_day_of_checkpoints_logs_one_leaf(log: Any, take: Any, prove: Any) -> None:
    """Two nodes do not grow each other's logs by watching them: one leaf a day and peer, forks aside."""
    take(TREE.note(1))
    for size in range(2, 12):
        take(TREE.note(size), NOW + size)
        prove(at=NOW + size)
    assert read(log, ledger.head).size == 1
    take(TREE.note(12), NOW + 86_400)
    prove(at=NOW + 86_400)
    assert read(log, ledger.head).size == 2


def test_what_was_proven_is_forgotten_but_the_head_is_not(log: Any, take: Any, prove: Any) -> None:
    """After 90 days an old checkpoint need not be known, while a second root of the head's size is a fork."""
    take(TREE.note(21))
    take(TREE.note(30))
    prove()
    with log.engine.begin() as connection:
        peers.expire(connection, NOW + 91 * 86_400)
    assert take(TREE.note(30), NOW + 91 * 86_400) == "known"
    assert take(OTHER.note(30), NOW + 91 * 86_400) == "fork"
