"""The composition root: the only file that knows every room, and where clock and randomness enter.

In this order, because each step needs the ones before it:
1. prove that the cryptographic library does what we rely on; 2. the state folder and the KEK, made with a
new node; 3. keys and secrets; 4. members and register: without trust nothing is sealed; 5. the floor pack:
without law nothing is decided; and the rules of the source organisations; 6. the database, at this version's
schema; 7. sources; 8. the cycle and what the HTTP surface and the command line use of it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from consent.digest import ResourceContext, digest
from consent.errors import Uncomputable
from consent.facts import facts_to_bytes
from consent.floor import FloorPack, floor_from_bytes, shipped_floor, shipped_packs
from gateway.api.services import Services
from gateway.audit.marks import MarkFile, compare
from gateway.audit.signing import own_log_keys
from gateway.authn.client_assertion import Limits as TokenLimits
from gateway.authn.tokens import Endpoint
from gateway.config import Settings
from gateway.db import migrate
from gateway.db.engine import open_database
from gateway.directory.folder import FederationFolder
from gateway.directory.interface import Directory, DirectoryRefused, Register
from gateway.directory.members import MembersFile
from gateway.directory.membership import Membership
from gateway.directory.opening import open_members, own_of, reach_of
from gateway.directory.own import found_member
from gateway.directory.ping import Answering
from gateway.directory.register import register_from_file
from gateway.directory.suites import take_up_suites
from gateway.errors import RefusedToStart
from gateway.exchange.consents import Consents
from gateway.exchange.cycle import exchange
from gateway.exchange.links import Links
from gateway.exchange.logs import log_desk
from gateway.exchange.member_changes import log_change
from gateway.exchange.node import Node
from gateway.exchange.peer.endpoint import respond
from gateway.exchange.peer.operations import Operations, answered
from gateway.exchange.query import answer_query
from gateway.exchange.reconcile_answer import answer_reconcile
from gateway.exchange.source_rules import SourceRules, SourceRulesFile, SourceRulesRefused, no_source_rules
from gateway.files import require_unshared
from gateway.intake.intake import Intake
from gateway.keyring import open_kek as open_kek
from gateway.keyring import open_keys
from gateway.records.interface import JSON, Database
from gateway.records.room import Secrets
from gateway.records.sql import require_secrets, sql_room
from gateway.sources import bind
from keys import selftest
from keys.errors import KeyFault
from keys.interface import Entropy
from keys.store.file import FileKeyStore
from keys.store.turning import TurningWrapper

Clock = Callable[[], datetime]
OPERATIONS: Operations = {"query": answer_query, "reconcile": answered(answer_reconcile)}
"""What other nodes may ask, by `op`; how to add one: `gateway/exchange/peer/operations.py`."""


def system_clock() -> datetime:
    """The one place where the wall clock is read."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Runtime:
    """An open node: what the command line and the server work with."""

    settings: Settings
    database: Database
    keys: FileKeyStore
    wrapper: TurningWrapper
    node: Node
    consents: Consents
    services: Services
    members: MembersFile | FederationFolder
    membership: Membership
    clock: Clock
    entropy: Entropy


@asynccontextmanager
async def open_node(
    settings: Settings, *, clock: Clock = system_clock, entropy: Entropy = os.urandom, found: bool = False
) -> AsyncIterator[Runtime]:
    """Open the node of these settings; close everything at the end. Raises `RefusedToStart` with one line.

    `found`: on an empty state folder make keys first, and a members file where there is none (`serve`).
    """
    try:
        selftest.run()  # 1
        wrapper = open_kek(settings, entropy)  # 2
        keys, secrets = open_keys(settings, wrapper, entropy)  # 3
        if found:
            _found(settings, keys, int(clock().timestamp()))
        members = open_members(settings)  # 4
        register = register_from_file(settings.directory.register_file)
    except KeyFault as fault:
        raise RefusedToStart(f"keys: {fault}") from None
    except DirectoryRefused as refused:
        raise RefusedToStart(f"directory: {refused}") from None
    floor, source_rules = open_floor(settings), open_source_rules(settings)  # 5
    async with AsyncExitStack() as stack:
        database = await _open_database(settings, stack)  # 6
        await require_secrets(secrets, database)
        held = Secrets(wrapper, entropy, secrets.secret("index_key"), settings.node.allow_test_patients)
        room = partial(sql_room, secrets=held)

        intake, mark = Intake(database, room, _digest, entropy), MarkFile(settings.node.state)
        id_key = secrets.secret("id_key")
        sources = [await bind(settings, one, id_key, stack) for one in settings.sources]  # 7
        node = Node(
            member=settings.node.id,
            base=f"{settings.node.public_url.rstrip('/')}/fhir",
            database=database,
            room=room,
            sources=tuple(sources),
            intake=intake,
            keys=keys,
            directory=lambda: directory_of(members, register),
            floor=floor,
            clock=clock,
            entropy=entropy,
            answer_resources=settings.limits.answer_resources,
            organisations=settings.organisations,
            source_rules=source_rules,
            links=_links(settings, stack),
            look=lambda member, at: membership.lookout.unknown_key(member, at),
            mark_checkpoint=mark,
            refuse_forked=settings.ledger.on_fork == "refuse",
        )
        await compare(database, mark, node.member, own_log_keys(keys, node.member))
        consents = Consents(node)
        membership = Membership(own_of(settings, keys, wrapper, entropy, partial(log_change, node)), members)
        if found:
            await _take_up(membership, settings, int(clock().timestamp()))
        yield Runtime(  # 8
            settings, database, keys, wrapper, node, consents,
            _services(settings, node, consents, membership), members, membership, clock, entropy,
        )  # fmt: skip


