"""What the federation's commands of `carepact directory` do: found, join, admit, publish, refresh.

Each is one act on an open node. The ledger's leaf (`peer`) comes first: nothing that was published lacks it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.directory.desk import Desk, make_pair
from gateway.directory.folder import FederationFolder, pinned_root, store_files
from gateway.directory.interface import DirectoryRefused
from gateway.directory.joining import Joining, joining_from_bytes, joining_to_bytes, own_files
from gateway.directory.own import own_record
from gateway.directory.refresh import Tried, refresh
from gateway.errors import Problem
from keys.federation.advance import Advanced, TrustState
from keys.federation.documents import Federation, Registered
from keys.federation.signer import pair_from_store

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act
    from keys.member import Member

ROOT = "metadata/1.root.json"


@dataclass(frozen=True, slots=True)
class Pinned:
    """What the configuration must say from now on."""

    root: Path
    sha256: str
    mirror: str


def desk_of(node: "Runtime") -> Desk:
    """The desk of this node, whether or not a federation was founded there."""
    return Desk(node.settings.node.state / "federation", node.wrapper, node.entropy)


def refused_as_problem(act: Callable[[], Any]) -> Any:
    """What the directory refuses, as the command tells it."""
    try:
        return act()
    except DirectoryRefused as refused:
        raise Problem("conflict", hint=str(refused)) from None


async def log_change(node: "Runtime", act: "Act", **detail: Any) -> None:
    """The leaf of a change of the member list."""
    from gateway.audit import ledger
    from gateway.audit.interface import Entry

    def unit(connection: Any) -> None:
        about = {"by": act.by, "reason": act.reason, **detail}
        entry = Entry("peer", int(act.at.timestamp()), detail=about)
        vault = node.node.room(connection).vault
        ledger.append(connection, entry, me=node.node.member, vault=vault, entropy=node.entropy)

    await node.database.write(unit)


async def found_federation(
    node: "Runtime", name: str, holders: int, kind: str, title: str, act: "Act"
) -> Pinned:
    """A federation with this node as its operator, publisher and first member."""
    desk, at = desk_of(node), int(act.at.timestamp())
    if desk.exists():
        raise Problem("conflict", hint="a federation was founded here already: carepact directory status")
    await log_change(node, act, action="found", federation=name)
    wanted = holders // 2 + 1
    sha256 = refused_as_problem(lambda: desk.found(Federation(name, title), holders, wanted, at))
    make_pair(node.keys, at)
    member, pair = _member(node, name, at), pair_from_store(node.keys, at=at)
    registered = Registered(title, _kind(kind), (), at)
    public = (pair[0].public_key, pair[1].public_key)
    refused_as_problem(
        lambda: desk.admit(node.node.member, registered, public, own_files(member, 1, at, pair), at)
    )
    first = (desk.repository_folder / ROOT).read_bytes()
    return await _pin(node, first, sha256, str(desk.repository_folder), at)


async def join_federation(node: "Runtime", mirror: str, sha256: str, act: "Act") -> tuple[Pinned, bytes]:
    """Pin, verify, make a pair; the configuration to come, and the join file for the operator."""
    from gateway.directory.refresh import read_first_root

    at = int(act.at.timestamp())
    first = await read_first_root(mirror)
    if first is None:
        raise Problem("unavailable", expression="MIRROR", hint="no metadata/1.root.json is served there")
    pinned = await _pin(node, first, sha256, mirror, at)
    held = _held(node, pinned.root, sha256)
    make_pair(node.keys, at)
    member, pair = _member(node, held.federation.id, at), pair_from_store(node.keys, at=at)
    from gateway.cli.own_keys import statement_signers

    signers = statement_signers(node.keys, at)
    await log_change(node, act, action="join", federation=held.federation.id, root=sha256)
    data = joining_to_bytes(
        member, own_files(member, 1, at, pair), pair, federation=held.federation.id, root=sha256, now=at,
        signers=signers,
    )  # fmt: skip
    return pinned, data


async def _pin(node: "Runtime", first: bytes, sha256: str, mirror: str, at: int) -> Pinned:
    """Verify from the pinned root, and keep it as this node's first member list."""
    folder = node.settings.node.state / "directory"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = folder / "root.json"
    root.write_bytes(first)
    state = refused_as_problem(lambda: pinned_root(root, sha256))
    advanced, tried = await refresh(state, (mirror,), at)
    if advanced is None:
        raise Problem("refused", hint=f"the member list there: {tried[0].ended}")
    store_files(folder, advanced.state.files, node.entropy(8))
    return Pinned(root, sha256, mirror)


def read_joining(node: "Runtime", data: bytes) -> Joining:
    """A join file or an update for the federation of this desk. Raises `invalid`."""
    desk = desk_of(node)
    held = federation_of(node)
    try:
        return joining_from_bytes(data, held.federation, desk.fingerprint())
    except DirectoryRefused as refused:
        raise Problem("invalid", expression="FILE", hint=str(refused)) from None
    except OSError:
        raise Problem("conflict", hint="no federation was founded here: carepact directory init") from None


