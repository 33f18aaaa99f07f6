"""DIR-04, DIR-07: what an expired list lets through and what not; what a stolen key has signed."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from adapters.interface import Identifier
from gateway.audit.disclosures import details_of_kind
from gateway.authn import scopes
from gateway.authn.caller import Caller
from gateway.bootstrap import open_node, system_clock
from gateway.config import load
from gateway.errors import Problem
from gateway.exchange.cycle import exchange
from gateway.exchange.request import Ask
from gateway.exchange.types import CLINICAL

WHY = ("--reason", "met on 12 May")


def asked(home, node, purpose, id):
    system, _, value = home.grace.partition("|")
    caller = Caller(
        "ward", home.me, purpose, scopes.parse_all("system/*.rs"), f"{home.me}|dr-1", roles=("doctor",)
    )
    return Ask(
        exchange=id, caller=caller, subject=Identifier(system, value), types=CLINICAL, shape="everything",
        at=node.clock(), deadline=5.0, self_url="https://north.example/fhir",
    )  # fmt: skip


def at_hour(home, hours, work):
    """Run `work(node)` on the node as if so many hours had gone."""

    async def opened():
        clock = lambda: system_clock() + timedelta(hours=hours)  # noqa: E731
        async with open_node(load(home.config), clock=clock) as node:
            return await work(node)

    return asyncio.run(opened())


@pytest.fixture
def graceful(home, configured):
    """A federation whose rules let emergencies pass for two hours after the list's end."""
    said = home(
        "directory",
        "init",
        "test.federation",
        "--name",
        "North",
        "--kind",
        "gp",
        "--grace",
        "2",
        *WHY,
        "--json",
    )
    assert said.code == 0, said.err
    configured(home, said.json)
    return home


@pytest.mark.parametrize(
    ("hours", "purpose", "passes"),
    [
        (23, "TREAT", True),
        (25, "TREAT", False),
        (25, "ETREAT", True),
        (25, "BTG", True),
        (27, "ETREAT", False),
    ],
)
def test_DIR_04_grace_is_for_emergencies_alone_and_on_record(graceful, hours, purpose, passes):
    """Before the end all pass; in the two hours after it emergencies, marked `stale`; then nobody."""

    async def work(node):
        try:
            await exchange(node.node, asked(graceful, node, purpose, "x1"))
            ended = "answered"
        except Problem as problem:
            ended = problem.category.name

        def read(connection):
            return details_of_kind(connection, "deliver", node.node.room(connection).vault, until=2**40)

        return ended, list(await node.database.read(read))

    ended, details = at_hour(graceful, hours, work)
    assert (ended != "unavailable") is passes
    # An emergency that nobody declared is turned away by the cycle itself, before anything is on record.
    assert len(details) == (passes and purpose != "BTG")
    assert all(dict(one).get("stale", False) is (hours > 24) for one in details)


def test_DIR_04_a_clock_behind_the_list_stops_everything(graceful):
    """Ten minutes before the newest signature: nothing passes, of no purpose, and `status` says why."""

    async def work(node):
        trust = node.node.directory().trust
        with pytest.raises(Problem) as caught:
            await exchange(node.node, asked(graceful, node, "BTG", "x1"))
        return caught.value.category.name, trust.signed

    ended, _ = at_hour(graceful, -1 / 6, work)
    assert ended == "unavailable"


def test_a_list_says_what_will_end(graceful):
    """One holder alone, half of the life gone, a root and a role near their end: each has its line."""
    from gateway.directory.warnings import warnings_of

    async def work(node):
        held = node.membership.held()
        signed, day = held.trust.signed, 86_400
        return [
            list(warnings_of(held, signed + seconds)) for seconds in (0, 13 * 3600, 46 * day, 306 * day, -600)
        ]

    fresh, half, targets, root, behind = at_hour(graceful, 0, work)
    assert [line.split(":")[0] for line in fresh] == ["solo root", "grace"]
    assert any("half" in line for line in half) and not any("half" in line for line in fresh)
    assert any("operator's role" in line for line in targets) and not any("operator" in line for line in half)
    assert any("root ends" in line for line in root) and any("clock" in line for line in behind)
    said = graceful("directory", "status")
    assert said.code == 0 and "solo root" in said.err


def test_DIR_07_revoking_lists_what_the_key_signed(graceful):
    """After `revoke` the exchanges of that key since then are named, those of another key are not."""
    at_hour(graceful, 0, lambda node: _once(graceful, node, "x1"))
    kids = {row["kid"]: row for row in graceful("keys", "list", "--json").rows if row["use"] == "sig"}
    first = next(iter(kids))
    log = next(row["kid"] for row in graceful("keys", "list", "--json").rows if row["use"] == "log")
    said = graceful("directory", "revoke", log, "--because", "superseded", "--since", "1h", *WHY, "--json")
    assert said.code == 0 and [row.get("exchange") for row in said.rows] == [None]
    said = graceful("directory", "revoke", first, "--because", "compromised", "--since", "1h", *WHY, "--json")
    assert said.code == 0, said.err
    assert [row.get("exchange") for row in said.rows] == ["x1", None]

    async def revoked(node):
        return dict(node.node.directory().trust.member("north.example").revoked)

    since = graceful.inside(revoked)[first]
    assert abs(since - (system_clock().timestamp() - 3600)) < 120


async def _once(home, node, id):
    with suppress(Problem):
        await exchange(node.node, asked(home, node, "TREAT", id))
