"""A federation from the command line: founded, joined, admitted, refreshed, and what is refused on the way."""

import json

import pytest

WHY = ("--reason", "met on 12 May")


def test_two_nodes_know_each_other(north, south, configured, pin_of):
    """init, join, admit, two refreshes: both believe both, under the same root, and the ledger has it all."""
    about = north("directory", "status", "--json").json
    assert about["root"] == "version 1, 2 of 3 holders" and about["members"] == ["north.example"]
    pin = pin_of(north)
    mirror = str(north.folder / "state" / "federation" / "repository")
    file = south.folder / "join.json"
    joined = south("directory", "join", mirror, "--root-sha256", pin, "--out", str(file), *WHY, "--json")
    assert joined.code == 0, joined.err
    configured(south, joined.json)
    admitted = north("directory", "admit", str(file), "--kind", "hospital", "--name", "Süd", *WHY,
                     "--identifier", "https://example.org/org|S1", "--fingerprint", joined.json["fingerprint"])  # fmt: skip
    assert admitted.code == 0, admitted.err
    assert south("directory", "refresh").code == 0
    for node in (north, south):
        assert node("directory", "status", "--json").json["members"] == ["north.example", "south.example"]
        assert "south.example" in node("directory", "list").out
        assert node("audit", "verify").code == 0
    kinds = {row["id"] for row in south("directory", "list", "--json").rows}
    assert kinds == {"north.example", "south.example"}


def test_a_member_changes_its_own_record_and_nobody_elses(joined):
    """A new key, published by hand: the operator takes it, an older or altered update is refused."""
    north, south = joined
    update = south.folder / "update.json"
    assert south("directory", "publish", "--out", str(update), *WHY).code == 0
    first = update.read_bytes()
    assert north("directory", "take", str(update), *WHY).code == 0
    again = north("directory", "take", str(update), *WHY)
    assert again.code == 5 and "newer" in again.err
    assert south("directory", "refresh").code == 0
    assert south("directory", "publish", "--out", str(update), *WHY).code == 0
    assert update.read_bytes() != first
    altered = json.loads(update.read_text())
    path = next(path for path in altered["files"] if path.startswith("targets/"))
    altered["files"][path] = altered["files"][path][:-2] + "AA"
    update.write_text(json.dumps(altered))
    assert north("directory", "take", str(update), *WHY).code in (2, 5)
    as_north = json.loads(first) | {"id": "north.example"}
    update.write_text(json.dumps(as_north))
    assert north("directory", "take", str(update), *WHY).code in (2, 5)


def test_a_revoked_key_is_believed_by_nobody_any_more(joined):
    """DIR-07: after `revoke` and a refresh no key of that id verifies, whatever the date of what it signed."""
    north, south = joined
    kid = next(row["kid"] for row in south("keys", "list", "--json").rows if row["use"] == "sig")
    update = south.folder / "revoke.json"
    assert south("directory", "revoke", "x" * 43, "--because", "compromised", *WHY).code == 4
    assert south("directory", "revoke", kid, "--because", "compromised", "--out", str(update), *WHY).code == 0
    assert north("directory", "take", str(update), *WHY).code == 0

    async def key_of(node):
        trust = node.node.directory().trust
        member = trust.member("south.example")
        key = next(key for key in member.keys if key.kid == kid)
        return trust.key("south.example", key.alg, kid, at=key.nbf + 100), trust.owner(kid)

    assert north.inside(key_of) == (None, "south.example")


def test_suspended_restored_removed(joined):
    """The operator's word reaches the others at their next refresh; nobody suspends the operator's own node."""
    north, south = joined
    for verb, members in (("suspend", 1), ("restore", 2), ("remove", 1)):
        assert north("directory", verb, "south.example", *WHY).code == 0, verb
        assert south("directory", "refresh").code == 0
        assert len(south("directory", "status", "--json").json["members"]) == members
    assert north("directory", "suspend", "north.example", *WHY).code == 2
    assert north("directory", "suspend", "west.example", *WHY).code == 4


def test_what_is_not_pinned_or_not_told_is_refused(north, south, pin_of):
    """Another fingerprint, another file, another federation: exit codes, and nobody is admitted."""
    mirror = str(north.folder / "state" / "federation" / "repository")
    wrong = south("directory", "join", mirror, "--root-sha256", "0" * 64, *WHY)
    assert wrong.code == 5 and "root" in wrong.err
    nowhere = south("directory", "join", str(south.folder / "none"), "--root-sha256", pin_of(north), *WHY)
    assert nowhere.code == 8
    file = south.folder / "join.json"
    assert (
        south("directory", "join", mirror, "--root-sha256", pin_of(north), "--out", str(file), *WHY).code == 0
    )
    told = ("--kind", "gp", "--name", "S", *WHY)
    assert north("directory", "admit", str(file), *told, "--fingerprint", "0" * 64).code == 5
    held = json.loads(file.read_text())
    import hashlib

    for change in (
        {"root": "0" * 64},
        {"federation": "other"},
        {"statement": held["statement"][:-8] + "AAAAAAAA"},
    ):
        data = json.dumps(held | change).encode()
        file.write_bytes(data)
        said = north(
            "directory", "admit", str(file), *told, "--fingerprint", hashlib.sha256(data).hexdigest()
        )
        assert said.code == 2, said.err
    assert north("directory", "status", "--json").json["members"] == ["north.example"]
    assert south("directory", "publish", *WHY).code == 8
    assert south("directory", "admit", str(file), *told, "--fingerprint", "0" * 64).code == 5


