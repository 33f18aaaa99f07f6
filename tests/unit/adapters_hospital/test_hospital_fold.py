"""State by key: the order of arrival does not matter, a replay changes nothing."""

import asyncio
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from adapters.hospital.feed import HospitalFeed
from adapters.hospital.fold import Contribution, fold
from adapters.interface import Fetched, Identifier, PatientQuery, Requester

STATUSES = [
    "registered",
    "preliminary",
    "partial",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
]


def said(kind, id, status, time="2026-01-01T00:00:00.000000Z", sequence=0, arrival=0, **more):
    resource = {"resourceType": kind, "id": id, "status": status} | more
    return Contribution(time, sequence, arrival, resource)


contributions = st.lists(
    st.builds(
        said,
        st.sampled_from(["Observation", "Encounter", "ServiceRequest"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from([*STATUSES, "unknown"]),
        st.sampled_from(["", "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"]),
        st.integers(0, 2),
        st.integers(0, 10_000),
    ),
    max_size=8,
    unique_by=lambda one: one.arrival,
)


@given(contributions, st.randoms())
def test_any_order_of_arrival_gives_the_same_state(given, random):
    """Out of order equals in order by construction."""
    shuffled = list(given)
    random.shuffle(shuffled)
    assert fold(shuffled) == fold(given)


@given(contributions)
def test_replay_changes_nothing(given):
    """The same contributions twice are the same state."""
    assert fold([*given, *given]) == fold(given)


def test_equal_times_go_by_rank():
    """S21: of two statuses at one time the higher rank wins, whichever came first."""
    for low, high in zip(STATUSES, STATUSES[1:], strict=False):
        for first, second in ((0, 1), (1, 0)):
            state = fold(
                [said("Observation", "a", low, arrival=first), said("Observation", "a", high, arrival=second)]
            )
            assert state["Observation/a"]["status"] == high


def test_later_event_wins_over_later_arrival():
    """S05: a cancellation that arrives first is not undone by the older admission."""
    cancel = said("Encounter", "a", "cancelled", "2026-01-02T00:00:00.000000Z", arrival=1)
    admit = said("Encounter", "a", "in-progress", "2026-01-01T00:00:00.000000Z", arrival=2)
    assert fold([cancel, admit])["Encounter/a"]["status"] == "cancelled"


def test_update_keeps_the_known_status():
    """A08 says nothing about the status: the one that was known stays."""
    admit = said("Encounter", "a", "in-progress", arrival=1)
    update = said(
        "Encounter", "a", "unknown", "2026-01-02T00:00:00.000000Z", arrival=2, serviceType={"text": "MED"}
    )
    state = fold([update, admit])["Encounter/a"]
    assert (state["status"], state["serviceType"]) == ("in-progress", {"text": "MED"})


def test_cancelled_discharge_reopens_the_stay(normalise, admission, only):
    """S06: A01, A03, A13 in every order end in progress, without a discharge."""
    import itertools

    def event(code, time, discharged=""):
        lines = [
            line.replace("^A01^ADT_A01", f"^{code}").replace("ADM-1", f"ADM-{code}") for line in admission
        ]
        lines[1] = f"EVN|{code}|{time}"
        lines[5] += f"|{discharged}"
        return normalise(lines)

    batches = [
        event("A01", "20260115141500"),
        event("A03", "20260118100000", "20260118100000"),
        event("A13", "20260118110000"),
    ]
    for order in itertools.permutations(range(3)):
        state = fold(
            Contribution(batches[n].event_time, batches[n].sequence, arrival, resource)
            for arrival, n in enumerate(order)
            for resource in batches[n].resources
        )
        encounter = next(one for one in state.values() if one["resourceType"] == "Encounter")
        assert (encounter["status"], encounter["period"]) == (
            "in-progress",
            {"start": "2026-01-15T14:15:00+00:00"},
        )


def states(*batches):
    return fold(
        Contribution(batch.event_time, batch.sequence, arrival, resource)
        for arrival, batch in enumerate(batches)
        for resource in batch.resources
    )


def test_a_shorter_message_takes_nothing_away(normalise, admission, result):
    """S04: a result that names the patient briefly leaves address, telecom and second identifier as they were."""
    batches = normalise(admission), normalise(result)
    for order in (batches, batches[::-1]):
        state = states(*order).values()
        patient = next(one for one in state if one["resourceType"] == "Patient")
        assert {"address", "telecom", "maritalStatus"} <= patient.keys()
        assert {one["value"] for one in patient["identifier"]} == {"9990001006", "4711"}
        assert patient["name"][0]["given"] == ["Winifred"]
        encounter = next(one for one in state if one["resourceType"] == "Encounter")
        assert encounter["location"] and encounter["diagnosis"]


def test_marks_are_never_lowered_by_silence(normalise, admission, result):
    """A later message without the mark does not unmark Patient or Encounter."""
    celebrity = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "CEL"}
    lines = list(admission)
    fields = lines[5].split("|")
    fields[16] = "VIP"
    lines[5] = "|".join(fields)
    for one in states(normalise(lines), normalise(result)).values():
        if one["resourceType"] in ("Patient", "Encounter"):
            assert celebrity in one["meta"]["security"]


def test_contained_people_stay_the_right_ones(normalise, admission, result):
    """Doctors without number are joined by content, so a reference never moves to another doctor."""
    older = [line.replace("C7^Consult^Clara", "^Consult^Clara") for line in admission]
    fields = result[2].split("|")
    fields[8] = "^Refer^Rachel"
    other = [*result[:2], "|".join(fields), *result[3:]]
    for order in ((older, result), (older, other), (other, older)):
        state = states(*(normalise(lines) for lines in order)).values()
        found = [one for one in state if one["resourceType"] == "Encounter"]
        assert len(found) == 1
        for encounter in found:
            names = {f"#{one['id']}": one["name"][0]["family"] for one in encounter.get("contained", ())}
            used = [part["individual"] for part in encounter["participant"]]
            assert used and all(who["display"].endswith(names[who["reference"]]) for who in used)
            assert set(names) == {who["reference"] for who in used}


def test_feed_has_nothing_to_ask():
    """A feed is no pull source: fetch answers empty at once."""
    feed = HospitalFeed(("urn:a",))
    query = PatientQuery((), Requester("o", None, None, "TREAT"), datetime(2026, 1, 1, tzinfo=UTC), "t")
    assert asyncio.run(feed.fetch(query, 1.0)) == Fetched("answered", ())
    assert not feed.capabilities.pull
    assert asyncio.run(feed.find((Identifier("urn:a", "1"),)))
    assert not asyncio.run(feed.find((Identifier("urn:b", "1"),)))
