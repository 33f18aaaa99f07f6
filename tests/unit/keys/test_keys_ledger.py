"""The RFC 6962 tree, signed notes, leaves and the chain of one patient (trust-and-ledger.md 8 and 9)."""

import base64
import hashlib
import os
from dataclasses import replace

import pytest

from keys import ledger
from keys.errors import KeyRefused, ProofRefused
from keys.jwk import public_from_jwk
from keys.leaf import Leaf, detail_digest, leaf_bytes, leaf_from_bytes, leaf_prev, leaf_tag, subject_keys
from keys.note import (
    Checkpoint,
    checkpoint_from_note,
    key_from_vkey,
    parse_note,
    sign_note,
    text_from_checkpoint,
    verify_checkpoint,
    verify_note,
    vkey_from_public,
)
from keys.store.memory import MemoryKeyStore

# Leaves and roots that Certificate Transparency implementations share (RFC 6962 reference tests).
LEAVES = [b"", b"\0", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def grown(leaves):
    """(frontiers by size, node reader) of a log of these leaves."""
    frontier, nodes, history = ledger.Frontier(), {}, [ledger.Frontier()]
    for leaf in leaves:
        frontier, made = ledger.append(frontier, ledger.leaf_hash(leaf))
        nodes.update({(node.level, node.index): node.hash for node in made})
        history.append(frontier)
    return history, lambda level, index: nodes[level, index]


def test_known_roots_from_nothing_to_eight():
    """Sizes 0 to 8 have the roots that the world agrees on."""
    history, _ = grown(LEAVES)
    assert [ledger.root(frontier).hex() for frontier in history] == ROOTS
    assert [frontier.size for frontier in history] == list(range(9))


def test_frontier_comes_back_from_stored_nodes():
    """After a restart the state of any size is read from the nodes."""
    history, read = grown(LEAVES)
    assert [ledger.frontier_at(size, read) for size in range(9)] == history


def test_proofs_of_the_smallest_trees():
    """One leaf needs no proof; an empty tree has no leaf; equal sizes are consistent with nothing shown."""
    history, read = grown(LEAVES[:1])
    root = ledger.root(history[1])
    assert ledger.inclusion_proof(0, 1, read) == () and ledger.consistency_proof(1, 1, read) == ()
    ledger.verify_inclusion(0, 1, ledger.leaf_hash(b""), (), root)
    ledger.verify_consistency(1, 1, root, root, ())
    ledger.verify_consistency(0, 0, ledger.EMPTY_ROOT, ledger.EMPTY_ROOT, ())
    for bad in ((0, 0), (1, 1), (-1, 1)):
        with pytest.raises(ValueError):
            ledger.inclusion_proof(*bad, read)
        with pytest.raises(ProofRefused):
            ledger.verify_inclusion(*bad, root, (), root)
    with pytest.raises(ProofRefused):
        ledger.verify_consistency(0, 1, ledger.EMPTY_ROOT, root, ())
    with pytest.raises(ValueError):
        ledger.consistency_proof(2, 1, read)


def test_all_proofs_of_all_pairs_of_sizes_verify():
    """LOG-02: every leaf and every pair of sizes up to 200, and a proof for one place serves no other."""
    history, read = grown([bytes([n]) for n in range(200)])
    roots = [ledger.root(frontier) for frontier in history]
    for new in range(1, 201):
        for old in range(1, new + 1):
            ledger.verify_consistency(
                old, new, roots[old], roots[new], ledger.consistency_proof(old, new, read)
            )
        for index in range(new):
            leaf, proof = ledger.leaf_hash(bytes([index])), ledger.inclusion_proof(index, new, read)
            ledger.verify_inclusion(index, new, leaf, proof, roots[new])
            if new > 1:
                with pytest.raises(ProofRefused):
                    ledger.verify_inclusion((index + 1) % new, new, leaf, proof, roots[new])


def test_bent_proofs_are_refused():
    """A hash changed, dropped, added or cut short: `ProofRefused`."""
    history, read = grown(LEAVES)
    proof, root = ledger.inclusion_proof(3, 7, read), ledger.root(history[7])
    leaf = ledger.leaf_hash(LEAVES[3])
    for bent in (
        proof[:-1],
        (*proof, proof[0]),
        (bytes(32), *proof[1:]),
        (proof[0][:-1], *proof[1:]),
        proof[::-1],
    ):
        with pytest.raises(ProofRefused):
            ledger.verify_inclusion(3, 7, leaf, bent, root)
    shown = ledger.consistency_proof(3, 7, read)
    old = ledger.root(history[3])
    for bent in (shown[:-1], (*shown, shown[0]), (bytes(32), *shown[1:]), ()):
        with pytest.raises(ProofRefused):
            ledger.verify_consistency(3, 7, old, root, bent)


def test_a_frontier_of_another_size_is_no_frontier():
    """Stored state that does not fit its size stops the appender."""
    for size, hashes in ((1, ()), (0, (bytes(32),)), (3, (bytes(32),)), (1, (bytes(31),)), (-1, ())):
        with pytest.raises(ValueError):
            ledger.Frontier(size, hashes)


@pytest.fixture(scope="module")
def log():
    """A log key: (store, kid, raw public)."""
    store = MemoryKeyStore(os.urandom)
    kid = store.create("log", "Ed25519", nbf=0, exp=10)
    return store, kid, public_from_jwk(dict(store.public()[0].jwk)).raw


@pytest.fixture
def checkpoint(log):
    """A signed checkpoint: (bytes, key)."""
    store, kid, public = log
    text = text_from_checkpoint(Checkpoint("a.example/ledger", 7, bytes(range(32))))
    return sign_note(text, "a.example/ledger", store, kid, public), key_from_vkey(
        vkey_from_public("a.example/ledger", public)
    )


def test_a_checkpoint_reads_back(checkpoint):
    """Origin, size and root under the key of the log; another origin is another log."""
    data, key = checkpoint
    assert verify_checkpoint(data, "a.example/ledger", [key]) == Checkpoint(
        "a.example/ledger", 7, bytes(range(32))
    )
    with pytest.raises(ProofRefused):
        verify_checkpoint(data, "b.example/ledger", [key])


def test_every_altered_byte_of_a_note_is_found(checkpoint):
    """LOG-10: whatever byte is changed, the note no longer verifies."""
    data, key = checkpoint
    for position in range(len(data)):
        with pytest.raises(ProofRefused):
            verify_note(data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :], [key])


