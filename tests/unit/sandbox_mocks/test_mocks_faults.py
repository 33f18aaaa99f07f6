"""The fault vocabulary: what is taken, what is refused, and when a fault strikes."""

import pytest

from gateway.sandbox.mocks.faults import KINDS, FaultRefused, Faults


def struck(faults, calls=10, **call):
    return [bool(faults.draw(**call)) for _ in range(calls)]


def test_a_fault_without_limits_strikes_every_time():
    """No after, times or probability: each call meets it."""
    faults = Faults("gp", 7)
    faults.replace([{"target": "gp", "kind": "down"}])
    assert all(struck(faults))


def test_after_and_times_bound_a_fault():
    """after lets calls pass first; times ends it; GET shows how often it was used."""
    faults = Faults("gp", 7)
    faults.replace([{"kind": "latency", "ms": 5, "after": 2, "times": 3}])
    assert struck(faults, 7) == [False, False, True, True, True, False, False]
    assert faults.to_json()[0]["used"] == 3


def test_probability_is_reproducible():
    """The same seed draws the same calls; about the asked share of them."""
    runs = []
    for _ in range(2):
        faults = Faults("gp", 7)
        faults.replace([{"kind": "down", "probability": 0.5}])
        runs.append(struck(faults, 200))
    assert runs[0] == runs[1]
    assert 60 < sum(runs[0]) < 140


def test_match_limits_a_fault_to_some_calls():
    """A fault about one path leaves the others alone, and does not count them."""
    faults = Faults("specialist", 7)
    faults.replace([{"kind": "down", "times": 1, "match": {"path": "/DocumentReference"}}])
    assert not faults.draw(path="/documents/1", method="GET")
    assert faults.draw(path="/DocumentReference", method="GET")


def test_an_unknown_kind_is_refused_with_the_known_ones():
    """A misspelt fault never silently does nothing: the refusal lists what this mock can do."""
    with pytest.raises(FaultRefused) as refused:
        Faults("gp", 7).replace([{"kind": "slow"}])
    assert set(refused.value.known) == {name for name, kind in KINDS.items() if "gp" in kind.mocks}


@pytest.mark.parametrize(
    "document",
    [
        "down",
        {"kind": "ack_lost"},
        {"kind": "down", "target": "specialist"},
        {"kind": "down", "colour": "red"},
        {"kind": "latency"},
        {"kind": "latency", "ms": "800"},
        {"kind": "latency", "ms": True},
        {"kind": "latency", "ms": -1},
        {"kind": "http", "status": 42},
        {"kind": "down", "probability": 2},
        {"kind": "down", "times": -1},
        {"kind": "wrong_patient", "disguised": "yes"},
        {"kind": "down", "match": {"colour": "red"}},
        {"kind": "down", "match": "all"},
    ],
)
def test_what_does_not_fit_is_refused(document):
    """Wrong shapes, types, ranges, targets and unknown members are refused."""
    with pytest.raises(FaultRefused):
        Faults("gp", 7).replace([document])


def test_a_refused_list_changes_nothing():
    """All or none: the faults that were on stay on."""
    faults = Faults("gp", 7)
    faults.replace([{"kind": "down"}])
    with pytest.raises(FaultRefused):
        faults.replace([{"kind": "hang"}, {"kind": "nonsense"}])
    assert [fault["kind"] for fault in faults.to_json()] == ["down"]


def test_jitter_stays_within_its_bounds():
    """latency with jitter waits ms give or take jitter, never less than nothing."""
    faults = Faults("gp", 7)
    faults.replace([{"kind": "latency", "ms": 100, "jitter": 150}])
    waits = [faults.delay_of(fault) for _ in range(100) for fault in faults.draw()]
    assert all(0 <= wait <= 0.25 for wait in waits)
    assert len(set(waits)) > 10
