"""Two whole nodes on loopback: tokens, tiles, witnesses, and a log that was taken back (LOG-05)."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from gateway.api.app import application
from gateway.audit import ledger, origins, peers, publishing
from gateway.audit.interface import Entry, LedgerBroken
from gateway.audit.peer_log import PeerLog
from gateway.audit.signing import own_log_keys, signed_head
from gateway.audit.verify import verify
from gateway.audit.watch import watch
from gateway.authn.members import assertion
from gateway.bootstrap import open_node
from gateway.config import Settings
from keys.cosignature import cosignatures
from keys.logs import log_keys, witness_keys
from keys.note import parse_note, verify_checkpoint
from keys.trust import trust_list, trust_list_from_json, trust_list_to_json

NORTH, EAST = "north.example", "east.example"


@dataclass
class Side:
    """One node and its address."""

    id: str
    runtime: Any
    port: int

    @property
    def desk(self) -> Any:
        return self.runtime.services.logs

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def log(self, leaves: int = 1) -> None:
        """So many leaves about nobody."""
        desk = self.desk

        def unit(connection: Any) -> None:
            for _ in range(leaves):
                entry = Entry("key", desk.now(), detail={"what": "test"})
                ledger.append(
                    connection, entry, me=self.id, vault=desk.vault(connection), entropy=desk.entropy
                )

        await desk.database.write(unit)

    async def note(self) -> bytes:
        """What its messages carry."""
        signed = await signed_head(self.desk.database, self.desk.keys, self.id, self.desk.now())
        assert signed is not None
        return bytes(signed.note)

    async def hears(self, other: "Side", note: bytes | None = None) -> str:
        """A verified message of the other arrived."""
        said = note if note is not None else await other.note()
        at = self.desk.now()
        return str(await self.desk.database.write(lambda c: self.desk.take(c, other.id, said, at)))

    async def head_of(self, other: "Side") -> Any:
        return await self.desk.database.read(lambda c: peers.head(c, f"{other.id}/ledger"))

    async def verified(self) -> Any:
        keys = own_log_keys(self.desk.keys, self.id)
        return await self.desk.database.read(
            lambda c: verify(c, me=self.id, keys=keys, vault=self.desk.vault(c))
        )


def settings_of(folder: Path, id: str, port: int) -> Settings:
    return Settings.model_validate(
        {
            "node": {"id": id, "public_url": f"http://127.0.0.1:{port}", "state": folder / id},
            "directory": {"members": folder / id / "members.json"},
            "floor": {"unsafe_unsigned": True},
        }
    )


@asynccontextmanager
async def serving(app: Any, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def introduce(folder: Path) -> None:
    """Both nodes into one members file: each brings its own record."""
    found = {id: trust_list_from_json((folder / id / "members.json").read_bytes()) for id in (NORTH, EAST)}
    records = [found[id].members[id] for id in (NORTH, EAST)]
    both = trust_list(2, found[NORTH].expires, records, federation="local")
    for id in (NORTH, EAST):
        (folder / id / "members.json").write_bytes(trust_list_to_json(both))


@asynccontextmanager
async def opened(folder: Path, ports: dict[str, int]) -> AsyncIterator[tuple[Side, Side]]:
    async with AsyncExitStack() as stack:
        sides = []
        for id in (NORTH, EAST):
            settings = settings_of(folder, id, ports[id])
            runtime = await stack.enter_async_context(open_node(settings, found=True))
            await stack.enter_async_context(serving(application(runtime.services), ports[id]))
            sides.append(Side(id, runtime, ports[id]))
        introduce(folder)
        yield sides[0], sides[1]


@pytest.fixture
def ports(unused_tcp_port_factory: Any = None) -> dict[str, int]:
    """Two free ports."""
    import socket

    held = [socket.socket() for _ in range(2)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return dict(zip((NORTH, EAST), found, strict=True))


@pytest.fixture
def between(tmp_path: Path, ports: dict[str, int]) -> Any:
    """Runs `act(north, east)` while both serve."""

    def run(act: Any) -> Any:
        async def inside() -> Any:
            async with opened(tmp_path, ports) as (north, east):
                return await act(north, east)

        return asyncio.run(inside())

    return run


def test_a_published_checkpoint_has_both_lines_and_the_witness(between: Any) -> None:
    """Of two members one cosigns: the note verifies by the keys of both records, and is what is served."""

    async def act(north: Side, east: Side) -> None:
        await north.log(3)
        done = await publishing.publish(north.desk)
        assert done is not None and (done.size, done.witnesses) == (3, 1)
        trust = north.desk.directory().trust
        record, witness = trust.member(NORTH), trust.member(EAST)
        assert verify_checkpoint(done.note, f"{NORTH}/ledger", log_keys(record)).size == 3
        held = cosignatures(parse_note(done.note), [*log_keys(record), *witness_keys(witness)])
        assert {one.key.name for one in held} == {f"{NORTH}/ledger", f"{EAST}/witness"}
        async with PeerLog(east.desk, record, deadline=10) as there:
            assert await there.checkpoint() == done.note
        assert (await east.head_of(north)).size == 3
        again = await publishing.publish(north.desk)
        assert again == done

    between(act)


def test_growing_logs_are_cosigned_from_where_the_witness_was(between: Any) -> None:
    """Each publication proves itself from the last one; a witness that heard of more by message says where it is."""

    async def act(north: Side, east: Side) -> None:
        for leaves in (1, 300, 7):
            await north.log(leaves)
            done = await publishing.publish(north.desk)
            assert done is not None and done.witnesses == 1
        await north.log(5)
        assert await east.hears(north) == "pending"
        assert await watch(east.desk) == 1
        await north.log(1)
        done = await publishing.publish(north.desk)
        assert done is not None and done.size == 314
        assert (await east.head_of(north)).size == 314

    between(act)


def test_a_message_is_proven_from_tiles(between: Any) -> None:
    """Larger and smaller sizes alike: after one round of watching nothing waits, and the head is the largest."""

    async def act(north: Side, east: Side) -> None:
        notes = []
        for leaves in (10, 500, 90):
            await north.log(leaves)
            notes.append(await north.note())
        assert [await east.hears(north, note) for note in (notes[1], notes[2], notes[0])] == [
            "head", "pending", "pending",
        ]  # fmt: skip
        assert await watch(east.desk) == 2
        assert (await east.head_of(north)).size == 600
        assert await east.desk.database.read(peers.waiting) == ()
        assert (await east.verified()).exit == 0

    between(act)


def test_without_its_witness_nothing_new_is_published(between: Any, monkeypatch: Any) -> None:
    """The last checkpoint that had its quorum stays the one that is served."""

    async def act(north: Side, east: Side) -> None:
        await north.log()
        first = await publishing.publish(north.desk)
        await north.log()
        monkeypatch.setattr(PeerLog, "add_checkpoint", _gone)
        assert await publishing.publish(north.desk) is None
        async with PeerLog(east.desk, north.desk.directory().trust.member(NORTH), deadline=10) as there:
            assert first is not None and await there.checkpoint() == first.note

    between(act)


async def _gone(*_: Any) -> bytes:
    from adapters.errors import SourceUnavailable

    raise SourceUnavailable("away")


def test_a_token_opens_the_ledger_and_nothing_else(between: Any) -> None:
    """No token, a client's token, a forged or spent assertion: 401; a member's token at /fhir: 401."""

    async def act(north: Side, east: Side) -> None:
        await north.log()
        async with httpx.AsyncClient(base_url=north.url) as http:
            for path in ("/ledger/checkpoint", "/ledger/tile/0/000.p/1", "/ledger/witness/held"):
                assert (await http.get(path)).status_code == 401
            assert (await http.post("/ledger/witness/add-checkpoint", content=b"x")).status_code == 401
            key = next(k for k in east.desk.keys.public() if (k.use, k.alg) == ("sig", "Ed25519"))

            def ask(sign: Any, **changes: Any) -> Any:
                said = {"member": EAST, "audience": f"{north.url}/oauth/token", "kid": key.kid} | changes
                text = assertion(
                    said["member"], said["audience"], said["kid"], sign, east.desk.now(), east.desk.entropy
                )
                form = {"grant_type": "client_credentials", "scope": said.get("scope", "ledger")}
                form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                return form | {"client_assertion": text}

            own = lambda data: east.desk.keys.sign(key.kid, data)  # noqa: E731
            good = ask(own)
            reply = await http.post("/oauth/token", data=good)
            assert reply.status_code == 200 and reply.json()["scope"] == "ledger"
            token = {"Authorization": f"Bearer {reply.json()['access_token']}"}
            assert (await http.get("/ledger/tile/0/000.p/1", headers=token)).status_code == 200
            assert (await http.get("/ledger/tile/0/000.p/2", headers=token)).status_code == 404
            assert (await http.get("/ledger/tile/entries/000.p/1", headers=token)).status_code == 404
            assert (await http.get("/fhir/Patient?identifier=a|b", headers=token)).status_code == 401
            bad = (
                good,
                ask(lambda data: bytes(64)),
                ask(own, member=NORTH),
                ask(own, audience=f"{east.url}/oauth/token"),
                ask(own, kid="A" * 43),
                ask(own, member="west.example"),
            )
            for form in bad:
                assert (await http.post("/oauth/token", data=form)).status_code == 401
            assert (await http.post("/oauth/token", data=ask(own, scope="system/*.rs"))).status_code == 400

    between(act)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda body: b"", 400),
        (lambda body: body.replace(b"old 0", b"old 00"), 400),
        (lambda body: body.replace(b"old 0", b"old 99"), 400),
        (lambda body: body.replace(b"north.example/ledger\n", b"west.example/ledger\n"), 404),
        (lambda body: body.replace(b"\n2\n", b"\n1\n"), 403),
        (lambda body: body.replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n"), 422),
        (lambda body: body.replace(b"old 0", b"old 1"), 409),
        (lambda body: body, 200),
    ],
    ids=["nothing", "two-spellings", "backwards", "unknown-log", "not-signed", "a-proof-of-nothing",
         "another-size", "good"],
)  # fmt: skip
def test_a_witness_answers_as_the_standard_says(between: Any, change: Any, status: int) -> None:
    """C2SP tlog-witness: 400, 404, 403, 422 and 409 with the size; only a good one moves the head."""

    async def act(north: Side, east: Side) -> None:
        await north.log(2)
        body = b"old 0\n\n" + await north.note()
        record = north.desk.directory().trust.member(EAST)
        async with PeerLog(north.desk, record, deadline=10) as there:
            reply = await there._send("POST", "witness/add-checkpoint", change(body))
        assert reply.status == status
        if status == 409:
            assert reply.body == b"0\n" and reply.headers["content-type"].startswith("text/x.tlog.size")
        assert ((await east.head_of(north)) is not None) == (status == 200)

    between(act)


def test_two_histories_at_the_witness_are_a_fork(between: Any, tmp_path: Path) -> None:
    """LOG-05: the second root of a size is never cosigned; both notes stay as evidence."""

    async def act(north: Side, east: Side) -> None:
        await north.log(4)
        await publishing.publish(north.desk)
        other = await _other_history(north)
        body = b"old 4\n\n" + other
        async with PeerLog(north.desk, north.desk.directory().trust.member(EAST), deadline=10) as there:
            reply = await there._send("POST", "witness/add-checkpoint", body)
        assert reply.status == 409
        (fork,) = await east.desk.database.read(lambda c: peers.forks(c, NORTH))
        assert fork.second == other and fork.size == 4

    between(act)


async def _other_history(side: Side) -> bytes:
    """A note over another root of the same size, by the node's own key."""
    from keys.note import Checkpoint, sign_note, text_from_checkpoint

    key = next(k for k in side.desk.keys.public() if (k.use, k.alg) == ("log", "Ed25519"))
    (known,) = own_log_keys(side.desk.keys, side.id)
    text = text_from_checkpoint(Checkpoint(f"{side.id}/ledger", 4, b"f" * 32))
    return sign_note(text, f"{side.id}/ledger", side.desk.keys, key.kid, known.public)


