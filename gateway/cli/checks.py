"""What `carepact doctor` looks at, in the order in which one thing needs the other.

1. configuration; 2. the cryptographic library; 3. state folder and keys; 4. members and register; 5. the law
and the rules of the sources; 6. the database. Only if these let the node open: 7. ledger, 8. sources,
9. agreements, 10. clients.
A check never changes anything, and never makes a node that is not there.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.check import SOON, Check
from gateway.errors import Problem, RefusedToStart

if TYPE_CHECKING:
    from gateway.config import Settings
    from keys.interface import PublicKey

LEAST_DISK = 1 << 30


def examine(file: Path) -> tuple[Check, ...]:
    """Every check over the node of this configuration file."""
    from gateway.config import load

    try:
        settings = load(file)
    except RefusedToStart as refused:
        return (Check("configuration", "failed", str(refused), f"correct {file}"),)
    found = [Check("configuration", "ok", str(file)), *_checked(settings)]
    if any(check.state == "failed" for check in found):
        return (*found, Check("the rest", "skipped", "the node cannot be opened as it is"))
    return (*found, *asyncio.run(_opened(settings)))


def _checked(settings: "Settings") -> Iterator[Check]:
    from gateway.cli.rule_checks import check_of_floor, check_of_source_rules

    yield _guarded("library", "install the packages again", _library)
    yield _guarded("state folder", "carepact serve makes a new node", lambda: _state_folder(settings))
    yield _guarded("disk", "free some space", lambda: _disk(settings))
    yield from _keys_and_members(settings)
    yield _guarded("law", "carepact policy pack lint FILE, of floor.pack", lambda: check_of_floor(settings))
    named = settings.consent.source_rules
    yield _guarded(
        "source rules", f"repair {named} (consent.source_rules)", lambda: check_of_source_rules(settings)
    )
    yield _guarded("database", "carepact db upgrade", lambda: _database(settings))
    if settings.node.allow_test_patients:
        said = "node.allow_test_patients: numbers of the test ranges link records"
        yield Check("test patients", "warning", said, "remove it before real patients")


def _guarded(name: str, step: str, look: Callable[[], Check]) -> Check:
    """What refuses is a failed check; the text of a refusal never holds values."""
    from gateway.directory.interface import DirectoryRefused
    from keys.errors import KeyFault

    try:
        return look()
    except (RefusedToStart, KeyFault, DirectoryRefused) as refused:
        return Check(name, "failed", str(refused), step)
    except Problem as problem:
        return Check(name, "failed", problem.category.text, problem.hint or step)
    except OSError:
        return Check(name, "failed", "it cannot be read", step)


def _library() -> Check:
    from keys import selftest

    selftest.run()
    return Check("library", "ok", "signatures, KEM and envelope do what their vectors say")


def _state_folder(settings: "Settings") -> Check:
    folder = settings.node.state
    if not folder.is_dir():
        return Check("state folder", "failed", f"{folder} is not there", "carepact serve makes a new node")
    if folder.stat().st_mode & 0o077:
        return Check("state folder", "failed", "others can look into it", f"chmod 700 {folder}")
    return Check("state folder", "ok", str(folder))


def _disk(settings: "Settings") -> Check:
    import shutil

    if not settings.node.state.is_dir():
        return Check("disk", "skipped", "there is no state folder yet")
    free = shutil.disk_usage(settings.node.state).free
    said = f"{free >> 30} GiB free"
    return (
        Check("disk", "warning", said, "free some space") if free < LEAST_DISK else Check("disk", "ok", said)
    )


def _keys_and_members(settings: "Settings") -> Iterator[Check]:
    from gateway.bootstrap import system_clock
    from gateway.cli.member_checks import check_of_members, repair_of_members

    keys: tuple[PublicKey, ...] = ()
    now = system_clock()

    def stored() -> Check:
        nonlocal keys
        if not place.is_dir():
            return Check("keys", "failed", f"there are no keys yet in {place}", "carepact serve makes them")
        keys = _stored_keys(settings)
        return _turning(settings) or _live_keys(keys, int(now.timestamp()))

    place = settings.node.state / "keys"
    yield _guarded("keys", f"restore {place} and its KEK from a backup", stored)
    yield _guarded("members", repair_of_members(settings), lambda: check_of_members(settings, keys, now))
    named = settings.directory.register_file
    yield _guarded("register", f"repair {named} (directory.register)", lambda: _register(settings))


def _stored_keys(settings: "Settings") -> "tuple[PublicKey, ...]":
    """Opens every key once, as a start does. `KeyFault`."""
    import os

    from gateway.bootstrap import open_kek
    from keys.store.file import FileKeyStore
    from keys.store.provider import signer_from

    wrapper, provider = open_kek(settings, os.urandom), signer_from(settings.keys.signer)
    return FileKeyStore(settings.node.state / "keys", wrapper, os.urandom, provider).public()


def _turning(settings: "Settings") -> Check | None:
    """Whether the KEK is being replaced."""
    from keys.store.turning import read_turn, turn_path

    turn = read_turn(turn_path(settings.node.state))
    if turn is None or (turn.done and turn.new == settings.kek):
        return None
    if turn.done:
        return Check("keys", "warning", "the KEK was replaced", f'[keys] kek = "{turn.new}", and restart')
    return Check(
        "keys", "warning", "the KEK is half replaced", f"carepact keys rewrap --kek {turn.new} --reason …"
    )


def _live_keys(keys: "tuple[PublicKey, ...]", at: int) -> Check:
    from keys.errors import UnknownKey
    from keys.lifecycle import newest

    needed = (("sig", "Ed25519"), ("sig", "ML-DSA-65"), ("log", "Ed25519"))
    ends = []
    for use, alg in needed:
        try:
            ends.append((newest(keys, use, alg, at).exp, use))
        except UnknownKey:
            step = f"carepact keys create --use {use} --reason …"
            return Check("keys", "failed", f"no live {use} key ({alg})", step)
    end, use = min(ends)
    days = (end - at) // 86_400
    if end - at < SOON:
        step = f"carepact keys create --use {use} --reason …"
        return Check("keys", "warning", f"the newest {use} key ends in {days} days", step)
    return Check(
        "keys", "ok", f"{len(keys)} keys open; of those that sign the {use} key ends first, in {days} days"
    )


def _register(settings: "Settings") -> Check:
    from gateway.directory.register import register_from_file

    register = register_from_file(settings.directory.register_file)
    if settings.directory.register_file is None:
        return Check("register", "ok", "none: nobody is under another organisation")
    return Check("register", "ok", f"{len(register.practitioners)} practitioners")


def _database(settings: "Settings") -> Check:
    from gateway.cli.db import schema_without_making

    found = schema_without_making(settings)
    if found.ready:
        return Check("database", "ok", f"at {found.head}")
    if not found.known:
        return Check("database", "failed", "it was made by a newer version", "run that version")
    return Check("database", "failed", f"at {found.current}, needs {found.head}", "carepact db upgrade")


async def _opened(settings: "Settings") -> tuple[Check, ...]:
    from gateway.bootstrap import open_node
    from gateway.cli.live_checks import live_checks

    try:
        async with open_node(settings) as node:
            return await live_checks(node)
    except RefusedToStart as refused:
        return (Check("opening", "failed", str(refused), "see above"),)
