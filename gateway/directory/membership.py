"""This node in its federation: what it verified, serves to others, and asks others for.

What verified is kept in the state folder and in memory; whoever changes it holds the folder's lock, so that
the server and a command never write over each other. A failed refresh loosens nothing.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from adapters.addresses import Reach
from gateway.directory.desk import Desk
from gateway.directory.folder import FederationFolder, store_files
from gateway.directory.interface import DirectoryRefused
from gateway.directory.locked import locked
from gateway.directory.lookout import Lookout
from gateway.directory.members import MembersFile
from gateway.directory.own import endpoints_at, named_log, own_record
from gateway.directory.refresh import Mirror, Tried, refresh
from keys.errors import TrustRefused
from keys.federation.advance import Advanced
from keys.federation.documents import Federation
from keys.federation.repository import advance_over
from keys.interface import Entropy, KeyStore, KeyWrapper
from keys.member import Member

PEERS = 3
"""Members that are asked beside the configured mirrors, others each time."""


class LogChange(Protocol):
    """Writes the ledger's leaf of a change, of kind `peer` or `key`. `at`: POSIX seconds."""

    def __call__(self, detail: Mapping[str, Any], at: int, kind: str = "peer") -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Own:
    """What a membership needs of its node. `reach`: the addresses that members' endpoints may lead to."""

    member: str
    public_url: str
    state: Path
    mirrors: tuple[str, ...]
    root_sha256: str
    reach: Reach
    keys: KeyStore
    wrapper: KeyWrapper
    entropy: Entropy
    log: LogChange
    suites: tuple[int, ...] = (3, 2)
    min_suite: int = 3

    def suites_under(self, rules: Federation) -> tuple[tuple[int, ...], int]:
        """What this node takes of what the federation has on, highest first as set; and its least.

        Where they have nothing in common its own stand, and the federation refuses them by name.
        """
        suites = tuple(suite for suite in self.suites if suite in rules.suites)
        least = min(max(self.min_suite, rules.min_suite), max(suites, default=self.min_suite))
        return suites or self.suites, least


class Membership:
    """`members`: the list that the node works with; its own file, as long as it is in no federation."""

    def __init__(self, own: Own, members: MembersFile | FederationFolder) -> None:
        self.own = own
        self.members = members
        self.lookout = Lookout(self._looked, lambda id: members.current.trust.member(id) is not None)
        """What a message with an unknown key asks."""

    @property
    def folder(self) -> Path:
        """Where the verified list is kept."""
        return self.own.state / "directory"

    @property
    def desk(self) -> Desk:
        """The operator's desk, whether or not a federation was founded here."""
        return Desk(self.own.state / "federation", self.own.wrapper, self.own.entropy)

    def held(self) -> Advanced:
        """What this node last verified. Raises `DirectoryRefused` where it is in no federation."""
        if isinstance(self.members, FederationFolder):
            return self.members.advanced
        root = self.folder / "root.json"
        if not root.exists():
            raise DirectoryRefused("this node is in no federation: carepact directory init, or join")
        return FederationFolder(self.folder, root, hashlib.sha256(root.read_bytes()).hexdigest()).advanced

    def quorum(self) -> int | None:
        """Witnesses that a published checkpoint needs; None outside of a federation."""
        held = self.members.advanced if isinstance(self.members, FederationFolder) else None
        return None if held is None else held.federation.witnesses

    def file(self, path: str) -> bytes | None:
        """What `GET /directory/<path>` answers: a file that verified here, or None."""
        if not isinstance(self.members, FederationFolder):
            return None
        self.members.reload()
        return self.members.file(path)

    def mirrors(self) -> tuple[Mirror, ...]:
        """Where news may be: our own desk, the configured URLs, some peers, the configured folders."""
        named = [Mirror(place) for place in self.own.mirrors]
        own = [Mirror(str(self.desk.repository_folder))] if self.desk.exists() else []
        remote, folders = [one for one in named if one.remote], [one for one in named if not one.remote]
        return tuple(dict.fromkeys((*own, *remote, *islice(self.peers(), PEERS), *folders)))

    def peers(self) -> Iterator[Mirror]:
        """`endpoints.directory` of other members, each time in another order; none is verified in vain."""
        if not isinstance(self.members, FederationFolder):
            return
        held = self.members.advanced
        drawn = {id: self.own.entropy(8) for id in held.registry if id != self.own.member}
        for id in sorted(drawn, key=drawn.__getitem__):
            member = held.trust.member(id)
            if member is not None and (place := member.endpoints.get("directory", "")):
                yield Mirror(place, self.own.reach)

    async def refresh(self, now: int, given: Iterable[str] = ()) -> tuple[Tried, ...]:
        """Look for news, at `given` or everywhere, and keep what verified; how each mirror ended.

        Raises `DirectoryRefused` where the folder cannot be written or is held by somebody else.
        """
        if not isinstance(self.members, FederationFolder):
            return ()  # founded just now: the configuration still names the node's own file
        async with locked(self.folder):
            await asyncio.to_thread(self.members.reload)
            mirrors = tuple(map(Mirror, given)) or self.mirrors()
            found, tried = await refresh(self.members.advanced.state, mirrors, now)
            if found is not None:
                await self._keep(found)
            return tried

    async def offer(self, files: Mapping[str, bytes], now: int) -> bool:
        """Take a list that was made here, if it verifies and is newer; whether it was."""
        if not isinstance(self.members, FederationFolder):
            return False
        async with locked(self.folder):
            await asyncio.to_thread(self.members.reload)
            held = self.members.advanced
            try:
                found = await asyncio.to_thread(advance_over, files, held.state, now)
            except TrustRefused:
                return False  # somebody was faster
            await self._keep(found)
            return found.trust.version > held.trust.version

    async def _looked(self, now: int) -> bool:
        before = self.members.current.trust.version
        try:
            await self.refresh(now)
        except DirectoryRefused:
            return False
        return self.members.current.trust.version != before

    async def _keep(self, found: Advanced) -> None:
        assert isinstance(self.members, FederationFolder)
        if found.state.files == self.members.advanced.state.files:
            return
        generation = await asyncio.to_thread(store_files, self.folder, found.state.files, self.own.entropy(8))
        self.members.adopt(generation, found)

    def record(self, held: Advanced, at: int, *, joining: bool = False) -> Member:
        """Our own record for that federation: proofs of possession are bound to its name.

        It goes on from the one that is published, however old: what was revoked stays revoked. Raises
        `DirectoryRefused` where that one is not to be had, unless we ask to join.
        """
        roll, rules = held.state.roll, held.federation
        previous = roll.last(self.own.member) if roll is not None else None
        if previous is None and not joining and self.own.member in held.registry:
            raise DirectoryRefused("this node is suspended, or its published record cannot be read")
        suites, least = self.own.suites_under(rules)
        return own_record(
            self.own.keys, self.own.member, federation=rules.id, previous=previous, at=at,
            endpoints=endpoints_at(self.own.public_url), log=named_log(self.own.state),
            suites=suites, min_suite=least,
        )  # fmt: skip
