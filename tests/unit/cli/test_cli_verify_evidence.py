"""`carepact verify` on everything but receipts: statements, kept evidence, proofs of a log, forks, join files."""

import json
import os
import time
from dataclasses import replace

import pytest

from gateway.directory.own import make_log_key, make_signing_keys, named_log, own_record
from keys import jws
from keys.cosignature import cosignature_line, with_lines
from keys.envelope.draft import Claims, draft
from keys.envelope.manifest import REQUEST
from keys.envelope.recipient import Recipient, make_reply_key
from keys.envelope.seal import finish, signers_for_suite
from keys.forks import bytes_from_forks
from keys.jwk import public_from_jwk
from keys.jws import signers_from_store
from keys.leaf import Leaf, leaf_bytes
from keys.ledger import Frontier, append, frontier_at, inclusion_proof, leaf_hash, root
from keys.logs import witness_keys
from keys.note import Checkpoint, sign_note, text_from_checkpoint
from keys.store.memory import MemoryKeyStore
from keys.syntax import emit
from keys.tlog_proof import TlogProof, bytes_from_tlog_proof
from keys.trust import json_from_member, trust_list, trust_list_to_json

NORTH, EAST = "north.example", "east.example"


class World:
    """Two members with all their keys, and a file that pins both."""

    def __init__(self, folder):
        self.now, self.folder, self.entropy = int(time.time()), folder, os.urandom
        self.stores = {id: MemoryKeyStore(os.urandom) for id in (NORTH, EAST)}
        for store in self.stores.values():
            make_signing_keys(store, self.now - 1000)
            make_log_key(store, self.now - 1000)
        self.records = {id: own_record(s, id, federation="local") for id, s in self.stores.items()}
        self.pin = self.list(self.records.values())

    def list(self, records, name="members.json"):
        path = self.folder / name
        listed = trust_list(1, self.now + 10**6, records, federation="local")
        path.write_bytes(trust_list_to_json(listed))
        return str(path)

    def file(self, name, data):
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)

    def statement(self, typ=jws.COMPLETENESS, **claims):
        said = {"v": 1, "iss": NORTH, "at": self.now} | claims
        return jws.sign(typ, emit(said), signers_from_store(self.stores[NORTH], at=self.now))

    def note(self, size, hash, *, witness=False):
        """A checkpoint of north's log, perhaps with east's cosignature of ten minutes ago."""
        store, head = self.stores[NORTH], Checkpoint(f"{NORTH}/ledger", size, hash)
        key = next(k for k in store.public() if (k.use, k.alg) == ("log", "Ed25519"))
        raw = public_from_jwk(dict(key.jwk)).raw
        note = sign_note(text_from_checkpoint(head), head.origin, store, key.kid, raw)
        if not witness:
            return note
        own = next(k for k in self.stores[EAST].public() if k.use == "witness")
        (named,) = witness_keys(self.records[EAST])
        line = cosignature_line(head, named, self.now - 600, lambda m: self.stores[EAST].sign(own.kid, m))
        return with_lines(note, [line])


@pytest.fixture
def world(tmp_path):
    """Keys of two members in memory."""
    return World(tmp_path)


def test_a_statement_is_told_with_its_signer(world, carepact):
    """Completeness and decision statements: pinned exit 0; changed or wrongly pinned exit 6, nothing pinned 2."""
    good = world.file("s.jws", world.statement(status="complete"))
    said = carepact("verify", good, "--root", world.pin, "--json")
    assert (said.code, said.json["kind"], said.json["signed_by"]) == (0, "completeness", NORTH)
    assert said.json["claims"]["status"] == "complete" and "own word" in said.json["judged"]
    other = world.list([world.records[EAST]], "east.json")
    assert carepact("verify", good, "--root", other).code == 6
    assert carepact("verify", good).code == 2  # it brings no keys, and none are pinned
    forged = world.file("f.jws", world.statement().replace(b'"payload":"', b'"payload":"A', 1))
    assert carepact("verify", forged, "--root", world.pin).code in (2, 6)
    decided = world.file("d.jws", world.statement(jws.DECISION, exchange="x", receipts=[]))
    assert carepact("verify", decided, "--root", world.pin).code == 0


def test_a_statement_in_anothers_name_is_refused(world, carepact):
    """Signed by north, claimed for east: nobody signs for somebody else."""
    data = world.file("s.jws", world.statement(iss=EAST))
    assert carepact("verify", data, "--root", world.pin).code == 6


