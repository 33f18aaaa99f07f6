"""ML-DSA-44 lines of checkpoints: the log's second signature and witnesses' cosignatures (C2SP)."""

import base64
import struct

import pytest

from keys.algorithms import public_from_seed, sign_raw
from keys.cosignature import cosignature_line, cosignatures, cosigned_message, with_lines
from keys.errors import ProofRefused
from keys.note import (
    ED25519,
    ML_DSA_44,
    Checkpoint,
    NoteKey,
    key_from_vkey,
    parse_note,
    sign_note,
    text_from_checkpoint,
    verify_note,
    vkey_from_public,
)

NOW = 1_795_255_200
HEAD = Checkpoint("north.example/ledger", 7, b"r" * 32)


class Seed:
    """One seed that stands where a key store stands."""

    def __init__(self, alg, byte):
        self.alg, self.seed = alg, bytes([byte]) * 32
        self.public = public_from_seed(alg, self.seed)

    def sign(self, *arguments):
        return sign_raw(self.alg, self.seed, arguments[-1])


LOG = Seed("Ed25519", 1)
LOG_PQ = Seed("ML-DSA-44", 2)
WITNESS = Seed("ML-DSA-44", 3)
OWN = NoteKey(HEAD.origin, LOG_PQ.public, ML_DSA_44)
EAST = NoteKey("east.example/witness", WITNESS.public, ML_DSA_44)


@pytest.fixture(scope="module")
def published():
    """A checkpoint with all three kinds of line."""
    note = sign_note(text_from_checkpoint(HEAD), HEAD.origin, LOG, "log", LOG.public)
    lines = (
        cosignature_line(HEAD, OWN, NOW, LOG_PQ.sign),
        cosignature_line(HEAD, EAST, NOW + 5, WITNESS.sign),
    )
    return with_lines(note, lines)


def test_every_line_holds_under_its_own_key(published):
    """The Ed25519 line by itself, the log's ML-DSA-44 line and the witness's with the times that they attest."""
    verify_note(published, [NoteKey(HEAD.origin, LOG.public)])
    found = cosignatures(parse_note(published), [OWN, EAST])
    assert [(one.key.name, one.at) for one in found] == [(OWN.name, NOW), (EAST.name, NOW + 5)]


def test_what_is_signed_is_the_structure_of_the_standard():
    """`cosigned_message` of tlog-cosignature, put together by hand: label, name, time, origin, start, end, hash."""
    by_hand = (
        b"subtree/v1\n\0" + b"\x14east.example/witness" + (NOW).to_bytes(8, "big")
        + b"\x14north.example/ledger" + bytes(8) + (7).to_bytes(8, "big") + b"r" * 32
    )  # fmt: skip
    assert cosigned_message(HEAD, EAST.name, NOW) == by_hand


def test_a_line_of_an_unknown_witness_is_ignored(published):
    """Nobody's quorum is filled by keys that nobody named; one key counts once."""
    assert cosignatures(parse_note(published), []) == ()
    again = published + cosignature_line(HEAD, EAST, NOW + 9, WITNESS.sign)
    assert [one.at for one in cosignatures(parse_note(again), [EAST])] == [NOW + 5]


@pytest.mark.parametrize(
    "changed",
    [
        Checkpoint(HEAD.origin, 8, HEAD.root),
        Checkpoint(HEAD.origin, 7, b"s" * 32),
        Checkpoint("south.example/ledger", 7, HEAD.root),
    ],
)
def test_a_cosignature_of_another_tree_is_refused(changed):
    """Another size, root or origin under the same line does not hold, and is not passed over either."""
    line = cosignature_line(HEAD, EAST, NOW, WITNESS.sign)
    other = sign_note(text_from_checkpoint(changed), changed.origin, LOG, "log", LOG.public)
    with pytest.raises(ProofRefused):
        cosignatures(parse_note(other + line), [EAST])


def test_the_time_is_signed(published):
    """A line whose time was moved, or that ends early, is refused."""
    line = cosignature_line(HEAD, EAST, NOW, WITNESS.sign)
    note = sign_note(text_from_checkpoint(HEAD), HEAD.origin, LOG, "log", LOG.public)
    raw = parse_note(note + line).signatures[1].signature
    for bad in (struct.pack(">Q", NOW + 1) + raw[8:], raw[:-1], raw[:9], struct.pack(">Q", 2**63) + raw[8:]):
        forged = f"— {EAST.name} {base64.b64encode(EAST.id + bad).decode()}\n".encode()
        with pytest.raises(ProofRefused):
            cosignatures(parse_note(note + forged), [EAST])


def test_a_note_takes_no_seventeenth_line(published):
    """Sixteen signature lines at most, whoever sends more; the same line twice is one."""
    line = cosignature_line(HEAD, EAST, NOW, WITNESS.sign)
    assert with_lines(published, [line, line]).count(b"east.example/witness") == 2
    many = [cosignature_line(HEAD, NoteKey(f"w{n}.example/witness", WITNESS.public, ML_DSA_44), NOW,
                             WITNESS.sign) for n in range(14)]  # fmt: skip
    with pytest.raises(ProofRefused):
        with_lines(published, many)


def test_vkeys_say_their_type():
    """Both types read back; the id covers the type, so one key of two types has two ids."""
    line = vkey_from_public(EAST.name, EAST.public, ML_DSA_44)
    assert key_from_vkey(line) == EAST
    assert EAST.id != NoteKey(EAST.name, EAST.public, ED25519).id
