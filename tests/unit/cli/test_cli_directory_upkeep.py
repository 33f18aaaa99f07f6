"""A serving node signs anew what ends, without anybody's hand, and looks for news once and no oftener."""

import asyncio
import os
import time
from datetime import timedelta

import httpx
import pytest

from gateway.bootstrap import system_clock
from gateway.directory.lookout import Lookout
from gateway.directory.renewal import renew_keys, stamp
from keys.errors import UnknownKey
from keys.lifecycle import DAY
from keys.store.memory import MemoryKeyStore

HOUR = 3600


def ahead(hours):
    return lambda: system_clock() + timedelta(hours=hours)


@pytest.fixture
def online(north, south, serve, join):
    """Both serve; `south` joined from `north`'s URL and has no folder of it."""
    url = serve(north)
    join(south, north, f"{url}/directory")
    return north, south, f"{url}/directory"


def _eventually(look, seconds=20):
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def _stamp(url):
    return httpx.get(f"{url}/metadata/timestamp.json").json()["signed"]["version"]


def test_a_publisher_that_was_away_signs_its_list_anew_at_the_start(online, serve):
    """After twenty-five hours the list has expired; the publisher starts, stamps, and is ready with a fresh one."""
    north, _, url = online
    before = _stamp(url)
    serve.end(north)
    serve(north, ahead(25))
    assert _stamp(url) >= before + 25 * HOUR
    status = north("directory", "status", "--json").json
    assert status["version"] >= before + 25 * HOUR


def test_a_member_signs_its_role_daily_and_has_kem_keys_three_days_ahead(online, serve):
    """A day later a member that serves has published a newer role, with KEM keys for the next three days."""
    north, south, url = online
    serve.end(north)
    serve(north, ahead(26))
    serve(south, ahead(26))
    found = _eventually(lambda: httpx.get(f"{url}/metadata/2.south.example.json").status_code == 200)
    assert found
    now = int(ahead(26)().timestamp())

    async def epochs(node):
        await node.membership.refresh(now)
        member = node.node.directory().trust.member("south.example")
        return sorted((key.nbf, key.exp) for key in member.keys if key.use == "enc"), member.until

    ends, until = south.inside(epochs)
    assert ends[0][0] <= now < ends[0][1] and ends[-1][1] >= now + 2 * DAY
    assert all(after[0] <= before[1] for before, after in zip(ends, ends[1:], strict=False))
    assert until > now + 6 * DAY
    for node in (north, south):
        assert node("audit", "verify").code == 0


def test_keys_are_made_once_and_a_new_signing_key_is_not_used_before_it_is_known():
    """Thirty days before its end a key gets a successor that begins in two days; nothing is made twice."""
    store, now = MemoryKeyStore(os.urandom), 1_900_000_000
    first = renew_keys(store, now)
    assert {key.use for key in store.public()} >= {"sig", "log", "enc"} and renew_keys(store, now) == ()
    assert all(key.nbf <= now for key in store.public() if key.use != "enc")
    later = now + 340 * DAY
    made = set(renew_keys(store, later)) - set(first)
    found = [key for key in store.public() if key.kid in made]
    assert {key.nbf for key in found if key.use != "enc"} == {later + 2 * DAY}
    assert min(key.nbf for key in found if key.use == "enc") == later
    renew_keys(store, later + 12 * DAY)
    assert renew_keys(store, later + 12 * DAY) == ()
    with pytest.raises(UnknownKey):
        store.open(min((key for key in found if key.use == "enc"), key=lambda key: key.nbf).kid, b"", b"")


def test_DIR_05_an_unknown_key_is_looked_for_once_a_minute_for_each_member():
    """A flood by one member, by strangers, at once and in a row: one look a minute each, shared while it runs."""
    looks = []

    async def refresh(now):
        looks.append(now)
        await asyncio.sleep(0.01)
        return len(looks) == 1

    async def flood():
        lookout = Lookout(refresh, {"a.example", "b.example"}.__contains__)
        first = await asyncio.gather(*(lookout.unknown_key("a.example", 100) for _ in range(50)))
        assert all(first) and looks == [100]
        assert not any([await lookout.unknown_key("a.example", 100 + n) for n in range(60)])
        assert looks == [100]
        for n in range(50):
            await lookout.unknown_key(f"stranger-{n}.example", 120)
        assert looks == [100, 120]
        await lookout.unknown_key("b.example", 121)
        await lookout.unknown_key("a.example", 160)
        assert looks == [100, 120, 121, 160]

    asyncio.run(flood())


def test_what_was_revoked_stays_revoked_after_a_long_sleep(joined):
    """A member whose role expired nine days ago publishes again: its old revocations are in the new record."""
    north, south = joined
    kid = next(row["kid"] for row in south("keys", "list", "--json").rows if row["use"] == "log")
    update = south.folder / "update.json"
    why = ("--reason", "lost")
    assert south("directory", "revoke", kid, "--because", "lost", "--out", str(update), *why).code == 0
    assert north("directory", "take", str(update), *why).code == 0
    assert south("directory", "refresh").code == 0
    later = int(ahead(9 * 24)().timestamp())

    async def stamped(node):
        return await stamp(node.membership, later)

    async def slept(node):
        await node.membership.refresh(later)
        held = node.membership.held()
        return held.trust.member("south.example"), node.membership.record(held, later).revoked

    assert north.inside(stamped) is True
    believed, revoked = south.inside(slept)
    assert believed is None and kid in revoked


def test_a_suspended_member_publishes_nothing_that_lacks_its_past(joined):
    """Its record is not served while it is suspended: it publishes nothing then, and goes on once restored."""
    north, south = joined
    why = ("--reason", "asked to")
    update = south.folder / "update.json"
    assert north("directory", "suspend", "south.example", *why).code == 0
    assert south("directory", "refresh").code == 0
    said = south("directory", "publish", "--out", str(update), *why)
    assert said.code == 5 and "suspended" in said.err and not update.exists()
    assert north("directory", "restore", "south.example", *why).code == 0
    assert south("directory", "refresh").code == 0
    assert south("directory", "publish", "--out", str(update), *why).code == 0
    assert north("directory", "take", str(update), *why).code == 0