def _found(settings: Settings, keys: FileKeyStore, at: int) -> None:
    found_member(
        keys, settings.directory.members, settings.node.id, at, settings.node.public_url,
        suites=settings.keys.suites, min_suite=settings.keys.min_suite,
    )  # fmt: skip


async def _take_up(membership: Membership, settings: Settings, at: int) -> None:
    try:
        await take_up_suites(membership, settings.directory.members, at)
    except DirectoryRefused as refused:
        raise RefusedToStart(f"directory: {refused}") from None


def directory_of(members: MembersFile | FederationFolder, register: Register) -> Directory:
    """Members and register as of now."""
    members.reload()
    return Directory(members.current.trust, register, members.current.sha256)


def _links(settings: Settings, stack: AsyncExitStack) -> Links:
    """Where members' records lead is judged as it is dialled: they name the addresses, not the operator."""
    made = Links(reach_of(settings))
    stack.push_async_callback(made.close)
    return made


def open_floor(settings: Settings) -> FloorPack:
    """The pack by name or file. An unsigned one is refused unless told otherwise, and then said aloud."""
    chosen = settings.floor.pack
    try:
        pack = (
            shipped_floor(chosen)
            if chosen in shipped_packs()
            else floor_from_bytes(Path(chosen).read_bytes())
        )
    except OSError:
        raise RefusedToStart(f"floor.pack: no shipped pack and no file is called {chosen}") from None
    except Uncomputable as refused:
        raise RefusedToStart(f"floor.pack: {refused}") from None
    if not pack.signed and not settings.floor.unsafe_unsigned:
        raise RefusedToStart(
            "floor.pack is not signed by anybody: have it checked and signed, "
            "or set floor.unsafe_unsigned for tests"
        )
    return pack


def open_source_rules(settings: Settings) -> Callable[[], SourceRules]:
    """The rules of the settings' file, followed as it changes; none if no file is named."""
    path = settings.consent.source_rules
    if path is None:
        return no_source_rules
    require_unshared(path)
    try:
        return SourceRulesFile(path, settings.organisations)
    except SourceRulesRefused as refused:
        raise RefusedToStart(f"consent.source_rules: {path}: {refused}") from None


async def _open_database(settings: Settings, stack: AsyncExitStack) -> Database:
    url = settings.database_url
    if await asyncio.to_thread(lambda: migrate.schema(url).current) is None:
        await asyncio.to_thread(migrate.upgrade, url)
    await asyncio.to_thread(migrate.check, url)
    database = await open_database(url)
    stack.push_async_callback(database.close)
    return database


def _digest(resource: JSON, *, custodian: str, patients: tuple[str, ...]) -> bytes:
    """Derived facts of a resource at ingest; decisions read only these (performance.md, rule 2)."""
    return facts_to_bytes(digest(resource, ResourceContext(custodian=custodian, patients=patients)))


def _services(settings: Settings, node: Node, consents: Consents, membership: Membership) -> Services:
    issuer = settings.node.public_url.rstrip("/")
    limits = TokenLimits(
        assertion_bytes=settings.limits.assertion_bytes,
        clock_skew=settings.limits.clock_skew,
        token_ttl=settings.limits.token_ttl,
    )
    return Services(
        settings=settings,
        database=node.database,
        exchange=lambda ask: exchange(node, ask),
        respond=lambda pieces: respond(node, OPERATIONS, pieces),
        consents=consents,
        endpoint=Endpoint(f"{issuer}/oauth/token", issuer, limits),
        membership=membership,
        pings=Answering(membership),
        is_under=lambda org, ancestor: node.directory().register.is_under(org, ancestor),
        clock=node.clock,
        entropy=node.entropy,
        audited=node,
        logs=log_desk(node, reach_of(settings), membership.quorum),
    )
