"""`carepact patient links` and `unmerge`: who was merged is seen, and parted exactly, on record."""

import json

import pytest

MRN = "https://st-brides.example/id/mrn"
OLD = "PID|1||4711^^^RXX||WARDLESS^Winifred||19580704|F"
NEW = "PID|1||4799^^^RXX||WARDLESS^Ann||19580704|F"
VISIT = "PV1|1|I|W1^1^2" + "|" * 16 + "V-1^^^RXX"


def message(event, *segments, at):
    head = f"MSH|^~\\&|PAS|RXX|GW|RXX|202601{at:02d}1000||ADT^{event}|{event}-{at}|P|2.5"
    return ("\r".join([head, f"EVN|{event}|202601{at:02d}1000", *segments]) + "\r").encode()


MERGE = message("A40", NEW, "MRG|4711^^^RXX", at=3)


@pytest.fixture
def merged(home):
    """A node whose hospital admitted the old number and then merged it into the new one."""
    said(home, message("A01", OLD, VISIT, at=1), MERGE)
    return home


def said(home, *bodies):
    async def act(node):
        bound = next(one for one in node.node.sources if one.source.id == "adt")
        for body in bodies:
            ack = await node.node.intake.receive_message(body, bound.source, bound.normaliser, node.clock())
            assert b"MSA|AA" in ack

    home.inside(act)


def listed(home, number):
    return {
        row["record"]: row for row in home("patient", "links", "--patient", f"{MRN}|{number}", "--json").rows
    }


def test_a_merge_is_seen_with_its_links(merged):
    """Both records are one person; the old one is inactive and says by which it is replaced."""
    rows = listed(merged, "4711")
    states = sorted((row["state"], row["links"][0].split()[0]) for row in rows.values())
    assert states == [("active", "replaces"), ("inactive", "replaced-by")]
    assert len({row["person"] for row in rows.values()}) == 1


def test_S_14_unmerge_parts_them_and_is_on_record(merged):
    """S14: both active and alone, the visit where it was; the ledger has a leaf for each, and holds."""
    records = sorted(listed(merged, "4711"))
    done = merged("patient", "unmerge", *records, "--reason", "two people", "--json")
    assert done.code == 0 and not done.json["same_person"]
    old, new = listed(merged, "4711"), listed(merged, "4799")
    assert len(old) == len(new) == 1 and not set(old) & set(new)
    assert [(row["state"], row["links"]) for row in (*old.values(), *new.values())] == [("active", [])] * 2
    for number in ("4711", "4799"):
        seen = merged("audit", "accessed", "--patient", f"{MRN}|{number}", "--json")
        assert any(json.loads(line)["reason"] == "two people" for line in seen.out.splitlines())
    assert merged("audit", "verify", "--json").json["ok"]


def test_S_14_a_late_message_does_not_join_them_again(merged):
    """The same merge sent once more with its old time changes nothing; a new merge merges again."""
    records = sorted(listed(merged, "4711"))
    merged("patient", "unmerge", *records, "--reason", "two people")
    said(merged, MERGE.replace(b"|A40-3|", b"|A40-again|"))
    assert len(listed(merged, "4711")) == 1
    said(merged, MERGE.replace(b"|A40-3|", b"|A40-new|").replace(b"202601031000", b"209901031000"))
    assert len(listed(merged, "4711")) == 2


def test_unmerge_names_consents_to_look_at(merged):
    """Consents recorded for either are named, so that none is forgotten with the person it stays with."""
    granted = merged(
        "consent", "grant", "--patient", f"{MRN}|4711", "--deny", "TREAT", "--id", "c-1", "--reason", "form"
    )
    assert granted.code == 0, granted.err
    records = sorted(listed(merged, "4711"))
    assert merged("patient", "unmerge", *records, "--reason", "two people", "--json").json["consents"] == [
        "c-1"
    ]


def test_what_is_not_merged_is_not_parted(merged):
    """Two records without a merge, one that is not here, and a reason that says nothing: refused, no change."""
    records = sorted(listed(merged, "4711"))
    assert merged("patient", "unmerge", *records, "--reason", "two people").code == 0
    assert merged("patient", "unmerge", *records, "--reason", "again").code == 5
    assert merged("patient", "unmerge", records[0], "Patient/nobody", "--reason", "x").code == 4
    assert merged("patient", "unmerge", *records, "--reason", " ").code == 2
    assert merged("patient", "links", "--patient", f"{MRN}|1").code == 4