@pytest.mark.parametrize(("since", "code"), [(60, 0), (-60, 6)], ids=["revoked-later", "revoked-before"])
def test_revocation_is_judged_at_the_time_of_the_statement(world, carepact, since, code):
    """What was signed before the key was revoked holds; what bears a later time does not."""
    kids = [key.kid for key in world.records[NORTH].keys if key.use == "sig"]
    revoked = replace(world.records[NORTH], revoked=dict.fromkeys(kids, world.now + since))
    pin = world.list([revoked, world.records[EAST]], "revoked.json")
    assert carepact("verify", world.file("s.jws", world.statement()), "--root", pin).code == code


def test_kept_evidence_opens_with_its_blind_and_content(world, carepact):
    """The manifest alone, then with what it was about; another content or blind is a contradiction (exit 5)."""
    reply = make_reply_key(world.entropy, now=world.now, exp=world.now + 300)
    claims = Claims(kind="request", iss=NORTH, typ=REQUEST, exp=world.now + 300, log="", pou="TREAT",
                    agr="d1@1", rkey=reply.jwk)  # fmt: skip
    half = public_from_jwk(dict(make_reply_key(world.entropy, now=world.now, exp=world.now + 300).jwk))
    content = b'{"v":1}'
    made = draft(claims, content, [Recipient(EAST, half)], suite=3, now=world.now, entropy=world.entropy)
    sealed = finish(made, signers_for_suite(world.stores[NORTH], 3, at=world.now))
    file, body = world.file("m.jws", sealed.jws), world.file("content", content)
    alone = carepact("verify", file, "--root", world.pin, "--json")
    assert (alone.code, alone.json["md"]) == (0, sealed.md.hex()) and "not looked at" in alone.json["content"]
    whole = ("--blind", sealed.blind.hex(), "--content", body)
    assert "was signed" in carepact("verify", file, "--root", world.pin, *whole).out
    other = world.file("other", b'{"v":2}')
    wrong = ("--blind", sealed.blind.hex(), "--content", other)
    assert carepact("verify", file, "--root", world.pin, *wrong).code == 5
    assert carepact("verify", file, "--root", world.pin, "--blind", "zz", "--content", body).code == 2


def proof_of(world, **options):
    """A proof of the third of seven leaves."""
    leaf = leaf_bytes(Leaf(world.now, "answer", NORTH, EAST, *(bytes([n]) * 32 for n in range(1, 6))))
    leaves = [leaf if n == 2 else b"%d" % n for n in range(7)]
    nodes, frontier = {}, Frontier()
    for one in leaves:
        frontier, made = append(frontier, leaf_hash(one))
        nodes.update(((node.level, node.index), node.hash) for node in made)
    read = lambda level, index: nodes[level, index]  # noqa: E731
    note = world.note(7, root(frontier_at(7, read)), **options)
    return TlogProof(2, inclusion_proof(2, 7, read), note, leaf)


def test_a_proof_of_a_log_says_who_saw_it(world, carepact):
    """With a witness its time is told; without, that there is none; any changed line is refused."""
    plain = world.file("p.tlog-proof", bytes_from_tlog_proof(proof_of(world)))
    said = carepact("verify", plain, "--root", world.pin, "--json")
    assert (said.code, said.json["witnesses"], said.json["leaf"]) == (0, [], "answer")
    seen = world.file("w.tlog-proof", bytes_from_tlog_proof(proof_of(world, witness=True)))
    assert f"seen by {EAST}" in carepact("verify", seen, "--root", world.pin).out
    good = proof_of(world)
    for bad in (replace(good, index=3), replace(good, proof=good.proof[1:]), replace(good, extra=b"x"),
                replace(good, checkpoint=world.note(7, b"r" * 32))):  # fmt: skip
        file = world.file("bad.tlog-proof", bytes_from_tlog_proof(bad))
        assert carepact("verify", file, "--root", world.pin).code == 6


def test_a_fork_is_a_proven_contradiction(world, carepact):
    """Two signed roots of one size: exit 5. One history twice, or another's notes: exit 6."""
    trust = {"member": json_from_member(world.records[NORTH]), "id": "local"}
    pair = (world.note(5, b"a" * 32), world.note(5, b"b" * 32))
    file = world.file("fork.json", bytes_from_forks(NORTH, [pair], trust))
    said = carepact("verify", file, "--root", world.pin, "--json")
    assert (said.code, said.json["forks"]) == (5, [{"origin": f"{NORTH}/ledger", "size": 5}])
    assert "UNPINNED" in carepact("verify", file).err
    same = world.file("same.json", bytes_from_forks(NORTH, [(pair[0], pair[0])], trust))
    assert carepact("verify", same, "--root", world.pin).code == 6
    forged = world.file("forged.json", bytes_from_forks(EAST, [pair], trust))
    assert carepact("verify", forged, "--root", world.pin).code == 6


