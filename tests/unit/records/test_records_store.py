"""The record store over every storage."""

import hashlib
import itertools
from datetime import UTC, datetime

import pytest

from gateway.records.interface import Contribution, KeyErased

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 1, tzinfo=UTC)
T1, T2, T3 = (f"2026-01-0{n}T00:00:00.000000Z" for n in (1, 2, 3))


async def person(run, id="a", source="gp"):
    document = {"resourceType": "Patient", "id": id}
    return (await run(lambda r: r.index.link(document, custodian="c", source=source, at=AT))).person


def said(
    ref, text, to, intake="i1", time=T1, sequence=0, arrival=0, patients=("Patient/a",), source="gp", key=None
):
    body = f'{{"text":"{text}"}}'.encode()
    return Contribution(
        ref, body, hashlib.sha256(body).digest(), b"digest:" + body, "c.example", source, intake, patients,
        key or to, time, sequence, 0, arrival,
    )  # fmt: skip


def put(*contributions, seen=T1):
    return lambda room: room.records.put(contributions, seen=seen)


async def bodies(run, who, sources=None):
    return {x.ref: x.body.decode()[9:-2] for x in await run(lambda r: r.records.of_person(who, sources))}


async def test_a_record_comes_back_as_the_same_bytes(run):
    """Bytes, digest, hash, source, custodian, version and intake are those that went in."""
    who = await person(run)
    one = said("Observation/o", "1.10", who)
    assert (await run(put(one))).created == ("Observation/o",)
    (record,) = await run(lambda r: r.records.of_person(who))
    assert (record.body, record.digest, record.sha256) == (
        one.body,
        one.digest,
        hashlib.sha256(one.body).digest(),
    )
    assert (record.type, record.id, record.version, record.intake) == ("Observation", "o", 1, "i1")
    assert (record.source, record.custodian, record.patient, record.seen) == (
        "gp",
        "c.example",
        "Patient/a",
        T1,
    )
    assert await run(lambda r: r.records.current("Observation/o")) == record
    assert await run(lambda r: r.records.current("Observation/none")) is None


async def test_the_latest_event_wins_in_every_order_of_arrival(run):
    """Event time, then sequence, then arrival decide; every saying is kept in the history."""
    who = await person(run)
    for n, order in enumerate(itertools.permutations(range(4))):
        ref = f"Observation/o{n}"
        sayings = [
            said(ref, "first", who, "i1", T1, 9, 1),
            said(ref, "second", who, "i2", T2, 1, 2),
            said(ref, "third", who, "i3", T2, 2, 3),
            said(ref, "fourth", who, "i4", T2, 2, 4),
        ]
        for one in order:
            await run(put(sayings[one]))
        assert (await bodies(run, who))[ref] == "fourth"
        history = await run(lambda r, ref=ref: r.records.history(ref))
        assert [v.body.decode()[9:-2] for v in history] == ["first", "second", "third", "fourth"]


async def test_the_same_content_again_is_no_new_version(run):
    """S03: a later original that says the same adds a contribution, and neither version nor bytes change."""
    who = await person(run)
    await run(put(said("Observation/o", "same", who, "i1", T1)))
    again = await run(put(said("Observation/o", "same", who, "i2", T3), seen=T3))
    assert again.unchanged == ("Observation/o",) and not again.changed
    (record,) = await run(lambda r: r.records.of_person(who))
    assert (record.version, record.intake, record.seen) == (1, "i1", T3)
    await run(put(said("Observation/o", "between", who, "i3", T2)))
    assert await bodies(run, who) == {"Observation/o": "same"}
    assert len(await run(lambda r: r.records.history("Observation/o"))) == 3


