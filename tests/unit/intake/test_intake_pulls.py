"""Answers of sources that are asked, over real databases. The answers are FHIR R4 written here."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.identity import NHS_NUMBER, meta_source
from adapters.interface import Identifier, Original, SourceBatch
from adapters.losses import LossEntry, Losses
from consent.facts import facts_from_bytes
from gateway.intake.losses import losses_of, sum_losses

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = "9990000018", "9990000026"


PROVENANCE = {
    "resourceType": "Provenance", "target": [{"display": "this answer"}],
    "recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"display": "the node"}}],
}  # fmt: skip


class Reader:
    """Reads our own test format: a JSON list of resources, or an object with batch fields."""

    def __init__(self):
        self.calls = 0

    def normalise(self, original, source, at):
        self.calls += 1
        said = json.loads(original.body)
        if isinstance(said, dict):
            if said.get("raise"):
                raise KeyError("a defect")
            return SourceBatch((), None, Losses(1, 1), "test:1", quarantine=said["quarantine"])
        for resource in said:
            resource["meta"] = {"source": meta_source(source.custodian, source.id, original.intake)}
        provenance = PROVENANCE | {"id": f"p-{original.intake}"}
        losses = Losses(9, 5, (
            LossEntry("$.a", 2, "not-mapped", "no-target"),
            LossEntry("$.b", 1, "rejected", "bad-date", resource="Condition/x"),
            LossEntry("$.c", 1, "kept", "unknown-field"),
        ))  # fmt: skip
        return SourceBatch(tuple(said), provenance, losses, "test:1")


def patient(number=A, family="Okafor", birth="1980-05-17", id="src-a"):
    return {
        "resourceType": "Patient", "id": id, "identifier": [{"system": NHS_NUMBER, "value": number}],
        "name": [{"family": family, "given": ["Adaeze"]}], "birthDate": birth,
    }  # fmt: skip


def condition(id, text="x", subject="src-a"):
    return {
        "resourceType": "Condition", "id": id, "code": {"text": text},
        "subject": {"reference": f"Patient/{subject}"},
    }  # fmt: skip


DOCTOR = {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Moss"}]}


def answer(*resources, number=A):
    return Original(json.dumps(resources).encode(), "application/json", (Identifier(NHS_NUMBER, number),))


async def person_of(ward, number=A):
    found = await ward.room(lambda r: r.index.resolve((Identifier(NHS_NUMBER, number),)))
    return found.person


async def test_an_answer_becomes_the_record_of_a_person(ward, practice):
    """Resources, Provenance, digest, ledger and original are all there after one pull."""
    original = answer(patient(), condition("x"), DOCTOR)
    stored = await ward.intake.receive_pull(original, practice, Reader(), AT)
    assert (stored.state, stored.quarantine, stored.truncated) == ("stored", None, 1)
    assert stored.person == await person_of(ward)
    assert await ward.refs(stored.person) == [
        "Condition/x", "Patient/src-a", "Practitioner/doc", f"Provenance/p-{stored.intake}",
    ]  # fmt: skip
    (record,) = [r for r in await ward.room(lambda r: r.records.of_person(stored.person)) if r.id == "x"]
    facts = facts_from_bytes(record.digest)
    assert (facts.custodian, facts.patients) == ("oak-surgery.example", ("Patient/src-a",))
    assert json.loads(record.body)["meta"]["source"].endswith("#" + stored.intake)
    kept, body = await ward.intake.show(stored.intake)
    assert body == original.body and kept.person == stored.person and kept.state == "stored"
    assert (kept.status, kept.counts) == ("partial", {"total": 9, "mapped": 5, "kept": 1, "lost": 3})


async def test_a_senders_long_words_do_not_break_the_store(ward, practice):
    """A media type of any length, as a header may say it, is no error on either database."""
    original = Original(answer(patient()).body, "application/json; " + "x=y;" * 200, ())
    assert (await ward.intake.receive_pull(original, practice, Reader(), AT)).state == "stored"


async def test_the_same_bytes_are_not_mapped_again(ward, practice):
    """An answer equal to the newest one is `unchanged`: nothing is mapped, its as-of moves on."""
    reader = Reader()
    first = await ward.intake.receive_pull(answer(patient()), practice, reader, AT)
    again = await ward.intake.receive_pull(answer(patient()), practice, reader, AT + HOUR)
    assert (again.state, again.intake, again.person) == ("unchanged", first.intake, first.person)
    assert reader.calls == 1
    assert (await ward.intake.newest("gp"))[0].seen == "2026-01-01T01:00:00.000000Z"


async def test_going_back_to_older_bytes_is_a_change(ward, practice):
    """x, then y, then the bytes of x again: x is the current state, as a version of its own."""
    for n, text in enumerate("xyx"):
        one = await ward.intake.receive_pull(
            answer(patient(), condition("c", text)), practice, Reader(), AT + n * HOUR
        )
        assert one.state == "stored"
    record = await ward.room(lambda r: r.records.current("Condition/c"))
    assert json.loads(record.body)["code"]["text"] == "x" and record.version == 3
    assert len(await ward.room(lambda r: r.records.history("Condition/c"))) == 3


async def test_a_complete_snapshot_of_several_documents_retires_the_rest(ward, practice):
    """What the newest complete answer lacks is not returned; unchanged documents of it stay."""
    one, two = answer(patient(), condition("x")), answer(patient(), condition("y"))
    first = await ward.intake.receive_snapshot((one, two), practice, Reader(), AT)
    person = first[0].person
    assert {"Condition/x", "Condition/y"} <= set(await ward.refs(person))
    three = answer(patient(), condition("z"))
    later = await ward.intake.receive_snapshot(
        (one, three), practice, Reader(), AT + HOUR, person=person, complete=True
    )
    assert [s.state for s in later] == ["unchanged", "stored"] and later[0].retired == 2
    refs = set(await ward.refs(person))
    assert {"Condition/x", "Condition/z", "Patient/src-a"} <= refs and "Condition/y" not in refs
    none = await ward.intake.receive_snapshot(
        (), practice, Reader(), AT + 2 * HOUR, person=person, complete=True
    )
    assert none == () and await ward.refs(person) == []


async def test_an_incomplete_snapshot_retires_nothing(ward, practice):
    """A broken-off answer takes nothing away."""
    first = await ward.intake.receive_pull(answer(patient(), condition("x")), practice, Reader(), AT)
    await ward.intake.receive_snapshot(
        (answer(patient()),), practice, Reader(), AT + HOUR, person=first.person
    )
    assert "Condition/x" in await ward.refs(first.person)


async def test_an_answer_about_somebody_else_is_quarantined(ward, practice):
    """Asked about a known person, a record that is not certainly hers enters nothing, the index neither."""
    first = await ward.intake.receive_pull(answer(patient()), practice, Reader(), AT)
    other = answer(patient(family="Smith", birth="1950-01-02", id="src-b"), condition("q", subject="src-b"))
    stored = await ward.intake.receive_pull(other, practice, Reader(), AT + HOUR)
    assert (stored.state, stored.quarantine, stored.person) == ("quarantined", "wrong-patient", None)
    assert await person_of(ward) == first.person
    assert "Condition/q" not in await ward.refs(first.person)
    again = await ward.intake.receive_pull(other, practice, Reader(), AT + HOUR)
    assert (again.quarantine, again.intake) == ("wrong-patient", stored.intake)


async def test_a_registered_person_gets_her_first_record(ward, practice):
    """Known by number alone (the consent desk), she is asked about, and the answer is hers."""
    desk = await ward.room(lambda r: r.index.register(Identifier(NHS_NUMBER, A), at=AT))
    stored = await ward.intake.receive_pull(answer(patient()), practice, Reader(), AT, person=desk)
    assert stored.person == desk and "Patient/src-a" in await ward.refs(desk)


@pytest.mark.parametrize("said", [{"quarantine": "wrong-patient"}, {"quarantine": "unreadable"}])
async def test_what_a_normaliser_quarantines_enters_nothing(ward, practice, said):
    """The original is kept with its reason; no record, no person."""
    original = Original(json.dumps(said).encode(), "application/json")
    stored = await ward.intake.receive_pull(original, practice, Reader(), AT)
    assert (stored.state, stored.quarantine) == ("quarantined", said["quarantine"])
    assert (await ward.intake.show(stored.intake))[1] == original.body


async def test_a_defect_of_ours_costs_one_original(ward, practice):
    """A normaliser that raises quarantines that original and leaves its neighbours of the snapshot alone."""
    bad = Original(b'{"raise": true}', "application/json")
    stored = await ward.intake.receive_snapshot((bad, answer(patient())), practice, Reader(), AT)
    assert [s.quarantine for s in stored] == ["mapping-defect", None]
    assert stored[1].person and await ward.refs(stored[1].person)


async def test_keys_of_an_undone_original_are_not_used_by_the_next(ward, practice):
    """A defect in the middle of one original undoes the keys made for it; what its neighbour shares still opens."""

    class Trips(Reader):
        def normalise(self, original, source, at):
            batch = super().normalise(original, source, at)
            if b"trip" not in original.body:
                return batch
            return SourceBatch(
                batch.resources, None, batch.losses, "test:1", event_time=7
            )  # no text: our defect

    trip, good = answer(patient(), DOCTOR, condition("trip")), answer(patient(), DOCTOR)
    bound, made = ward.bind, []

    def bind(connection):
        room = bound(connection)
        put = room.records.put

        def breaking(contributions, *, seen):
            result = put([c for c in contributions if c.event_time != 7], seen=seen)
            if any(c.event_time == 7 for c in contributions):
                for c in contributions:
                    room.vault.seal(c.key, b"x", b"")
                made.append(1)
                raise ValueError("a defect")
            return result

        room.records.put = breaking
        return room

    ward.intake._desk.room = bind
    stored = await ward.intake.receive_snapshot((trip, good), practice, Trips(), AT)
    assert [s.quarantine for s in stored] == ["mapping-defect", None] and made == [1]
    assert "Practitioner/doc" in await ward.refs(stored[1].person)


async def test_after_erasure_nothing_is_stored_about_the_person_again(ward, practice):
    """Once her key is destroyed her originals do not open, and a new answer about her is refused."""
    from gateway.records.interface import KeyErased

    stored = await ward.intake.receive_pull(answer(patient()), practice, Reader(), AT)
    await ward.room(lambda r: r.vault.erase(stored.person))
    with pytest.raises(KeyErased):
        await ward.intake.show(stored.intake)


async def test_losses_are_summed_by_what_is_asked(ward, practice):
    """Lines per original in order; sums by reason, position, day and mapping, filtered by reason and time."""
    one = await ward.intake.receive_pull(answer(patient(), condition("x")), practice, Reader(), AT)
    await ward.intake.receive_pull(answer(patient(), condition("y")), practice, Reader(), AT + 24 * HOUR)
    lines = await ward.database.read(lambda c: losses_of(c, one.intake))
    assert [(x.position, x.items, x.reason) for x in lines][:2] == [
        ("$.a", 2, "no-target"),
        ("$.b", 1, "bad-date"),
    ]

    async def sums(**wanted):
        found = await ward.database.read(lambda c: sum_losses(c, "gp", **wanted))
        return {s.key: (s.lines, s.items) for s in found}

    assert await sums() == {
        "not-mapped/no-target": (2, 4), "rejected/bad-date": (2, 2), "kept/unknown-field": (2, 2),
    }  # fmt: skip
    assert await sums(group_by="day") == {"2026-01-01": (3, 4), "2026-01-02": (3, 4)}
    assert await sums(group_by="position", reasons=["bad-date"]) == {"$.b": (2, 2)}
    assert await sums(group_by="mapping", since="2026-01-02", id="nobody") == {}
    assert await sums(position="$.a", until="2026-01-02") == {"not-mapped/no-target": (1, 2)}
    assert await sums(position="%") == {}


async def test_two_pulls_at_once_make_one_person(ward, practice):
    """O-5: the same answer taken in by several exchanges at once gives one record, and no error."""
    import asyncio

    stored = await asyncio.gather(
        *(
            ward.intake.receive_pull(answer(patient(), condition("x"), DOCTOR), practice, Reader(), AT)
            for _ in range(6)
        )
    )
    assert len({s.person for s in stored}) == 1 and stored[0].person == await person_of(ward)
    record = await ward.room(lambda r: r.records.current("Condition/x"))
    assert record.version == 1


async def test_two_sources_at_once_make_one_person(ward, practice):
    """Six sources that answer about one person at the same moment are linked to one person."""
    import asyncio
    from dataclasses import replace

    stored = await asyncio.gather(
        *(
            ward.intake.receive_pull(
                answer(patient(id=f"src-{n}")), replace(practice, id=f"s{n}"), Reader(), AT
            )
            for n in range(6)
        )
    )
    assert len({s.person for s in stored}) == 1


async def test_nothing_readable_is_in_the_file(ward, practice, database_url):
    """V-8: neither originals nor records nor identifiers stand in the database file or its WAL."""
    if not database_url.startswith("sqlite"):
        pytest.skip("a file is looked at")
    from pathlib import Path

    await ward.intake.receive_pull(
        answer(patient(family="Canaryname"), condition("x", "Canarytext")), practice, Reader(), AT
    )
    file = Path(database_url.removeprefix("sqlite:///"))
    content = b"".join(p.read_bytes() for p in file.parent.glob(file.name + "*"))
    for word in (A, "Canaryname", "Canarytext", "1980-05-17", "Moss"):
        assert word.encode() not in content
