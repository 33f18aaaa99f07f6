"""The tour that `carepact demo` shows, in process: every step, on both databases."""

import asyncio

import pytest

from gateway.sandbox.steps import tour

STEPS = [
    "A node, three providers and a health system are up",
    "The hospital sends its messages over MLLP",
    "The patient permits treatment by northshire.example",
    "A health system asks for everything",
    "It asks for the International Patient Summary",
    "She withdraws what is labelled psychiatry",
    "The same question again",
]


def _toured(settings=""):
    steps = []
    assert asyncio.run(tour(steps.append, settings)) is True
    return steps


def _judge(steps):
    """The steps in their order; both answers whole; the second one smaller, and the reason given."""
    names = [step.name for step in steps]
    assert names[: len(STEPS)] == STEPS
    assert names[-1] == "Receipts and ledger verify"
    assert not [step.name for step in steps if step.failed]
    before, after = steps[3], steps[6]
    for answer in (before, after):
        assert {row["source"] for row in answer.rows} == {
            "greenfield.example/gp", "st-brides.example/adt", "harbour.example/letters",
        }  # fmt: skip
        assert {row["state"] for row in answer.rows} == {"answered"}
        assert {row["verified"] for row in answer.rows} == {"yes"}
    assert sum(r["records"] for r in after.rows) < sum(r["records"] for r in before.rows)
    assert "consent-deny" in " ".join(row["decision"] for row in after.rows)
    withheld = steps[7]
    assert "resources are denied now" in withheld.name
    assert "securityLabel=PSY" in withheld.detail
    assert all(row["before"] > row["after"] for row in withheld.rows)


def test_the_tour_holds_on_sqlite():
    """Each step is shown and holds; nothing is left of it."""
    _judge(_toured())


@pytest.mark.postgres
def test_the_tour_holds_on_postgresql(new_postgres_url):
    """The same tour with the node on PostgreSQL, named in its configuration."""
    _judge(_toured(f'[database]\nurl = "{new_postgres_url}"\n'))


def test_the_tour_leaves_no_process_and_no_folder(monkeypatch, tmp_path):
    """Also when a step fails: processes ended, folder gone."""
    import tempfile

    from gateway.sandbox.tour import StepFailed

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pids = []

    def show(step):
        if step.name == STEPS[1]:
            (folder,) = tmp_path.glob("carepact-demo-*/sandbox")
            pids.extend(_pids_of(str(folder)))
            raise StepFailed("on purpose")

    with pytest.raises(StepFailed):
        asyncio.run(tour(show))
    assert len(pids) == 4
    assert list(tmp_path.iterdir()) == []
    assert not [pid for pid in pids if _is_alive(pid)]


def _pids_of(folder):
    from pathlib import Path

    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if folder.encode() in line.read_bytes():
                found.append(int(line.parent.name))
        except OSError:
            continue
    return found


def _is_alive(pid):
    import os

    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
