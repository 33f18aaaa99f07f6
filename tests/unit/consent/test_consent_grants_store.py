"""Grants are kept alike on SQLite and PostgreSQL, their words sealed under the patient's key."""

import pytest
from sqlalchemy import select

from consent.grant import Grant, GrantEvent
from consent.store.grants import SQLGrantRegistry
from consent.store.tables import breakglass_event, metadata

pytestmark = pytest.mark.anyio
HER, OTHER = "Patient/patient-found-unconscious", "Patient/patient-next-door"
OPEN = Grant("bg-1", "dr-ivy", "ward", HER, 100, (GrantEvent("open", 100, "dr-ivy", until=200, text="fell"),))


class MarkingCipher:
    """Seals readably, and refuses to open under another patient."""

    def seal(self, subject, plain, aad):
        return b"|".join((subject.encode(), aad, plain[::-1]))

    def open(self, subject, sealed, aad):
        held, place, turned = sealed.split(b"|", 2)
        assert (held, place) == (subject.encode(), aad)
        return turned[::-1]


def registry(connection):
    return SQLGrantRegistry(connection, MarkingCipher())


async def test_a_grant_comes_back_as_it_was_with_every_event(database):
    """By id and by person, in order; another person's and an unknown id are not there; words only where asked for."""
    await database.write(lambda c: metadata.create_all(c, tables=list(metadata.tables.values())))
    revoke = GrantEvent("revoke", 150, "officer", text="wrong patient", exchange="x1")
    other = Grant(
        "bg-2", "dr-ivy", "ward", OTHER, 50, (GrantEvent("open", 50, "dr-ivy", until=60, text="fits"),)
    )

    def write(c):
        registry(c).open(OPEN)
        registry(c).open(other)
        registry(c).add(OPEN, revoke)

    await database.write(write)
    whole = Grant("bg-1", "dr-ivy", "ward", HER, 100, (*OPEN.events, revoke))
    assert await database.read(lambda c: registry(c).get("bg-1")) == whole
    mine = await database.read(lambda c: registry(c).of_person("dr-ivy", (HER,)))
    assert [grant.id for grant in mine] == ["bg-2", "bg-1"]
    assert mine[1] == whole
    assert mine[0].reasons == ()
    assert [g.id for g in await database.read(lambda c: registry(c).since(51))] == ["bg-1"]
    assert await database.read(lambda c: registry(c).of_person("dr-yew", (HER,))) == ()
    assert await database.read(lambda c: registry(c).get("bg-3")) is None
    sealed = await database.read(lambda c: c.execute(select(breakglass_event.c.sealed)).scalars().all())
    assert all(b"fell" not in item for item in sealed)


async def test_the_epoch_rises_with_all_but_a_use(database):
    """What changes who is barred is found by a release; a use changes nothing of that."""
    await database.write(lambda c: metadata.create_all(c, tables=list(metadata.tables.values())))
    await database.write(lambda c: registry(c).open(OPEN))
    epochs = []
    for kind in ("use", "revoke"):
        epochs.append(await database.read(lambda c: registry(c).epoch("dr-ivy")))
        await database.write(lambda c, kind=kind: registry(c).add(OPEN, GrantEvent(kind, 150, "x")))
    epochs.append(await database.read(lambda c: registry(c).epoch("dr-ivy")))
    assert epochs[0] == epochs[1] < epochs[2]
