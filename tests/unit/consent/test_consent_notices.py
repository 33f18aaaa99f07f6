"""A notice to a patient: its life, its words, and its rows on SQLite and PostgreSQL."""

import pytest
from sqlalchemy import insert, select

from consent.catalogue import CATALOGUE
from consent.decision import Permit
from consent.errors import StaleVersion, Uncomputable
from consent.grant import Grant, GrantEvent
from consent.instants import datetime_from_micros
from consent.notice import Notice, NoticeEvent
from consent.person import age_in_years, comes_of_age
from consent.source_rules import source_rules_from_json
from consent.store.notices import SQLNoticeRegistry
from consent.store.tables import metadata, notice_event
from consent.voices import nobody_to_patient, notice_to_patient, reader_to_patient

HER, OTHER = "Patient/patient-found-unconscious", "Patient/patient-next-door"
OPEN = NoticeEvent("open", 100, "ward", exchange="x1")
DUE = Notice("nt-1", HER, "ward", 100, 500, (OPEN,))


def after(*events):
    return Notice("nt-1", HER, "ward", 100, 500, (OPEN, *events))


def test_a_notice_and_a_grant_are_told_as_they_were_known():
    """Steps of later are not there yet."""
    told = after(NoticeEvent("tell", 200, "clerk", channel="letter"))
    assert told.as_of(199).state(199) == "due"
    assert told.as_of(200) == told
    opened = GrantEvent("open", 100, "dr-ivy", until=900)
    grant = Grant("bg-1", "dr-ivy", "ward", HER, 100, (opened, GrantEvent("revoke", 200, "officer")))
    assert (grant.as_of(199).state(199), grant.state(200)) == ("open", "revoked")


@pytest.mark.parametrize(
    ("birth", "years", "day"),
    [
        ("2015-06-01", 11, "2026-06-01"),
        ("2015", 11, "2026-01-01"),
        ("2012-02-29", 11, "2023-03-01"),
        ("2012-02-29", 12, "2024-02-29"),
        ("2015-06-01", 40, "2031-06-01"),
        ("9999", 11, None),
        ("never", 11, None),
        (None, 11, None),
    ],
)
def test_a_parents_right_ends_on_the_first_day_of_that_age(birth, years, day):
    """The day before she has not completed the years, on that day she has; never above sixteen."""
    found = comes_of_age(birth, years)
    assert (None if found is None else datetime_from_micros(found).date().isoformat()) == day
    if found is not None:
        assert age_in_years(birth, found) == min(years, 16)
        assert age_in_years(birth, found - 1) == min(years, 16) - 1


@pytest.mark.parametrize(
    ("events", "at", "state", "overdue"),
    [
        ((), 500, "due", False),
        ((), 501, "due", True),
        ((NoticeEvent("defer", 200, "officer"),), 9000, "deferred", False),
        ((NoticeEvent("defer", 200, "officer", until=600),), 600, "deferred", False),
        ((NoticeEvent("defer", 200, "officer", until=600),), 601, "due", True),
        ((NoticeEvent("defer", 200, "officer"), NoticeEvent("resume", 300, "officer")), 501, "due", True),
        ((NoticeEvent("tell", 200, "clerk", channel="letter"),), 9000, "told", False),
    ],
)
def test_a_notice_is_due_until_it_is_told_and_a_deferral_ends(events, at, state, overdue):
    """Only telling ends it; put off for ever it stays on the list, put off until a day it is due again after it."""
    notice = after(*events)
    assert (notice.state(at), notice.overdue(at)) == (state, overdue)


def test_a_notice_names_its_answers_and_how_she_was_told():
    """Every answer counts, in order; a notice without one was last used when it was opened."""
    told = after(
        NoticeEvent("use", 150, "ward", exchange="x2"), NoticeEvent("tell", 200, "clerk", channel="phone")
    )
    assert (told.exchanges, told.last, told.channel) == (("x1", "x2"), 150, "phone")
    assert (DUE.channel, Notice("nt-2", HER, "ward", 7, 9).last) == (None, 7)