@pytest.mark.parametrize("whole", [False, True], ids=["database-alone", "state-folder-too"])
def test_a_log_from_an_old_backup_does_not_go_on(tmp_path: Path, ports: dict[str, int], whole: bool) -> None:
    """LOG-05: the mark in the state folder, or else the witness, knows of more; then nothing is signed.

    After a restart the log goes on under another origin with what is there, a leaf that says so, and the
    evidence of what was lost; every proof of it verifies.
    """
    backup = tmp_path / "backup"

    async def before() -> None:
        async with opened(tmp_path, ports) as (north, _):
            await north.log(3)
            await publishing.publish(north.desk)
        shutil.copytree(tmp_path / NORTH, backup)
        async with opened(tmp_path, ports) as (north, _):
            await north.log(4)
            done = await publishing.publish(north.desk)
            assert done is not None and done.witnesses == 1

    async def after() -> None:
        async with opened(tmp_path, ports) as (north, east):
            await north.log(1)
            with pytest.raises(LedgerBroken):
                await publishing.publish(north.desk)
            with pytest.raises(LedgerBroken):
                await north.note()
            assert (await north.verified()).finding.what == "missing"
            await _restarted(north, east)

    asyncio.run(before())
    members = (tmp_path / NORTH / "members.json").read_bytes()
    if whole:
        shutil.rmtree(tmp_path / NORTH)
        shutil.copytree(backup, tmp_path / NORTH)
        (tmp_path / NORTH / "members.json").write_bytes(members)
    else:
        for old in (tmp_path / NORTH).glob("node.db*"):
            old.unlink()
        for old in backup.glob("node.db*"):
            shutil.copy(old, tmp_path / NORTH / old.name)
    asyncio.run(after())


