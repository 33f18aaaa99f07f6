"""Keys of data at rest under another KEK, a page a unit of work (envelope.md 12).

A row is replaced only if it is still what was read: a key that is erased meanwhile stays erased.
"""

from collections.abc import Callable

from sqlalchemy import Connection, select, update

from gateway.records.tables import subject_key
from gateway.records.vault import place_of_key

Turned = Callable[[bytes, bytes], bytes | None]
"""(wrapped, aad) -> the same under the new KEK; None where it is already."""
PAGE = 500


def rewrap_page(connection: Connection, after: str, turned: Turned) -> tuple[str | None, int]:
    """The next page behind the name `after`: its last name (None at the end), and how many were turned."""
    rows = connection.execute(
        select(subject_key.c.name, subject_key.c.wrapped)
        .where(subject_key.c.name > after, subject_key.c.wrapped.is_not(None))
        .order_by(subject_key.c.name)
        .limit(PAGE)
    ).all()
    done = 0
    for name, wrapped in rows:
        anew = turned(wrapped, place_of_key(name))
        if anew is not None:
            same = (subject_key.c.name == name, subject_key.c.wrapped == wrapped)
            done += connection.execute(update(subject_key).where(*same).values(wrapped=anew)).rowcount
    return (rows[-1].name if rows else None), done
