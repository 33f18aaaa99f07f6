"""The member list over HTTP: any node serves what it verified, a publisher takes a member's word of itself."""

import hashlib
import json
import re
from datetime import timedelta

import httpx
import pytest

from gateway.bootstrap import system_clock

WHY = ("--reason", "met on 12 May")


@pytest.fixture
def online(north, south, serve, join):
    """`north` serves `/directory`; `south` joined from that URL and has no folder of it."""
    url = serve(north)
    join(south, north, f"{url}/directory")
    return north, south, f"{url}/directory"


def test_join_admit_publish_and_refresh_over_http(online):
    """A member joins from a URL, publishes itself by PUT, and sees it; nobody carried a file but the join file."""
    north, south, url = online
    assert south("directory", "status", "--json").json["members"] == ["north.example", "south.example"]
    before = httpx.get(f"{url}/metadata/timestamp.json").json()["signed"]["meta"]
    said = south("directory", "publish", *WHY, "--json")
    assert (said.code, said.json) == (0, {"done": "published"}), said.err
    after = httpx.get(f"{url}/metadata/timestamp.json").json()["signed"]["meta"]
    assert after["snapshot.json"]["version"] == before["snapshot.json"]["version"] + 1
    assert httpx.get(f"{url}/metadata/2.south.example.json").status_code == 200
    assert north("audit", "verify").code == 0

    async def endpoint(node):
        directory = node.node.directory()
        return directory.endpoint("south.example", "directory"), node.settings.node.public_url

    found, public = south.inside(endpoint)
    assert found == f"{public}/directory"