async def _restarted(north: Side, east: Side) -> None:
    desk = north.desk

    def again(connection: Any) -> Any:
        return origins.restart(
            connection, member=NORTH, at=desk.now(), reason="the disk burnt", by="ops",
            vault=desk.vault(connection), entropy=desk.entropy,
        )  # fmt: skip

    done = await desk.database.write(again)
    assert (done.origin, done.size, done.lost_size) == (f"{NORTH}/ledger/2", 4, 7)
    with pytest.raises(origins.NothingLost):
        await desk.database.write(again)
    note = await north.note()
    assert b"north.example/ledger/2\n5\n" in note
    report = await north.verified()
    assert (report.finding, report.leaves) == (None, 5)
    # Until its record names the new origin, nobody takes its checkpoints.
    assert await east.hears(north, note) == "refused"
    _name_origin(north, east, done)
    assert await east.hears(north, note) == "head"
    published = await publishing.publish(desk)
    assert published is not None and published.witnesses == 1


def _name_origin(north: Side, east: Side, done: Any) -> None:
    trust = north.runtime.node.directory().trust
    previous = [{"origin": done.lost_origin, "size": done.lost_size, "root": done.lost_root.hex()}]
    record = trust.member(NORTH)
    changed = replace(record, log_origin=done.origin, rest=dict(record.rest) | {"previous": previous})
    listed = trust_list(trust.version + 1, trust.expires, [changed, trust.member(EAST)], federation="local")
    for side in (north, east):
        side.runtime.settings.directory.members.write_bytes(trust_list_to_json(listed))