def test_notes_of_no_shape_are_refused(checkpoint):
    """LOG-10: 17 lines, no line, carriage returns, no final line end, other dash, bad base64."""
    data, key = checkpoint
    text, _, line = data.rpartition(b"\n\n")
    for bad in (
        text + b"\n\n" + line * 17, text + b"\n\n", text + b"\n", b"", b"\n\n" + line, data[:-1], data.replace(b"\n", b"\r\n"),
        data.replace("—".encode(), b"-"), data.replace(b"=\n", b"\n"), text + b"\n\n" + b"\xff" + line, data + b"\n",
        data + b"x" * 70_000,
    ):  # fmt: skip
        with pytest.raises(ProofRefused):
            verify_note(bad, [key])


def test_lines_of_others_are_ignored_and_of_mine_must_hold(checkpoint, log):
    """A witness line that I do not know does not harm; a known key's line that fails refuses the note."""
    data, key = checkpoint
    foreign = f"— witness.example {base64.b64encode(bytes(70)).decode()}\n".encode()
    assert len(verify_note(data + foreign, [key]).signatures) == 2
    with pytest.raises(ProofRefused):
        verify_note(data, [])
    lying = f"— a.example/ledger {base64.b64encode(key.id + bytes(64)).decode()}\n".encode()
    with pytest.raises(ProofRefused):
        verify_note(data + lying, [key])
    assert parse_note(data).text.endswith(b"\n")


@pytest.mark.parametrize(
    "text",
    [
        b"o\n07\nAAAA\n",
        b"o\n-1\nAAAA\n",
        b"o\n7\n",
        b"o\n7\nAAAA\nextra\n",
        b"o\nx\nAAAA\n",
        "ö\n7\nA\n".encode(),
    ],
)
def test_checkpoints_have_three_lines_and_one_spelling(text):
    """LOG-10: leading zeros, signs, extension lines, short roots."""
    from keys.note import Note

    with pytest.raises(ProofRefused):
        checkpoint_from_note(Note(text, ()))


def test_vkeys_are_guarded(log):
    """A vkey whose id does not fit, of another type, or of a weak key is refused."""
    good = vkey_from_public("a.example/ledger", log[2])
    weak = vkey_from_public("a.example/ledger", bytes(32))
    for bad in (
        good[:-1],
        good.replace("a.example", "b.example"),
        weak,
        "",
        "x+y",
        "a b+" + good.split("+", 1)[1],
    ):
        with pytest.raises(KeyRefused):
            key_from_vkey(bad)


