"""Kept originals mapped again: what changes, what stays, and that nothing of before is lost."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from adapters.hospital.normaliser import HospitalNormaliser
from gateway.audit.sql import metadata as audit_tables
from gateway.intake.losses import losses_of
from gateway.intake.replay import Act
from gateway.records.tables import contribution_past
from gateway.records.tables import record as RECORD

pytestmark = pytest.mark.anyio

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 1, 9, tzinfo=UTC)
ACT = Act("operator", "the zone was wrong", "north.example")
NORMALISER = HospitalNormaliser()
PERSON = "PID|1||9990000018^^^NHS^NH~77^^^RXX^MR||Mapped-Twice^Ada||19800101|F"


def message(control, event, at, *more, person=PERSON):
    head = rf"MSH|^~\&|PAS|RXX|EXCH|RXX|{at}||{event}|{control}|P|2.5"
    return "\r".join((head, f"EVN|{event[4:7]}|{at}", person, *more)).encode() + b"\r"


def stay(start, end=""):
    return f"PV1|1|I|W1^^^RXX||||||||||||||||V1^^^RXX{'|' * 25}{start}|{end}"


ADMISSION = message("M1", "ADT^A01^ADT_A01", "20260715103000", stay("20260715103000"))
DISCHARGE = message("M2", "ADT^A03^ADT_A03", "20260716103000", stay("20260715103000", "20260716103000"))
NOBODY = message("M3", "ADT^A01^ADT_A01", "20260717103000", person="PID|1||||Named-Only^Bea||19800101|F")


@pytest.fixture
async def fed(ward, feed):
    """A ward whose feed had no zone, with an admission, a discharge and a message about nobody."""
    await ward.database.write(audit_tables.create_all)
    zoneless = replace(feed, zone=None)
    for body in (ADMISSION, DISCHARGE, NOBODY):
        await ward.intake.receive_message(body, zoneless, NORMALISER, AT)
    return ward


async def resources(ward, kind):
    """`Type/id` to (version, body) of the current records of a type, of whom the messages are about."""

    def look(room):
        (person,) = {room.index.person_of(ref) for ref in refs_of(room)}
        return {r.ref: r for r in room.records.of_person(person) if r.type == kind}

    def refs_of(room):
        return list(known)

    known = await ward.database.read(
        lambda c: [row.ref for row in c.execute(select(RECORD.c.ref).where(RECORD.c.ref.like("Patient/%")))]
    )
    return await ward.room(look)


async def originals(ward, feed):
    return list(reversed(await ward.intake.newest(feed.id)))


async def test_the_same_tables_and_settings_change_nothing(fed, feed):
    """Every original says the same again: no version, no contribution set aside; a second run too."""
    before = await resources(fed, "Encounter")
    run = fed.intake.replay(replace(feed, zone=None), NORMALISER)
    for _ in range(2):
        done = await run.run(ACT, LATER)
        assert done.originals == {"same": 3} and set(done.resources) == {"same"}
    assert await resources(fed, "Encounter") == before
    assert await fed.database.read(lambda c: c.execute(select(contribution_past.c.id)).all()) == []


async def test_a_wrong_zone_is_mended(fed, feed):
    """With the right zone the stay gets its times and a new version; what was said before is kept."""
    (before,) = (await resources(fed, "Encounter")).values()
    assert b'"start":"2026-07-15"' in before.body
    run = fed.intake.replay(feed, NORMALISER)
    planned = await run.run(None, LATER)
    assert (await resources(fed, "Encounter"))[before.ref] == before, "a dry run changes nothing"
    done = await run.run(ACT, LATER)
    assert done == planned
    assert done.originals == {"changed": 2, "same": 1} and done.resources["changed"] >= 2
    (after,) = (await resources(fed, "Encounter")).values()
    assert after.ref == before.ref and after.version > before.version
    assert b'"start":"2026-07-15T10:30:00+01:00"' in after.body
    assert b'"end":"2026-07-16T10:30:00+01:00"' in after.body
    past = await fed.database.read(lambda c: c.execute(select(contribution_past.c.ref)).scalars().all())
    assert past.count(before.ref) == 2
    again = await run.run(ACT, LATER)
    assert again.originals == {"same": 3}
    assert (await resources(fed, "Encounter"))[after.ref] == after


async def test_one_original_alone_keeps_its_place_among_the_events(fed, feed):
    """The older message replayed alone does not undo the newer one; the stay remains finished."""
    first, _, _ = await originals(fed, feed)
    done = await fed.intake.replay(feed, NORMALISER).run(ACT, LATER, id=first.intake)
    assert done.originals == {"changed": 1}
    (stay_,) = (await resources(fed, "Encounter")).values()
    assert b'"status":"finished"' in stay_.body
    with pytest.raises(LookupError):
        await fed.intake.replay(feed, NORMALISER).run(ACT, LATER, id="nothing")


async def test_resources_under_new_ids_replace_those_of_before(fed, feed):
    """With another authority the patient has another id: the record under the old one is left, not doubled."""
    order = ("RXX",)
    before = await resources(fed, "Patient")
    done = await fed.intake.replay(replace(feed, zone=None, identifier_order=order), NORMALISER).run(
        ACT, LATER
    )
    assert done.resources["added"] >= 1 and done.resources["withdrawn"] >= 1
    after = await resources(fed, "Patient")
    assert len(after) == 1 and not set(after) & set(before)
    assert len(await resources(fed, "Encounter")) == 1


async def test_lines_and_state_are_those_of_the_newest_mapping(fed, feed):
    """The ledger of each original is replaced; its sums still add up."""
    await fed.intake.replay(feed, NORMALISER).run(ACT, LATER)
    first, _, third = await originals(fed, feed)
    lines = await fed.database.read(lambda c: losses_of(c, first.intake))
    assert "zone" in {line.reason for line in lines} and "precision" not in {line.reason for line in lines}
    counts = first.counts
    assert counts["total"] == counts["mapped"] + counts["kept"] + counts["lost"]
    assert third.state == "quarantined" and third.reason == "no-patient"


async def test_what_was_parked_enters_once_it_can(ward, feed):
    """A test message that was parked is stored when the feed accepts them."""
    await ward.database.write(audit_tables.create_all)
    body = ADMISSION.replace(b"|P|2.5", b"|T|2.5")
    await ward.intake.receive_message(body, feed, NORMALISER, AT)
    assert [one.reason for one in await originals(ward, feed)] == ["test"]
    done = await ward.intake.replay(replace(feed, test_messages="accept"), NORMALISER).run(ACT, LATER)
    assert done.originals == {"stored": 1}
    assert len(await resources(ward, "Encounter")) == 1
    back = await ward.intake.replay(feed, NORMALISER).run(ACT, LATER)
    assert back.originals == {"quarantined": 1}
    assert [one.state for one in await originals(ward, feed)] == ["quarantined"]
    assert await resources(ward, "Encounter") == {}