def test_what_is_served_is_cacheable_by_its_name(online):
    """Versioned and hashed names never change; the timestamp is asked for again; an absent root is not cached."""
    _, _, url = online
    root = httpx.get(f"{url}/metadata/1.root.json")
    assert "immutable" in root.headers["cache-control"]
    again = httpx.get(f"{url}/metadata/1.root.json", headers={"If-None-Match": root.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    stamp = httpx.get(f"{url}/metadata/timestamp.json")
    assert stamp.headers["cache-control"] == "public, max-age=60"
    absent = httpx.get(f"{url}/metadata/2.root.json")
    assert (absent.status_code, absent.headers["cache-control"]) == (404, "no-store")
    for path in ("metadata/..%2f..%2fkek", "targets/../../kek", "metadata/", "root.json", ".lock"):
        assert httpx.get(f"{url}/{path}").status_code == 404


def test_any_member_mirrors_what_it_verified(online, serve, neighbour, join):
    """A third node joins from a member that is no publisher: the list verifies as if from the first."""
    north, south, _ = online
    other = serve(south)
    west = neighbour("west")
    join(west, north, f"{other}/directory")
    listed = west("directory", "status", "--json").json["members"]
    assert {"north.example", "south.example"} <= set(listed)
    assert west("directory", "publish", *WHY).code in (0, 8)


def _update(node):
    file = node.folder / "update.json"
    assert node("directory", "publish", "--out", str(file), *WHY).code == 0
    return file.read_bytes()


def _put(url, id, data, **headers):
    given = {"Content-Type": "application/json"} | headers
    return httpx.put(f"{url}/members/{id}", content=data, headers=given)


def test_a_publisher_takes_only_what_the_member_itself_signed(online):
    """204 once; the same again is `stale`; another's name, a changed byte, a foreign record are `invalid`."""
    _, south, url = online
    data = _update(south)
    held = json.loads(data)
    record = next(path for path in held["files"] if path.startswith("targets/"))
    swapped = held["files"] | {record: held["files"][record][:-8] + "AAAAAAAA"}
    for bad in (
        b"{}",
        b"not json",
        json.dumps(held | {"files": swapped}).encode(),
        json.dumps(held | {"root": "0" * 64}).encode(),
        json.dumps(held | {"federation": "other"}).encode(),
        json.dumps(held | {"files": {}}).encode(),
    ):
        refused = _put(url, "south.example", bad)
        assert refused.status_code == 400, refused.text
        assert refused.json()["issue"][0]["details"]["coding"][0]["code"] == "invalid"
    assert _put(url, "north.example", data).status_code == 400
    assert _put(url, "south.example", data, **{"Content-Type": "text/plain"}).status_code == 415
    assert _put(url, "south.example", b" " * 300_000).status_code == 413
    assert _put(url, "south.example", data).status_code == 204
    stale = _put(url, "south.example", data)
    assert stale.status_code == 412
    assert stale.json()["issue"][0]["details"]["coding"][0]["code"] == "stale"


def test_who_is_no_publisher_says_so(online, serve):
    """A member's own server takes nobody's update."""
    _, south, _ = online
    other = serve(south)
    assert _put(f"{other}/directory", "south.example", _update(south)).status_code == 405


def test_a_join_file_is_told_by_its_fingerprint(online, neighbour, pin_of):
    """The fingerprint is that of the bytes; the pin is not taken on trust from the server."""
    north, _, url = online
    west = neighbour("west")
    file = west.folder / "w.json"
    wrong = west("directory", "join", url, "--root-sha256", "0" * 64, "--out", str(file), *WHY)
    assert wrong.code == 5 and not file.exists()
    said = west("directory", "join", url, "--root-sha256", pin_of(north), "--out", str(file), *WHY, "--json")
    assert said.json["fingerprint"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_join_file_is_not_written_over_by_accident(online, neighbour, pin_of):
    """A second `join` keeps the first file unless told otherwise; `admit --yes` shows what it takes."""
    north, _, url = online
    west = neighbour("west")
    file = west.folder / "w.json"
    asked = ("directory", "join", url, "--root-sha256", pin_of(north), "--out", str(file), *WHY)
    assert west(*asked).code == 0
    first = file.read_bytes()
    again = west(*asked)
    assert again.code == 5 and "--force" in again.err and file.read_bytes() == first
    assert west(*asked, "--force").code == 0 and file.read_bytes() != first
    said = north("directory", "admit", str(file), "--kind", "gp", "--name", "West", "--yes", *WHY)
    assert said.code == 0 and hashlib.sha256(file.read_bytes()).hexdigest() in said.err


def test_every_key_that_signs_proves_itself_in_the_join_file(online, neighbour, pin_of):
    """A statement that lacks one key's signature, or has one twice, admits nobody."""
    from keys.syntax import b64u, emit, unb64u

    north, _, url = online
    west = neighbour("west")
    file = west.folder / "w.json"
    asked = ("directory", "join", url, "--root-sha256", pin_of(north), "--out", str(file), *WHY)
    assert west(*asked).code == 0
    held = json.loads(file.read_bytes())
    statement = json.loads(unb64u(held["statement"]))
    signatures = statement["signatures"]
    record = json.loads(
        unb64u(next(text for path, text in held["files"].items() if path.startswith("targets")))
    )
    assert len(signatures) == len([key for key in record["keys"] if key["use"] != "enc"]) >= 3
    for less in (signatures[:-1], signatures[1:], [signatures[0], *signatures[:-1]]):
        text = b64u(emit(statement | {"signatures": less}))
        file.write_bytes(emit(held | {"statement": text}))
        said = north("directory", "admit", str(file), "--kind", "gp", "--name", "West", "--yes", *WHY)
        assert said.code == 2, said.err


def test_ping_tells_who_answers_from_who_it_is(online, serve, neighbour):
    """Nobody there: exit 8; the member itself: its clock and its list; somebody else at its address: exit 6."""
    north, south, _ = online
    assert south("directory", "ping", "north.example", "--json").json | {"took_ms": 0, "clock_offset": 0} == {
        "id": "north.example", "contacted": True, "verified": True, "took_ms": 0, "clock_offset": 0, "list": "same",
    }  # fmt: skip
    gone = north("directory", "ping", "south.example")
    assert gone.code == 8 and "contacted   False" in gone.out
    west = neighbour("west")
    west.config.write_text(re.sub(r"port = \d+", f"port = {_port_of(south)}", west.config.read_text()))
    serve(west)
    other = north("directory", "ping", "south.example", "--json")
    assert other.code == 6 and other.json == {"id": "south.example", "contacted": True, "verified": False}
    assert north("directory", "ping", "nobody.example").code == 4


def _port_of(node):
    return re.search(r"port = (\d+)", node.config.read_text())[1]


def test_a_clock_that_is_off_is_named_by_ping(online, serve):
    """A member whose clock is three minutes ahead is verified, and the difference is said."""
    north, south, _ = online
    serve(south, lambda: system_clock() + timedelta(minutes=3))
    said = north("directory", "ping", "south.example", "--json")
    assert said.code == 0 and 179 < said.json["clock_offset"] < 181 and "clock" in said.err


def test_pings_are_answered_so_many_a_second(online):
    """Whoever asks without end costs a bounded number of signatures a second; a nonce has one form."""
    _, _, url = online
    assert httpx.get(f"{url}/ping/{'0' * 31}").status_code == 404
    with httpx.Client() as client:
        replies = [client.get(f"{url}/ping/{n:032x}").status_code for n in range(120)]
    assert set(replies) <= {200, 429} and 200 in replies