LEAF = Leaf(at=1_767_225_600, kind="answer", me="b.example", peer="a.example", det=bytes(32), tag=b"\1" * 32,
            prev=b"\2" * 32, md=b"\3" * 32, req=b"\4" * 32)  # fmt: skip


def test_leaf_bytes_are_exact():
    """The ten members, compact and sorted; read back to the same leaf."""
    data = leaf_bytes(LEAF)
    assert data.startswith(b'{"at":1767225600,"det":"AAAA') and data.endswith(b'","v":1}')
    assert list(__import__("json").loads(data)) == [
        "at",
        "det",
        "kind",
        "md",
        "me",
        "peer",
        "prev",
        "req",
        "tag",
        "v",
    ]
    assert leaf_from_bytes(data) == LEAF
    for bent in (
        data + b" ",
        data.replace(b'"v":1', b'"v":2'),
        data.replace(b"answer", b"gossip"),
        data.replace(b"b.example", b"B.example"),
        b"{}",
    ):
        with pytest.raises(ProofRefused):
            leaf_from_bytes(bent)


def test_exchange_leaves_have_every_member():
    """A peer must not read from an empty member what the sealed answer hides; `req` may be empty in `ask` alone."""
    for kind in ("ask", "answer", "receive", "deliver"):
        for name in ("det", "tag", "prev", "md", "req"):
            leaf = replace(LEAF, kind=kind, **{name: b""})
            if (kind, name) == ("ask", "req"):
                assert b'"req":""' in leaf_bytes(leaf)
            else:
                with pytest.raises(ProofRefused):
                    leaf_bytes(leaf)
    assert leaf_bytes(replace(LEAF, kind="consent", md=b"", req=b"", peer=""))
    for bad in (
        replace(LEAF, md=b"short"),
        replace(LEAF, kind="other"),
        replace(LEAF, me="x"),
        replace(LEAF, peer="X"),
    ):
        with pytest.raises(ProofRefused):
            leaf_bytes(bad)


def test_chain_of_one_patient():
    """LOG-03: tags of one patient never repeat, need her key, and `prev` shows a missing or swapped leaf."""
    keys, other = subject_keys(bytes(32)), subject_keys(b"\1" * 32)
    tags = {leaf_tag(key.tag, n) for key in (keys, other) for n in range(1, 50)}
    assert len(tags) == 98 and keys.tag != keys.wrap and "x00" not in repr(keys)
    hashes = [ledger.leaf_hash(bytes([n])) for n in range(3)]
    assert leaf_prev(keys.tag, 1, None) != leaf_prev(keys.tag, 2, bytes(32))
    assert leaf_prev(keys.tag, 2, hashes[0]) != leaf_prev(keys.tag, 2, hashes[1])
    for n, previous in ((1, hashes[0]), (2, None), (0, hashes[0])):
        with pytest.raises(ValueError):
            leaf_prev(keys.tag, n, previous)
    with pytest.raises(ValueError):
        leaf_tag(keys.tag, 0)
    with pytest.raises(ValueError):
        subject_keys(b"short")


def test_derivations_are_those_of_the_design():
    """HKDF-SHA256 with the two infos; HMAC over `leaf`, `prev` and a 64-bit counter: checked by other code."""
    import hmac

    def hkdf(secret, info):
        prk = hmac.new(bytes(32), secret, hashlib.sha256).digest()
        return hmac.new(prk, info + b"\1", hashlib.sha256).digest()

    secret = bytes(range(32))
    keys = subject_keys(secret)
    assert keys.tag == hkdf(secret, b"carepact/subject/tag\0") and keys.wrap == hkdf(
        secret, b"carepact/subject/wrap\0"
    )
    assert (
        leaf_tag(keys.tag, 258) == hmac.new(keys.tag, b"leaf\0" + bytes(6) + b"\1\2", hashlib.sha256).digest()
    )
    expected = hmac.new(keys.tag, b"prev\0" + bytes(7) + b"\1" + bytes(32), hashlib.sha256).digest()
    assert leaf_prev(keys.tag, 1, None) == expected
    assert detail_digest(b"blind", b"detail") == hashlib.sha256(b"blinddetail").digest()
