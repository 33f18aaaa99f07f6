"""Each benchmark runs, on few records and rounds, and says what the table and the file need. No time is judged."""

import json
import math

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    boundary,
    decisions,
    envelope,
    envelope_large,
    envelope_loop,
    exchange,
    ledger,
    normalise,
    report,
    startup,
)
from benchmarks.report import Result


def require_shape(results):
    """Lines as `results.json` keeps them: finite positive ratios, or none at all."""
    for one in results:
        line = json.loads(json.dumps(one.to_json()))
        assert list(line) == ["goal", "figure", "ratio", "pass"]
        assert line["goal"] and line["figure"]
        assert line["ratio"] is None or (math.isfinite(line["ratio"]) and line["ratio"] > 0)
        assert line["pass"] in (True, False, None)


def test_an_exchange_is_measured_beside_its_floor():
    """Stored, asked, many at once and memory; the floor carries what the exchange released."""
    results = exchange.run(records=4, rounds=2)
    require_shape(results)
    assert [one.ratio is not None for one in results] == [True, True, True, True, False, False]
    assert "3 sources x 4 facts" in results[0].figure
    assert all(one.ratio > 1 for one in results[:4]), "nothing beats a floor that does less"


def test_decisions_are_measured_from_digests():
    """A rate of decisions, and step 9 beside it."""
    results = decisions.run(records=4, rounds=2)
    require_shape(results)
    assert "a second a core" in results[0].figure


def test_an_envelope_is_measured_beside_its_primitives():
    """One line for sealing and one for opening of each size."""
    results = envelope.run(sizes=(10_000,), rounds=3)
    require_shape(results)
    assert [one.goal for one in results] == ["G11 seal 10 kB", "G11 open 10 kB"]


def test_large_envelopes_are_measured_beside_jose_and_from_file_to_file():
    """Ratios to primitives and to JOSE, both file ways, and the memory of a process of its own."""
    results = envelope_large.run(large=200_000, whole=2_000_000, rounds=2)
    require_shape(results)
    assert len(results) == 6 and "joserfc" in results[2].figure and results[5].ratio is None


def test_the_loop_is_measured_beside_an_idle_thread():
    """One line for sealing and one for opening, with how late another task was."""
    results = envelope_loop.run(size=500_000, rounds=1)
    require_shape(results)
    assert [one.goal.split(",")[1].split()[0] for one in results] == ["seal", "open"]


def test_the_start_is_measured_beside_a_bare_interpreter():
    """The command line starts in a process of its own."""
    results = startup.run(rounds=1)
    require_shape(results)
    assert results[0].ratio > 1


def test_the_boundary_check_is_measured_beside_parsing():
    """Its cost beside that of the parser, and how many of the planted defects it sees."""
    results = boundary.run(rounds=2)
    require_shape(results)
    assert results[1].passed


def test_normalisation_is_measured_and_peers_may_be_missing():
    """Rates of each format and memory; without the other converters their lines say that they are missing."""
    sizes = normalise.Sizes(messages=2, facts=4, record=20_000, many=20, rounds=1)
    results = normalise.run(sizes, peers=False)
    require_shape(results)
    missing = [one.goal for one in results if one.passed is None]
    assert len(results) == 9 and [goal[:2] for goal in missing] == ["G8", "HL", "G9", "G9"]
    assert "10 results each" in results[0].figure


def test_a_whole_run_writes_its_file(tmp_path, monkeypatch, capsys):
    """Every benchmark is in the one table and in the file, in the order of the run."""
    lines = {name: [Result(f"{name} of something", "1 ms", 1.0, True)] for name in command.ALL}
    monkeypatch.setattr(command, "ALL", {name: lambda name=name: lines[name] for name in lines})
    monkeypatch.setattr(command, "write", lambda results: report.write(results, tmp_path / "results.json"))
    assert command.main([]) == 0
    written = json.loads((tmp_path / "results.json").read_text())
    assert [line["goal"] for line in written] == [f"{name} of something" for name in lines]
    assert all(line["goal"] in capsys.readouterr().out for line in written[:1])


def test_an_unknown_name_is_refused(capsys):
    """A name that is no benchmark is told, with those that there are."""
    assert command.main(["nothing"]) == 2
    assert "exchange" in capsys.readouterr().err


def test_a_missing_number_is_told_as_none():
    """What was not divided has no ratio, what has no goal no verdict."""
    assert Result("g", "f").to_json() == {"goal": "g", "figure": "f", "ratio": None, "pass": None}
    with pytest.raises(TypeError):
        Result("g")


def test_the_ledger_is_measured_beside_bare_hashes_and_commits():
    """Appends, proofs in time and hashes, and leaves of many at once beside one after the other."""
    results = ledger.run(leaves=300, rounds=1)
    require_shape(results)
    assert [one.ratio is not None for one in results] == [True, False, False, True]
    assert "10 hash operations" in results[2].figure
