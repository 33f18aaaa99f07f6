"""What the federation's commands of `carepact directory` do: found, join, admit, publish, refresh.

Each is one act on an open node. The ledger's leaf (`peer`) comes first: nothing that was published lacks it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.directory.desk import Desk, make_pair
from gateway.directory.folder import FederationFolder, pinned_root, store_files
from gateway.directory.interface import DirectoryRefused
from gateway.directory.joining import Joining, joining_from_bytes, joining_to_bytes, own_files, proofs
from gateway.directory.own import endpoints_at, own_record
from gateway.directory.publishing import Published, next_version, publish_own, take
from gateway.directory.refresh import Mirror, Tried, refresh
from gateway.directory.renewal import renew_keys
from gateway.errors import Problem
from keys.federation.advance import Advanced
from keys.federation.documents import Federation, Registered
from keys.federation.signer import pair_from_store

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act
    from keys.member import Member

T = TypeVar("T")
ROOT = "metadata/1.root.json"


@dataclass(frozen=True, slots=True)
class Pinned:
    """What the configuration must say from now on."""

    root: Path
    sha256: str
    mirror: str


def desk_of(node: "Runtime") -> Desk:
    """The desk of this node, whether or not a federation was founded there."""
    return node.membership.desk


def refused_as_problem(act: Callable[[], Any]) -> Any:
    """What the directory refuses, as the command tells it."""
    try:
        return act()
    except DirectoryRefused as refused:
        raise Problem("conflict", hint=str(refused)) from None


async def log_change(node: "Runtime", act: "Act", **detail: Any) -> None:
    """The leaf of a change of the member list."""
    await node.membership.own.log({"by": act.by, "reason": act.reason, **detail}, int(act.at.timestamp()))


async def found_federation(
    node: "Runtime", federation: Federation, holders: int, kind: str, act: "Act"
) -> Pinned:
    """A federation with this node as its operator, publisher and first member."""
    desk, at = desk_of(node), int(act.at.timestamp())
    if desk.exists():
        raise Problem("conflict", hint="a federation was founded here already: carepact directory status")
    await log_change(node, act, action="found", federation=federation.id)
    wanted = holders // 2 + 1
    sha256 = refused_as_problem(lambda: desk.found(federation, holders, wanted, at))
    make_pair(node.keys, at)
    renew_keys(node.keys, at, node.membership.own.suites_under(federation)[0])
    member, pair = _first_record(node, federation, at), pair_from_store(node.keys, at=at)
    registered = Registered(federation.name, _kind(kind), (), at)
    public = (pair[0].public_key, pair[1].public_key)
    refused_as_problem(
        lambda: desk.admit(node.node.member, registered, public, own_files(member, 1, at, pair), at)
    )
    first = (desk.repository_folder / ROOT).read_bytes()
    return await _pin(node, first, sha256, str(desk.repository_folder), at)


def _first_record(node: "Runtime", federation: Federation, at: int) -> "Member":
    """Our record for a federation that is not there yet."""
    suites, least = node.membership.own.suites_under(federation)
    return own_record(
        node.keys, node.node.member, federation=federation.id, at=at,
        endpoints=endpoints_at(node.settings.node.public_url), suites=suites, min_suite=least,
    )  # fmt: skip


async def join_federation(node: "Runtime", mirror: str, sha256: str, act: "Act") -> tuple[Pinned, bytes]:
    """Pin, verify, make a pair; the configuration to come, and the join file for the operator."""
    from gateway.directory.refresh import read_first_root

    at = int(act.at.timestamp())
    first = await read_first_root(mirror)
    if first is None:
        raise Problem("unavailable", expression="MIRROR", hint="no metadata/1.root.json is served there")
    pinned = await _pin(node, first, sha256, mirror, at)
    held: Advanced = refused_as_problem(
        lambda: FederationFolder(pinned.root.parent, pinned.root, sha256)
    ).advanced
    make_pair(node.keys, at)
    renew_keys(node.keys, at, node.membership.own.suites_under(held.federation)[0])
    member, pair = node.membership.record(held, at, joining=True), pair_from_store(node.keys, at=at)
    await log_change(node, act, action="join", federation=held.federation.id, root=sha256)
    files = own_files(member, next_version(held, member.id), at, pair)
    data = joining_to_bytes(
        member, files, pair, federation=held.federation.id, root=sha256, now=at,
        signers=proofs(member, node.keys, at), nonce=node.entropy(16),
    )  # fmt: skip
    return pinned, data


async def _pin(node: "Runtime", first: bytes, sha256: str, mirror: str, at: int) -> Pinned:
    """Verify from the pinned root, and keep it as this node's first member list."""
    folder = node.settings.node.state / "directory"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root = folder / "root.json"
    root.write_bytes(first)
    state = refused_as_problem(lambda: pinned_root(root, sha256))
    advanced, tried = await refresh(state, (Mirror(mirror),), at)
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
    about = {"by": act.by, "reason": act.reason}
    await awaited(take(node.membership, joining, about, int(act.at.timestamp())))


async def publish(
    node: "Runtime", revoked: Mapping[str, tuple[int, str]], act: "Act", *, by_hand: bool
) -> Published:
    """This node's record as it is now, under its role's next version, at a publisher or as a file."""
    about, at = {"by": act.by, "reason": act.reason}, int(act.at.timestamp())
    desk = desk_of(node)
    if desk.exists() and not by_hand and refused_as_problem(lambda: desk.targets_fade(at)):
        await log_change(node, act, action="sign-anew")
        refused_as_problem(lambda: desk.sign_anew(at))  # the operator's own role, by the operator's own hand
    return await awaited(publish_own(node.membership, about, at, revoked=revoked, by_hand=by_hand))


async def awaited(doing: Awaitable[T]) -> T:
    """What the directory refuses while something is done, as the command tells it."""
    try:
        return await doing
    except DirectoryRefused as refused:
        raise Problem("conflict", hint=str(refused)) from None


async def refresh_own(node: "Runtime", at: Any, mirrors: tuple[str, ...] = ()) -> tuple[Tried, ...]:
    """Look for news at the mirrors and keep what verified; how each of them ended."""
    return await awaited(node.membership.refresh(int(at.timestamp()), mirrors))


def federation_of(node: "Runtime") -> Advanced:
    """What this node last verified. Raises `conflict` where it is in no federation."""
    held: Advanced = refused_as_problem(node.membership.held)
    return held


def _kind(kind: str) -> Any:
    from keys.federation.documents import KINDS

    if kind not in KINDS:
        raise Problem("invalid", expression="--kind", hint=f"one of {', '.join(KINDS)}")
    return kind
