"""`carepact source`: the sums of the loss ledger, its lines, and the kept original, looked at on the record."""

from typing import Any

ADMISSION = "ADM-1"


def intakes(home: Any) -> list[str]:
    return [row["intake"] for row in home("source", "losses", "adt", "--group-by", "intake", "--json").rows]


def test_losses_are_summed_and_add_up(admitted: Any) -> None:
    """By reason, with the sums of all values of the source: total = mapped + kept + lost."""
    said = admitted("source", "losses", "adt")
    assert said.code == 0
    last = said.out.splitlines()[-1]
    sums = dict(part.split("=") for part in last.split(": ")[-1].split())
    assert last.startswith("adt: 1 originals")
    assert int(sums["total"]) == int(sums["mapped"]) + int(sums["kept"]) + int(sums["lost"])
    rows = admitted("source", "losses", "--json").rows
    covered = sum(r["items"] for r in rows if not r["reason"].startswith(("assumed/", "altered/")))
    assert covered == int(sums["kept"]) + int(sums["lost"])


def test_losses_are_narrowed(admitted: Any) -> None:
    """By reason, position, time and original; what does not exist is said, never an empty answer."""
    by_reason = admitted("source", "losses", "adt", "--reason", "z-segment", "--json").rows
    assert [(row["reason"], row["items"]) for row in by_reason] == [("kept/z-segment", 1)]
    positions = admitted(
        "source", "losses", "adt", "--position", "PV1", "--group-by", "position", "--json"
    ).rows
    assert positions and all(row["position"].startswith("PV1") for row in positions)
    assert admitted("source", "losses", "adt", "--until", "2020-01-01", "--json").rows == []
    assert admitted("source", "losses", "adt", "--since", "1d", "--json").rows
    assert admitted("source", "losses", "nobody").code == 4
    assert admitted("source", "losses", "--intake", "nothing").code == 4
    assert admitted("source", "losses", "--group-by", "colour").code == 2


def test_the_lines_of_one_original(admitted: Any) -> None:
    """`--intake` alone lists every line with its position; none holds a value of the message."""
    (id,) = intakes(admitted)
    said = admitted("source", "losses", "--intake", id, "--json")
    assert ("ZZZ[1]", "z-segment") in {(row["position"], row["reason"]) for row in said.rows}
    assert "what no table knows" not in said.out and "Grace" not in said.out


def test_an_original_is_shown_and_the_look_is_logged(admitted: Any) -> None:
    """`show` tells state and sums, `--raw` gives the very bytes; the patient's report has both looks."""
    (id,) = intakes(admitted)
    shown = admitted("source", "show", id, "--json").json
    assert shown["state"] == "stored" and shown["bytes"] > 0 and shown["source"] == "adt"
    raw = admitted("source", "show", id, "--raw")
    assert raw.out.startswith("MSH|") and ADMISSION in raw.out and len(raw.out) == shown["bytes"]
    report = admitted("audit", "accessed", "--patient", admitted.grace, "--json").rows
    assert [row["what"] for row in report if row["kind"] == "report"][:2] == ["original", "original"]
    assert admitted("audit", "verify").code == 0


def test_an_original_that_is_not_there(admitted: Any) -> None:
    """Exit 4 and the next step."""
    said = admitted("source", "show", "nothing")
    assert said.code == 4 and "source losses" in said.err


def test_a_replay_needs_a_reason_and_is_on_record(admitted: Any) -> None:
    """Without a reason, exit 2; a dry run needs none and logs nothing; the replay tells counts and is logged."""
    assert admitted("source", "replay", "adt").code == 2
    leaves = admitted("audit", "verify", "--json").json["leaves"]
    planned = admitted("source", "replay", "adt", "--dry-run", "--json")
    assert planned.code == 0 and planned.json["originals"] == {"same": 1}
    assert admitted("audit", "verify", "--json").json["leaves"] == leaves
    done = admitted("source", "replay", "adt", "--reason", "new tables", "--since", "30d")
    assert done.code == 0 and done.out.startswith("originals: 0 changed")
    report = admitted("audit", "verify", "--json").json
    assert report["leaves"] == leaves + 2 and report["first_bad"] is None


def test_a_zone_mended_in_the_configuration_is_replayed(admitted: Any) -> None:
    """The configuration's zone is another now: the same message gives other times, as a new version."""
    text = admitted.config.read_text("utf-8").replace("Europe/London", "Asia/Tokyo")
    admitted.config.write_text(text, "utf-8")
    planned = admitted("source", "replay", "adt", "--dry-run", "--json").json
    assert planned["originals"] == {"changed": 1} and planned["resources"]["changed"] > 0
    assert admitted("source", "replay", "adt", "--reason", "wrong zone", "--json").json["dry_run"] is False
    assert admitted("source", "replay", "adt", "--dry-run", "--json").json["originals"] == {"same": 1}


def test_a_replay_of_nothing_is_said(admitted: Any) -> None:
    """A source or an original that is not there: exit 4, with the next step."""
    assert admitted("source", "replay", "gp", "--dry-run").code == 4
    said = admitted("source", "replay", "adt", "--intake", "nothing", "--dry-run")
    assert said.code == 4 and "source losses" in said.err


def test_an_original_by_the_beginning_of_its_id(admitted: Any) -> None:
    """A unique prefix shows the same original and its losses; one of a pattern matches nothing."""
    (id,) = intakes(admitted)
    assert admitted("source", "show", id[:6], "--json").json["intake"] == id
    whole = admitted("source", "losses", "--intake", id, "--json").rows
    assert whole and admitted("source", "losses", "--intake", id[:6], "--json").rows == whole
    sums = admitted("source", "losses", "--intake", id[:6], "--group-by", "intake", "--json").rows
    assert [row["intake"] for row in sums] == [id]
    assert admitted("source", "show", "%").code == 4
