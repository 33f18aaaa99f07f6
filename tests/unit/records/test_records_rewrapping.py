"""Keys of patients and originals under another KEK, page by page, on either database."""

import os
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from gateway.records import rewrapping
from gateway.records.rewrapping import rewrap_page
from gateway.records.tables import subject_key
from gateway.records.vault import place_of_key
from keys.errors import KeyFault
from keys.store.wrapper import RawWrapper

pytestmark = pytest.mark.anyio
OLD, NEW = (RawWrapper(bytes((n,)) * 32, os.urandom) for n in (1, 2))


def turned(wrapped: bytes, aad: bytes) -> bytes | None:
    """As `TurningWrapper.turned`."""
    try:
        NEW.unwrap(wrapped, aad)
    except KeyFault:
        return NEW.wrap(OLD.unwrap(wrapped, aad), aad)
    return None


async def walk(database: Any) -> int:
    """All pages; how many rows were turned."""
    after, total = "", 0
    while True:
        start = after
        last, done = await database.write(
            lambda connection, start=start: rewrap_page(connection, start, turned)
        )
        total += done
        if last is None:
            return total
        after = last


async def test_every_row_is_turned_once(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven rows in pages of three, one of them erased: six are turned, the second walk finds none, all open."""
    monkeypatch.setattr(rewrapping, "PAGE", 3)
    names = [f"Patient/{n}" for n in range(6)]
    rows = [
        {"name": name, "wrapped": OLD.wrap(name.encode().ljust(32), place_of_key(name))} for name in names
    ]
    await database.write(lambda c: c.execute(insert(subject_key), rows))
    await database.write(lambda c: c.execute(insert(subject_key).values(name="gone", wrapped=None)))
    assert [await walk(database) for _ in range(2)] == [6, 0]
    held = await database.read(lambda c: c.execute(select(subject_key.c.name, subject_key.c.wrapped)).all())
    plain = {name: NEW.unwrap(wrapped, place_of_key(name)) for name, wrapped in held if wrapped is not None}
    assert plain == {name: name.encode().ljust(32) for name in names} and len(held) == 7


async def test_a_key_that_is_erased_meanwhile_stays_erased(database: Any) -> None:
    """Between reading and writing a page the patient is erased: her key does not come back."""
    name = "Patient/1"
    row = {"name": name, "wrapped": OLD.wrap(bytes(32), place_of_key(name))}
    await database.write(lambda c: c.execute(insert(subject_key).values(row)))

    def racing(connection: Any) -> tuple[str | None, int]:
        def turn(wrapped: bytes, aad: bytes) -> bytes | None:
            connection.execute(update(subject_key).values(wrapped=None))
            return turned(wrapped, aad)

        return rewrap_page(connection, "", turn)

    assert (await database.write(racing))[1] == 0
    assert await database.read(lambda c: c.scalar(select(subject_key.c.wrapped))) is None