async def admit_member(
    node: "Runtime",
    joining: Joining,
    kind: str,
    title: str,
    identifiers: tuple[tuple[str, str], ...],
    act: "Act",
) -> None:
    """Put a member into the registry, with a role of its own. The statement must be of these days."""
    at = int(act.at.timestamp())
    if not joining.at:
        raise Problem("invalid", expression="FILE", hint="an update, not a request to join: directory take")
    if not at - 7 * 86_400 <= joining.at <= at + 60:
        raise Problem("invalid", expression="FILE", hint="older than a week: let them make a new one")
    registered = Registered(title, _kind(kind), identifiers, at)
    kids = [key.kid for key in joining.member.keys]
    await log_change(node, act, action="admit", member=joining.id, kids=kids)
    refused_as_problem(lambda: desk_of(node).admit(joining.id, registered, joining.pair, joining.files, at))
    await refresh_own(node, act.at)


async def change_status(node: "Runtime", id: str, status: str, act: "Act") -> None:
    """Suspend, restore or remove a member."""
    desk = desk_of(node)
    if id not in refused_as_problem(desk.registry):
        raise Problem("not_found", expression="ID", hint="carepact directory list")
    if id == node.node.member and status != "active":
        raise Problem("invalid", expression="ID", hint="this node itself: it could publish nothing any more")
    await log_change(node, act, action=status, member=id)
    refused_as_problem(lambda: desk.set_status(id, status, int(act.at.timestamp())))
    await refresh_own(node, act.at)


async def take_update(node: "Runtime", joining: Joining, act: "Act") -> None:
    """Publish a member's newer role and record."""
    await log_change(node, act, action="take", member=joining.id)
    refused_as_problem(lambda: desk_of(node).take(joining.id, joining.files, int(act.at.timestamp())))
    await refresh_own(node, act.at)


async def publish_own(node: "Runtime", revoked: Mapping[str, str], act: "Act") -> bytes | None:
    """This node's record as it is now, under its role's next version.

    Where this node publishes, it is published; else the file for the publisher is returned.
    """
    held, at = federation_of(node), int(act.at.timestamp())
    member, pair = _member(node, held.federation.id, at, revoked), pair_from_store(node.keys, at=at)
    snapshot = held.state.snapshot
    known = snapshot.signed.meta.get(f"{member.id}.json") if snapshot is not None else None
    files = own_files(member, known.version + 1 if known is not None else 1, at, pair)
    await log_change(node, act, action="publish", member=member.id, kids=[key.kid for key in member.keys],
                     revoked=sorted(revoked))  # fmt: skip
    desk = desk_of(node)
    if desk.exists():
        refused_as_problem(lambda: desk.take(member.id, files, at))
        await refresh_own(node, act.at)
        return None
    root = node.settings.directory.root_sha256
    return joining_to_bytes(member, files, pair, federation=held.federation.id, root=root, now=at)


async def refresh_own(node: "Runtime", at: Any, mirrors: tuple[str, ...] = ()) -> tuple[Tried, ...]:
    """Look for news at the mirrors and keep what verified; how each of them ended."""
    if not isinstance(node.members, FederationFolder):
        return ()  # founded just now: the configuration still names the node's own file
    state: TrustState = node.members.advanced.state
    found, tried = await refresh(state, mirrors or node.settings.directory.mirrors, int(at.timestamp()))
    if found is not None:
        store_files(node.settings.node.state / "directory", found.state.files, node.entropy(8))
        node.members.reload()
    return tried


def federation_of(node: "Runtime") -> Advanced:
    """What this node last verified. Raises `conflict` where it is in no federation."""
    if isinstance(node.members, FederationFolder):
        return node.members.advanced
    root = node.settings.node.state / "directory" / "root.json"
    if not root.exists():
        raise Problem("conflict", hint="this node is in no federation: carepact directory init, or join")
    import hashlib

    return _held(node, root, hashlib.sha256(root.read_bytes()).hexdigest())


def _held(node: "Runtime", root: Path, sha256: str) -> Advanced:
    folder = node.settings.node.state / "directory"
    held: Advanced = refused_as_problem(lambda: FederationFolder(folder, root, sha256)).advanced
    return held


def _member(node: "Runtime", federation: str, at: int, revoked: Mapping[str, str] | None = None) -> "Member":
    """Our record for this federation: proofs of possession are bound to its name."""
    trust = node.members.current.trust
    held = trust.member(node.node.member) if trust.federation == federation else None
    mine = own_record(node.keys, node.node.member, federation=federation, previous=held, at=at)
    if not revoked:
        return mine
    why = dict(mine.rest.get("why") or {}) | dict(revoked)
    since = dict(mine.revoked) | {kid: at for kid in revoked if kid not in mine.revoked}
    return replace(mine, revoked=since, rest=dict(mine.rest) | {"why": why})


def _kind(kind: str) -> Any:
    from keys.federation.documents import KINDS

    if kind not in KINDS:
        raise Problem("invalid", expression="--kind", hint=f"one of {', '.join(KINDS)}")
    return kind