def test_what_is_nothing_of_this_is_unreadable(world, carepact):
    """Exit 2, and no traceback, for empty files, other JSON and cut ones."""
    whole = world.statement()
    for data in (b"", b"{}", b"[]", b"\xff", whole[: len(whole) // 2], b'{"payload":"","signatures":[]}',
                 b"c2sp.org/tlog-proof@v1\nindex 1\n"):  # fmt: skip
        assert carepact("verify", world.file("x", data), "--root", world.pin).code == 2


def test_the_nodes_own_proof_verifies_elsewhere(home, carepact, tmp_path):
    """`audit proof` writes one leaf with its place; a leaf that is not there is not available."""
    options = ("--patient", home.grace, "--permit", "TREAT", "--id", "c-1", "--reason", "signed form")
    assert home("consent", "grant", *options).code == 0
    out = tmp_path / "leaf.tlog-proof"
    assert home("audit", "proof", "0", "--out", str(out)).code == 0
    pin = str(home.folder / "members.json")
    said = carepact("verify", str(out), "--root", pin, "--json")
    assert (said.code, said.json["leaf"]) == (0, "consent")
    assert "9990000018" not in out.read_text()
    assert home("audit", "proof", "99", "--out", str(tmp_path / "no")).code == 4


def test_a_log_from_a_backup_is_restarted_by_command(home, carepact, tmp_path):
    """LOG-05: refused until `audit restart`; then it verifies, its record names both origins, receipts hold."""

    def grant(id):
        options = ("--patient", home.grace, "--permit", "TREAT", "--id", id, "--reason", "signed form")
        return home("consent", "grant", *options)

    def receipt(name):
        out = str(tmp_path / name)
        return home("audit", "receipt", "--patient", home.grace, "--out", out, "--reason", "asked for")

    assert grant("c-1").code == 0 and receipt("r1.json").code == 0
    state = home.folder / "state"
    backup = {one.name: one.read_bytes() for one in state.glob("node.db*")}
    assert home("audit", "restart", "--yes", "--reason", "no need").code == 5
    assert grant("c-2").code == 0 and receipt("r2.json").code == 0
    for one in state.glob("node.db*"):
        one.unlink()
    for name, data in backup.items():
        (state / name).write_bytes(data)
    assert home("audit", "verify").code == 5
    assert receipt("r3.json").code == 8
    said = home("audit", "restart", "--yes", "--reason", "the disk burnt", "--json")
    assert (said.code, said.json["origin"], said.json["signed"]) == (0, f"{home.me}/ledger/2", 4)
    assert home("audit", "verify").code == 0
    assert receipt("r4.json").code == 0
    pin = str(home.folder / "members.json")
    listed = json.loads((home.folder / "members.json").read_text())
    record = next(one for one in listed["members"] if one["id"] == home.me)
    assert record["log"]["origin"] == f"{home.me}/ledger/2"
    assert record["log"]["previous"][0]["origin"] == f"{home.me}/ledger"
    named = named_log(state)  # what a federation's next publication takes
    assert named is not None and named.origin == record["log"]["origin"]
    for name in ("r1.json", "r4.json"):
        held = carepact("verify", str(tmp_path / name), "--root", pin)
        assert held.code == 0, held.err


def test_a_fork_of_a_member_that_is_fine(home):
    """No fork is known: exit 0; of nobody: exit 4."""
    assert home("audit", "fork", home.peer).code == 0
    assert home("audit", "fork", "nobody.example").code == 4


def test_receipts_hold_after_keys_were_rotated(home, carepact, tmp_path):
    """LOG-07: with the member list of today, what the keys of yesterday signed still verifies, and the new too."""
    options = ("--patient", home.grace, "--permit", "TREAT", "--id", "c-1", "--reason", "signed form")
    assert home("consent", "grant", *options).code == 0

    def receipt(name):
        out = str(tmp_path / name)
        assert home("audit", "receipt", "--patient", home.grace, "--out", out, "--reason", "asked").code == 0
        return out

    old = receipt("old.json")
    for use in ("sig", "log"):
        assert home("keys", "create", "--use", use, "--reason", "yearly change").code == 0
    files = (old, receipt("new.json"))
    for file in files:
        said = carepact("verify", file, "--root", str(home.folder / "members.json"))
        assert said.code == 0, said.err
