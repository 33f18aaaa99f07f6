"""DIR-05: mirrors that lie, swell, drip or never end; the newest list that verifies wins."""

import asyncio
import time

import pytest

from adapters.addresses import Reach
from gateway.directory.folder import write_files
from gateway.directory.refresh import Mirror, read_first_root, refresh
from keys.federation.advance import begin
from keys.federation.author import member_files

NOW = 1_900_000_000
A, B = "a.example", "b.example"


async def _serving(files, act, *, spoil=None):
    """Serve files over HTTP while `act(url)` runs. `spoil(path, data, writer)` answers in our place."""
    asked = []

    async def answer(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].decode().removeprefix("/directory/")
                asked.append(path)
                data = files.get(path)
                if spoil is not None and await spoil(path, data, writer):
                    return
                status, body = (b"200 OK", data) if data is not None else (b"404 No", b"")
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        return await act(f"http://127.0.0.1:{port}/directory"), asked


def served(federation, *, spoil=None, state=None, deadline=30.0, beside=()):
    start = state or begin(federation.first, federation.pin)

    async def act(url):
        return await refresh(start, (Mirror(url), *beside), federation.now, deadline=deadline)

    return asyncio.run(_serving(federation.files, act, spoil=spoil))


def test_a_list_comes_over_http_and_only_news_is_asked_for(federation):
    """The whole list at first; afterwards the next root and the timestamp alone."""
    federation.admit(A)
    (found, tried), _ = served(federation)
    assert set(found.trust.members) == {A} and [one.ended for one in tried] == ["newest"]
    (again, _), asked = served(federation, state=found.state)
    assert asked == ["metadata/2.root.json", "metadata/timestamp.json"]
    assert again.trust.version == found.trust.version


async def _swell(path, data, writer):
    if path != "metadata/timestamp.json":
        return False
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b" " * 4096)
    await writer.drain()
    return True


async def _endless(path, data, writer):
    if path != "metadata/timestamp.json":
        return False
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100_000):
        writer.write(b"400\r\n" + b" " * 1024 + b"\r\n")
        await writer.drain()
    return True


async def _drip(path, data, writer):
    if path != "metadata/timestamp.json":
        return False
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    for _ in range(400):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)
    return True


async def _redirect(path, data, writer):
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    return True


@pytest.mark.parametrize("spoil", [_swell, _endless, _drip, _redirect])
def test_a_bad_server_ends_within_limits_and_the_next_mirror_wins(federation, tmp_path, spoil):
    """Oversized, endless, slow, redirecting: ended by size or share of the time, and a folder still answers."""
    federation.admit(A)
    write_files(tmp_path, federation.files)
    before = time.monotonic()
    (found, tried), _ = served(federation, spoil=spoil, deadline=3.0, beside=(Mirror(str(tmp_path)),))
    assert time.monotonic() - before < 25, "it waited for more than its deadline of three seconds"
    assert [one.ended for one in tried] == ["not reached", "newest"] and set(found.trust.members) == {A}


def test_sixty_four_roots_are_the_most_of_one_refresh(federation):
    """A server that has a next root for ever: refused after 64 of them."""
    from keys.errors import TrustRefused
    from keys.federation.author import new_root, sign_root
    from keys.federation.metadata import bytes_from_metadata
    from keys.federation.repository import advance_by

    asked = []

    def endless(wanted):
        version = int(wanted.path.split("/")[1].split(".")[0])
        asked.append(version)
        root = new_root(federation.keyring(), version, federation.now)
        for held in federation.root_stores[:2]:
            sign_root(root, federation.pair(held))
        return bytes_from_metadata(root)

    with pytest.raises(TrustRefused, match="limit root"):
        advance_by(endless, begin(federation.first, federation.pin), federation.now)
    assert asked == list(range(2, 66))


def test_the_newest_that_verifies_wins_wherever_it_stands(federation, tmp_path):
    """Of three folders the last has the newest list; an older one and a forged one do not matter."""
    federation.admit(A)
    old = dict(federation.files)
    federation.now += 60
    federation.admit(B)
    forged = {**federation.files, "metadata/timestamp.json": old["metadata/timestamp.json"] + b" "}
    for name, files in (
        ("old", old),
        ("forged", {**forged, "metadata/3.snapshot.json": b"{}"}),
        ("new", federation.files),
    ):
        write_files(tmp_path / name, files)
    mirrors = [Mirror(str(tmp_path / name)) for name in ("old", "forged", "new")]
    found, tried = asyncio.run(refresh(begin(federation.first, federation.pin), mirrors, federation.now))
    assert set(found.trust.members) == {A, B} and tried[2].ended == "newest"


def test_garbage_for_one_member_is_asked_for_again_elsewhere(federation, tmp_path):
    """A mirror that spoils one member's file harms nobody for longer than until another mirror is asked."""
    federation.admit(A)
    federation.admit(B)
    spoiled = {**federation.files, f"metadata/1.{A}.json": b'{"signatures":[],"signed":{}}'}
    write_files(tmp_path / "bad", spoiled)
    write_files(tmp_path / "good", federation.files)
    bad, good = Mirror(str(tmp_path / "bad")), Mirror(str(tmp_path / "good"))
    start = begin(federation.first, federation.pin)
    alone, _ = asyncio.run(refresh(start, (bad,), federation.now))
    assert set(alone.trust.members) == {B} and f"metadata/1.{A}.json" not in alone.state.files
    later, _ = asyncio.run(refresh(alone.state, (good,), federation.now))
    assert set(later.trust.members) == {A, B}
    both, _ = asyncio.run(refresh(start, (bad, good), federation.now))
    assert set(both.trust.members) == {A, B}


def test_what_a_member_signed_and_breaks_a_rule_is_not_fetched_twice(federation):
    """Its own record is bad: the member is disabled, and its files are kept as they verified."""
    federation.admit(B)
    record = federation.record(B)
    federation.stores[A] = federation.stores[B]
    own = member_files(A, record, 1, federation.now, federation.pair(federation.stores[A]))
    federation.admit(A, own=own, admitted=federation.now + 1)
    got = federation.refresh(begin(federation.first, federation.pin))
    assert dict(got.trust.disabled) == {A: "a record of another member"}
    assert f"metadata/1.{A}.json" in got.state.files


def test_a_member_names_an_address_that_is_not_dialled(federation):
    """The policy of members' endpoints holds for mirrors: loopback is not reached unless it is allowed."""
    federation.admit(A)

    async def act(url):
        mirrors = (Mirror(url, Reach()), Mirror("ftp://x/"), Mirror("http://[bad"))
        return await refresh(begin(federation.first, federation.pin), mirrors, federation.now)

    (found, tried), asked = asyncio.run(_serving(federation.files, act))
    assert found is None and not asked and tried[0].ended == "not reached"
    assert asyncio.run(read_first_root("http://127.0.0.1:1/none", deadline=2)) is None