def test_the_letter_says_who_when_why_and_what_she_can_do():
    """Once or often, in every language of the catalogue; another language is refused."""
    once = notice_to_patient(DUE, me="gp-fern")
    assert once.startswith("On 1970-01-01 ward opened")
    assert "gp-fern" in once
    often = after(NoticeEvent("use", 86_400_000_000, "ward", exchange="x2"))
    assert "2 times" in notice_to_patient(often, me="gp-fern")
    assert "zuletzt am 1970-01-02" in notice_to_patient(often, me="gp-fern", language="de-CH")
    with pytest.raises(Uncomputable):
        notice_to_patient(DUE, me="gp-fern", language="tlh")
    assert {frozenset(words) for words in CATALOGUE.values()} == {frozenset(CATALOGUE["en"])}


def test_who_may_see_it_is_told_in_her_words():
    """Who, for what and why; that nobody may; another language is refused."""
    told = reader_to_patient(Permit("L1", "implied:x"), org="ward", purpose="TREAT")
    assert told.startswith("ward, for your treatment: They may see it.")
    assert "Parts" not in nobody_to_patient("de-AT")
    with pytest.raises(Uncomputable):
        nobody_to_patient("tlh")


def test_a_rule_that_puts_notices_off_decides_nothing(world):
    """It needs a code, no elements, and the same question is answered as without it."""
    (rule,) = source_rules_from_json(
        [{"effect": "defer-notice", "code": "at-home", "when": {"label": ["SDV"]}}]
    )
    assert rule.touches(world.scene.but(resource=world.observation("SDV")).facts)
    with pytest.raises(Uncomputable, match="code"):
        source_rules_from_json([{"effect": "defer-notice"}])
    scene = world.scene.but(pack="opt-out")
    assert scene.but(rules=({"effect": "defer-notice", "code": "at-home"},)).decide() == scene.decide()


class MarkingCipher:
    """Seals readably, and refuses to open under another patient."""

    def seal(self, subject, plain, aad):
        return b"|".join((subject.encode(), aad, plain[::-1]))

    def open(self, subject, sealed, aad):
        held, place, turned = sealed.split(b"|", 2)
        assert (held, place) == (subject.encode(), aad)
        return turned[::-1]


def registry(connection):
    return SQLNoticeRegistry(connection, MarkingCipher())


@pytest.mark.anyio
async def test_a_notice_comes_back_as_it_was_with_every_event(database):
    """By id with its words, by time and by patient without; what an officer wrote is sealed."""
    await database.write(lambda c: metadata.create_all(c, tables=list(metadata.tables.values())))
    defer = NoticeEvent("defer", 150, "officer", until=400, text="he reads her post")
    other = Notice("nt-2", OTHER, "ward", 50, 70, (NoticeEvent("open", 50, "ward", exchange="x0"),))

    def write(c):
        registry(c).open(other)
        registry(c).open(DUE)
        registry(c).add(DUE, defer)

    await database.write(write)
    assert await database.read(lambda c: registry(c).get("nt-1")) == after(defer)
    assert await database.read(lambda c: registry(c).get("nt-3")) is None
    assert [n.id for n in await database.read(lambda c: registry(c).since(51))] == ["nt-1"]
    (mine,) = await database.read(lambda c: registry(c).of_patient((HER, "Patient/her-other-name"), "ward"))
    assert mine == after(NoticeEvent("defer", 150, "officer", until=400))
    assert await database.read(lambda c: registry(c).of_patient((HER,), "elsewhere")) == ()
    sealed = await database.read(lambda c: c.execute(select(notice_event.c.sealed)).scalars().all())
    assert all(b"post" not in (item or b"") for item in sealed)


@pytest.mark.anyio
async def test_two_steps_at_once_are_told_apart(database):
    """The second writer of one place is told that somebody else was there; nothing is overwritten."""
    await database.write(lambda c: metadata.create_all(c, tables=list(metadata.tables.values())))
    await database.write(lambda c: registry(c).open(DUE))

    def beside(c):
        c.execute(insert(notice_event), {"notice": "nt-1", "n": 3, "kind": "use", "at": 1, "by": "ward"})
        registry(c).add(DUE, NoticeEvent("resume", 160, "officer"))

    with pytest.raises(StaleVersion):
        await database.write(beside)
    assert await database.read(lambda c: registry(c).get("nt-1")) == DUE
