"""DIR-02, DIR-06, DIR-07: the root rotates by its holders, a second publisher keeps the list alive, and old keys fall."""

import json
import shutil

import pytest

WHY = ("--reason", "as decided on 12 May")
HOUR = 3600


@pytest.fixture
def rotate(north, tmp_path):
    """`rotate(signing, *options)`: start, sign by these holders' folders, finish; how `finish` ended."""
    stick = tmp_path / "holders"
    desk = north.folder / "state" / "federation"

    def act(signing, *options):
        started = north("directory", "rotate-root", "start", *options, *WHY, "--json")
        assert started.code == 0, started.err
        file = started.json["file"]
        for name in signing:
            if not (stick / name).exists():
                stick.mkdir(exist_ok=True)
                shutil.move(desk / "holders" / name, stick / name)  # taken offline
            said = north.carepact(
                "directory", "rotate-root", "sign", file, "--holder", str(stick / name), "--json"
            )
            assert said.code == 0, said.err
        return file, north("directory", "rotate-root", "finish", file, *WHY)

    return act


def test_DIR_02_two_of_three_rotate_and_a_node_that_slept_walks_on(joined, neighbour, join, rotate):
    """One holder replaced, then publisher and operator: whoever slept since version 1 accepts version 3."""
    north, south = joined
    west = neighbour("west")
    join(west, north)
    file, refused = rotate(["1"], "--replace", "3")
    assert refused.code == 5 and "signatures" in refused.err
    assert north("directory", "status", "--json").json["root"].startswith("version 1")
    again = north("directory", "rotate-root", "start", *WHY)
    assert again.code == 5 and "already" in again.err
    holder = str(north.folder.parent / "holders" / "2")
    shutil.move(north.folder / "state" / "federation" / "holders" / "2", holder)
    assert north.carepact("directory", "rotate-root", "sign", file, "--holder", holder).code == 0
    assert north("directory", "rotate-root", "finish", file, *WHY).code == 0
    assert north("directory", "rotate-root", "finish", file, *WHY).code == 0, (
        "finishing twice changes nothing"
    )
    assert south("directory", "refresh").code == 0
    assert south("directory", "status", "--json").json["root"] == "version 2, 2 of 3 holders"
    _, done = rotate(["1", "3.r2"], "--replace", "publisher", "--replace", "operator")
    assert done.code == 0, done.err
    for node in (north, south, west):
        assert node("directory", "refresh").code == 0
        about = node("directory", "status", "--json").json
        assert about["root"].startswith("version 3")
        assert about["members"] == ["north.example", "south.example", "west.example"]
    update = south.folder / "update.json"
    assert south("directory", "publish", "--out", str(update), *WHY).code == 0
    assert north("directory", "take", str(update), *WHY).code == 0
    assert north("audit", "verify").code == 0


def test_the_holder_that_was_replaced_changes_nothing_any_more(joined, rotate):
    """After its replacement the third holder's signatures do not count: two others must sign."""
    _, refused = rotate(["3"], "--replace", "3")
    assert refused.code == 5


def test_what_cannot_be_rotated_is_refused(joined):
    """An unknown holder, a publisher that is no member, a file that is no draft, a folder without keys."""
    north, south = joined
    for options in (("--replace", "4"), ("--replace", "snapshot"), ("--publisher", "nobody.example")):
        assert north("directory", "rotate-root", "start", *options, *WHY).code == 5
    assert not list((north.folder / "state" / "federation").glob("root-*.json"))
    file = north.folder / "no.json"
    file.write_text(json.dumps({"signed": {}}))
    assert north("directory", "rotate-root", "finish", str(file), *WHY).code == 5
    assert (
        north.carepact("directory", "rotate-root", "sign", str(file), "--holder", str(north.folder)).code == 5
    )
    assert south("directory", "rotate-root", "start", *WHY).code == 5


def test_DIR_06_a_second_publisher_keeps_the_list_alive(joined, neighbour, join, rotate, tmp_path):
    """The publisher is gone: traffic goes on until expiry, and beyond it on the other's timestamp from a folder."""
    from gateway.directory.renewal import stamp

    north, south = joined
    west = neighbour("west")
    join(west, north)
    _, done = rotate(["1", "2"], "--publisher", "south.example")
    assert done.code == 0, done.err
    for node in (south, west):
        assert node("directory", "refresh").code == 0

    async def trust_of(node):
        return node.node.directory().trust

    before = west.inside(trust_of)
    before.require_fresh(before.expires - 1)
    later = before.expires - HOUR

    async def stamped(node):
        return await stamp(node.membership, later)

    assert west.inside(stamped) is False, "a member that no root names signs nothing"
    assert south.inside(stamped) is True and south.inside(stamped) is False
    stick = tmp_path / "stick"
    assert south("directory", "mirror", str(stick)).code == 0

    async def carried(node):
        await node.membership.refresh(later, (str(stick),))
        return node.node.directory().trust

    after = west.inside(carried)
    after.require_fresh(before.expires + 22 * HOUR)
    assert set(after.members) == {"north.example", "south.example", "west.example"}
