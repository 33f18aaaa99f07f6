"""The members file and the register: what loads, what a reload may change, what expiry closes."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine

from gateway.directory import sql
from gateway.directory.interface import Directory, DirectoryRefused
from gateway.directory.members import MembersFile, members_from_bytes
from gateway.directory.register import EMPTY, register_from_bytes, register_from_file
from keys.errors import NotReady
from keys.member import Member, member_from_store
from keys.store.memory import MemoryKeyStore
from keys.trust import trust_list, trust_list_to_json

NOW = 1_795_255_200
YEAR = 365 * 86_400


def a_member(id: str) -> Member:
    store = MemoryKeyStore(os.urandom)
    for alg in ("Ed25519", "ML-DSA-65"):
        store.create("sig", alg, nbf=NOW, exp=NOW + YEAR)
    return member_from_store(store, id, endpoints={"exchange": f"https://{id}/exchange"})


NORTH, EAST = a_member("north.example"), a_member("east.example")


def members(version: int = 1, expires: int = NOW + 100, *found: Member, federation: str = "local") -> bytes:
    return trust_list_to_json(trust_list(version, expires, found or (NORTH, EAST), federation=federation))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A members file of two members, version 1."""
    path = tmp_path / "members.json"
    path.write_bytes(members())
    return path


def test_members_are_found_with_keys_and_endpoints(path: Path) -> None:
    """Addresses compare byte for byte; a stranger has neither keys nor endpoints."""
    loaded = MembersFile(path).current
    directory = Directory(loaded.trust, EMPTY, loaded.sha256)
    assert directory.is_member("north.example") and not directory.is_member("North.example")
    assert directory.endpoint("east.example") == "https://east.example/exchange"
    assert directory.endpoint("east.example", "ledger") is None
    assert directory.endpoint("far.example") is None


def test_DIR_04_expiry_closes_to_the_second(path: Path) -> None:
    """One second before, ready; at expiry, nothing is sealed or opened."""
    directory = Directory(MembersFile(path).current.trust, EMPTY)
    directory.require_fresh(NOW + 99)
    with pytest.raises(NotReady):
        directory.require_fresh(NOW + 100)


def test_one_bad_record_disables_that_member_only() -> None:
    """A member whose proof of possession fails is named and left out; others stay."""
    document = json.loads(members())
    document["members"][1]["keys"][0]["pop"] = document["members"][0]["keys"][0]["pop"]
    trust = members_from_bytes(json.dumps(document).encode()).trust
    assert list(trust.members) == ["north.example"]
    assert [name for name, _ in trust.disabled] == ["east.example"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"v":2}', members().replace(b'"v":1', b'"v":1,"v":1', 1)]
)
def test_what_is_no_members_file_is_refused_at_start(tmp_path: Path, data: bytes) -> None:
    """There is no default list: without a readable file there is no node."""
    (tmp_path / "members.json").write_bytes(data)
    with pytest.raises(DirectoryRefused):
        MembersFile(tmp_path / "members.json")
    with pytest.raises(DirectoryRefused):
        MembersFile(tmp_path / "absent.json")


def test_a_higher_version_is_taken_and_the_same_bytes_change_nothing(path: Path) -> None:
    """A reload publishes a new immutable list; the one in use before stays as it was."""
    file = MembersFile(path)
    before = file.current
    assert not file.reload()
    path.write_bytes(members(2, NOW + 500, NORTH))
    assert file.reload()
    assert (file.current.trust.version, list(file.current.trust.members)) == (2, ["north.example"])
    assert list(before.trust.members) == ["north.example", "east.example"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"{",
        members(0),
        members(1, NOW + 9999),
        members(2, NOW + 9999, federation="other"),
    ],
    ids=["gone", "broken", "older", "same version", "other federation"],
)
def test_DIR_04_a_failed_reload_loosens_nothing(path: Path, data: bytes | None) -> None:
    """The old list, with its old expiry, stays in force and the fault is told."""
    file = MembersFile(path)
    before = file.current
    path.unlink() if data is None else path.write_bytes(data)
    assert not file.reload()
    assert file.current is before and file.fault
    path.write_bytes(members(3))
    assert file.reload() and file.fault is None


REGISTER: dict[str, Any] = {
    "org_parent": {"ward-7": "st-brides", "st-brides": "trust-east"},
    "practitioner_orgs": {"dr-bob": ["st-brides"]},
    "groups": {"on-call": ["dr-bob"]},
    "proxies": [
        {
            "proxy": "RelatedPerson/mother",
            "patient": "Patient/child",
            "kind": "parental",
            "verified": True,
            "rights": ["view"],
        }
    ],
    "patient_flags": {"Patient/ana": ["s-flag"]},
    "practitioners": {"https://id.example/gmc|1234567": "dr-bob"},
    "people": {"https://id.example/person|77": "RelatedPerson/mother"},
}