async def test_a_complete_snapshot_retires_what_it_no_longer_says(run):
    """What a newer complete answer lacks is not returned, is kept, and comes back when said again."""
    who = await person(run)
    await run(put(said("Condition/x", "x", who), said("Condition/y", "y", who)))
    await run(put(said("Condition/h", "h", who, "i9", source="hospital")))
    await run(put(said("Condition/x", "x", who, "i2", T2), seen=T2))
    gone = await run(lambda r: r.records.retire(["Patient/a"], "gp", intakes=["i2"], seen=T2))
    assert gone == 1 and await bodies(run, who) == {"Condition/x": "x", "Condition/h": "h"}
    assert await run(lambda r: r.records.current("Condition/y")) is not None
    assert await run(lambda r: r.records.retire(["Patient/a"], "gp", intakes=["i1"], seen=T1)) == 0
    await run(put(said("Condition/y", "y", who, "i3", T3), seen=T3))
    assert set(await bodies(run, who)) == {"Condition/x", "Condition/y", "Condition/h"}
    await run(put(said("Condition/x", "x", who, "i0", T1), seen=T1))
    assert set(await bodies(run, who)) == {"Condition/x", "Condition/y", "Condition/h"}


async def test_an_older_snapshot_brings_nothing_back(run):
    """A snapshot that arrives late does not make active what a newer one retired."""
    who = await person(run)
    await run(put(said("Condition/x", "x", who)))
    await run(lambda r: r.records.retire(["Patient/a"], "gp", intakes=[], seen=T3))
    await run(put(said("Condition/x", "x", who, "i2", T2), seen=T2))
    assert await bodies(run, who) == {}


async def test_sources_can_be_chosen(run):
    """`sources` narrows; an empty choice gives nothing."""
    who = await person(run)
    await run(put(said("Condition/g", "g", who), said("Condition/h", "h", who, source="hospital")))
    assert set(await bodies(run, who, ["gp"])) == {"Condition/g"}
    assert set(await bodies(run, who, [])) == set()
    assert set(await bodies(run, who)) == {"Condition/g", "Condition/h"}


async def test_what_is_nobodys_survives_the_erasure_of_one(run):
    """A practitioner of two patients is returned for both, once each; erasing one leaves it to the other."""
    one, two = await person(run, "a"), await person(run, "b")
    doctor = said("Practitioner/d", "d", "", patients=("Patient/a", "Patient/b"), key="Practitioner/d")
    await run(put(doctor, said("Condition/x", "x", one)))
    assert set(await bodies(run, two)) == {"Practitioner/d"}
    await run(lambda r: r.vault.erase(one))
    assert set(await bodies(run, two)) == {"Practitioner/d"}
    with pytest.raises(KeyErased):
        await bodies(run, one)


async def test_many_records_are_one_call(run):
    """More records than one statement may carry parameters for are stored and returned."""
    who = await person(run)
    await run(put(*(said(f"Observation/o{n:04d}", str(n), who) for n in range(1203))))
    found = await run(lambda r: r.records.of_person(who))
    assert [x.ref for x in found] == [f"Observation/o{n:04d}" for n in range(1203)]


async def test_a_folded_state_is_shown_until_something_newer_is_said(run):
    """A state folded from the history replaces the latest contribution, as a version; a newer one ends it."""
    who = await person(run)
    await run(put(said("Encounter/e", "old", who, "i1", T1), said("Encounter/e2", "x", who, "i1", T1)))
    folded = b'{"text":"both"}'
    assert await run(lambda r: r.records.amend("Encounter/e", folded, b"facts"))
    assert not await run(lambda r: r.records.amend("Encounter/e", folded, b"facts"))
    record = await run(lambda r: r.records.current("Encounter/e"))
    assert (record.body, record.digest, record.version) == (folded, b"facts", 2)
    assert record.sha256 == hashlib.sha256(folded).digest()
    assert (await bodies(run, who))["Encounter/e"] == "both"
    await run(put(said("Encounter/e", "new", who, "i2", T2)))
    assert (await bodies(run, who))["Encounter/e"] == "new"
    assert not await run(lambda r: r.records.amend("Encounter/e", None))
    assert len(await run(lambda r: r.records.history("Encounter/e"))) == 2


async def test_of_two_statuses_at_one_time_the_higher_rank_wins(run):
    """S21: with equal event time and sequence the rank decides before arrival does."""
    from dataclasses import replace

    who = await person(run)
    for n, order in enumerate(([1, 2], [2, 1])):
        for arrival, rank in enumerate(order):
            one = said(f"Observation/o{n}", f"rank{rank}", who, f"i{rank}", T1, 0, arrival)
            await run(put(replace(one, rank=rank)))
    assert set((await bodies(run, who)).values()) == {"rank2"}