def test_a_folder_is_verified_and_mirrored_without_a_node(joined, tmp_path, carepact, pin_of):
    """`mirror` writes what `verify` accepts and another node refreshes from; one changed byte is exit 6."""
    north, south = joined
    folder = tmp_path / "stick"
    assert north("directory", "mirror", str(folder)).code == 0
    pin = pin_of(north)
    good = carepact("directory", "verify", str(folder), "--root-sha256", pin, "--json")
    assert good.code == 0 and good.json["members"] == ["north.example", "south.example"]
    unpinned = carepact("directory", "verify", str(folder))
    assert unpinned.code == 0 and "UNPINNED" in unpinned.err
    assert south("directory", "refresh", "--from", str(folder)).code == 0
    late = carepact("directory", "verify", str(folder), "--root-sha256", pin, "--now", "2000000000")
    assert late.code == 6 and "expired" in late.err
    stamp = folder / "metadata" / "timestamp.json"
    stamp.write_bytes(stamp.read_bytes().replace(b'"version":', b'"version":1'))
    bad = carepact("directory", "verify", str(folder), "--root-sha256", pin)
    assert bad.code == 6 and "signature" in bad.err
    assert south("directory", "refresh", "--from", str(folder)).code == 8
    assert len(south("directory", "status", "--json").json["members"]) == 2


def test_a_federation_is_not_changed_like_an_own_file(joined):
    """`add` is for a node's own file: in a federation nobody admits a member alone."""
    north, _ = joined
    record = north.folder / "record.json"
    assert north("keys", "member", "--out", str(record)).code == 0
    said = north("directory", "add", str(record), *WHY)
    assert said.code == 5 and "admit" in said.err


def test_keys_are_renewed_in_a_federation_and_a_half_revoked_pair_shows(joined):
    """New keys are made and published by an act of their own; of a pair with one key revoked nothing is believed."""
    north, south = joined
    made = south("keys", "create", "--use", "sig", *WHY)
    assert made.code == 0 and "directory publish" in made.out
    update = south.folder / "update.json"
    assert south("directory", "publish", "--out", str(update), *WHY).code == 0
    stale = south.folder / "stale.json"
    assert south("directory", "publish", "--out", str(stale), *WHY).code == 0
    assert north("directory", "take", str(update), *WHY).code == 0
    refused = north("directory", "take", str(stale), *WHY)
    assert refused.code == 5 and "refresh" in refused.err
    assert south("directory", "refresh").code == 0
    kids = [
        row["kid"]
        for row in south("keys", "list", "--json").rows
        if (row["use"], row["alg"]) == ("sig", "Ed25519")
    ]
    for kid in kids:
        assert south("directory", "revoke", kid, "--because", "lost", "--out", str(update), *WHY).code == 0
        assert north("directory", "take", str(update), *WHY).code == 0
        assert south("directory", "refresh").code == 0
    row = next(row for row in north("directory", "list", "--json").rows if row["id"] == "south.example")
    assert not [text for text in row["keys"] if text.startswith("sig")]


@pytest.mark.parametrize("kid", ["-h" + "x" * 41, "--" + "h" * 41, "-F" + "h" * 41])
def test_a_key_id_that_looks_like_an_option_is_none(joined, kid):
    """One key id in 64 begins with a dash: it is looked for like any other, and no help is shown instead."""
    _, south = joined
    said = south("directory", "revoke", kid, "--because", "lost", *WHY)
    assert said.code == 4 and "keys list" in said.err and not said.out


def _members_check(home):
    rows = {row["check"]: row for row in home("doctor", "--json").rows}
    return rows["members"]


def test_the_doctor_of_a_federation_names_who_can_help(north, south, configured, pin_of):
    """A list of some hours is no defect when it is new; who is not admitted yet is led to the publisher."""
    assert _members_check(north)["state"] == "ok"
    mirror = str(north.folder / "state" / "federation" / "repository")
    said = south("directory", "join", mirror, "--root-sha256", pin_of(north), "--out",
                 str(south.folder / "join.json"), *WHY, "--json")  # fmt: skip
    configured(south, said.json)
    found = _members_check(south)
    assert found["state"] == "failed"
    assert "carepact directory admit" in found["next"] and "directory add" not in found["next"]