def test_the_register_answers_what_a_decision_asks() -> None:
    """Chains of organisations, known users by their identifier, and the value that the decision reads."""
    register = register_from_bytes(json.dumps(REGISTER).encode())
    assert register.is_under("ward-7", "trust-east") and register.is_under("st-brides", "st-brides")
    assert not register.is_under("trust-east", "ward-7") and not register.is_under("st-brides-2", "st-brides")
    assert register.practitioner("https://id.example/gmc|1234567") == "dr-bob"
    assert register.consent.proxies[0].proxy == "RelatedPerson/mother"
    assert register.consent.patient_flags == {"Patient/ana": ("s-flag",)}


def test_an_unknown_user_is_nobody_known() -> None:
    """She must not differ from a person whom a patient refused by name, so she counts as unnamed."""
    register = register_from_bytes(json.dumps(REGISTER).encode())
    assert register.practitioner("https://id.example/gmc|7654321") is None
    assert register.practitioner(None) is None


@pytest.mark.parametrize(
    "change",
    [
        {"org_parent": {"a": "b", "b": "a"}},
        {"org_parent": {"a": "a"}},
        {"org_parent": []},
        {"org_parent": {"a": 7}},
        {"unknown": {}},
        {"practitioners": {"no-bar": "dr-bob"}},
        {"practitioners": {"s|v": 7}},
        {"people": []},
        {"proxies": [{"proxy": "RelatedPerson/x"}]},
        {"groups": {"g": "dr-bob"}},
    ],
)
def test_a_register_that_cannot_be_computed_is_refused(change: Any) -> None:
    """Cycles, unknown members and wrong shapes are refused as a whole; the message holds no value."""
    with pytest.raises(DirectoryRefused) as caught:
        register_from_bytes(json.dumps(REGISTER | change).encode())
    assert "dr-bob" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"groups":{},"groups":{}}'])
def test_a_register_is_strict_json(data: bytes) -> None:
    """Broken, doubled or foreign content never becomes an empty register."""
    with pytest.raises(DirectoryRefused):
        register_from_bytes(data)


def test_without_a_file_the_register_is_empty(tmp_path: Path) -> None:
    """No file configured: nobody is below anybody. A configured file that is missing is refused."""
    assert not register_from_file(None).is_under("ward-7", "st-brides")
    with pytest.raises(DirectoryRefused):
        register_from_file(tmp_path / "absent.json")


class PlainCipher:
    """Marks what was sealed where; a stand-in for the vault that the vault's own tests try."""

    def seal(self, subject: str, plain: bytes, aad: bytes) -> bytes:
        return subject.encode() + b"\0" + aad + b"\0" + bytes(byte ^ 0x5A for byte in plain)

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes:
        head = subject.encode() + b"\0" + aad + b"\0"
        assert sealed.startswith(head)
        return bytes(byte ^ 0x5A for byte in sealed[len(head) :])


@pytest.fixture
def connection() -> Any:
    """An empty register table."""
    engine = create_engine("sqlite://")
    sql.metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_the_register_is_known_as_of_an_instant(connection: Connection) -> None:
    """A version counts from its recording on; older instants see older versions; the same bytes are no version."""
    at, cipher = datetime(2026, 5, 1, 12, tzinfo=UTC), PlainCipher()
    first, second = json.dumps(REGISTER).encode(), json.dumps(REGISTER | {"org_parent": {}}).encode()
    assert sql.register_at(connection, cipher, as_of=at) is None
    assert sql.put_register(connection, cipher, first, at=at) == 1
    assert sql.put_register(connection, cipher, first, at=at + timedelta(hours=1)) == 1
    assert sql.put_register(connection, cipher, second, at=at + timedelta(hours=2)) == 2
    early = sql.register_at(connection, cipher, as_of=at + timedelta(hours=2) - timedelta(microseconds=1))
    late = sql.register_at(connection, cipher, as_of=at + timedelta(hours=2))
    assert early is not None and early == register_from_bytes(first)
    assert late is not None and late == register_from_bytes(second)
    assert sql.register_at(connection, cipher, as_of=at - timedelta(microseconds=1)) is None
    assert sql.register_epoch(connection) == 2
    with pytest.raises(DirectoryRefused):
        sql.put_register(connection, cipher, b"{", at=at)
