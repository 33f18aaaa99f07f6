"""Taking back what one original said, so that it can be mapped again (normalisation.md 1, rule 10).

Its contributions move to `contribution_past` as they are; what others said of the same resources stands as if
it had never spoken. Nothing is erased, versions go on counting. For a node's database only.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select, update

from gateway.records.rows import ContributionRow
from gateway.records.store import aad
from gateway.records.tables import contribution, contribution_past, record
from gateway.records.vault import Vault

_NOBODY = {
    "event_time": "",
    "sequence": -(2**63),
    "rank": 0,
    "arrival": 0,
    "intake": "",
    "content": bytes(32),
}
"""Place of a resource that nobody says any more: whatever comes is later."""
_UNFOLDED = {"folded": None, "folded_digest": None, "memory": None}


def said_by(connection: Connection, intake: str) -> dict[str, ContributionRow]:
    """What stands of an original, by `Type/id`."""
    found = connection.execute(select(contribution).where(contribution.c.intake == intake))
    rows = (ContributionRow(**row._mapping) for row in found)
    return {row.ref: row for row in rows}


def withdraw(
    connection: Connection, vault: Vault, intake: str, *, at: str, settle: Callable[[str], None]
) -> tuple[str, ...]:
    """Take back all that the original said. `settle` is told each ref that others still speak of.

    Returns the refs of which nobody says anything now. `at`: FHIR instant.
    """
    rows = said_by(connection, intake)
    silent = []
    for ref in sorted(rows):
        connection.execute(select(record.c.ref).where(record.c.ref == ref).with_for_update())
        rest = [row for row in _all(connection, ref) if row.intake != intake]
        _hand_over(connection, vault, rows[ref], rest)
        _set_aside(connection, rows[ref], at)
        if rest:
            _rebase(connection, ref, [row for row in _all(connection, ref) if row.intake != intake])
            settle(ref)
        else:
            connection.execute(update(record).where(record.c.ref == ref).values(**_NOBODY, **_UNFOLDED))
            silent.append(ref)
    return tuple(silent)


def keep_versions(connection: Connection, versions: dict[str, int]) -> None:
    """Resources that say what they said before keep the number of their version."""
    for ref, version in versions.items():
        connection.execute(update(record).where(record.c.ref == ref).values(version=version))


def _all(connection: Connection, ref: str) -> list[ContributionRow]:
    found = connection.execute(select(contribution).where(contribution.c.ref == ref))
    return [ContributionRow(**row._mapping) for row in found]


def _hand_over(
    connection: Connection, vault: Vault, gone: ContributionRow, rest: Sequence[ContributionRow]
) -> None:
    """A body that stood for several equal statements goes to one of those that stay."""
    same = [row for row in rest if row.content == gone.content]
    if gone.body is None or not same or any(row.body is not None for row in same):
        return
    heir = same[0]
    values: dict[str, bytes | None] = {"body": _resealed(vault, "record", gone, heir, gone.body)}
    for name, sealed in (("digest", gone.digest), ("act", gone.act)):
        values[name] = None if sealed is None else _resealed(vault, name, gone, heir, sealed)
    where = (contribution.c.ref == heir.ref) & (contribution.c.intake == heir.intake)
    connection.execute(update(contribution).where(where).values(**values))


def _resealed(vault: Vault, what: str, gone: ContributionRow, heir: ContributionRow, sealed: bytes) -> bytes:
    return vault.seal(heir.key, vault.open(gone.key, sealed, aad(what, gone)), aad(what, heir))


def _set_aside(connection: Connection, row: ContributionRow, at: str) -> None:
    connection.execute(insert(contribution_past).values(replaced=at, **asdict(row)))
    where = (contribution.c.ref == row.ref) & (contribution.c.intake == row.intake)
    connection.execute(delete(contribution).where(where))


def _rebase(connection: Connection, ref: str, rest: Sequence[ContributionRow]) -> None:
    """The latest of what stays is current, shown by one that has its body."""
    latest = max(rest, key=lambda row: (row.event_time, row.sequence, row.rank, row.arrival))
    shown = next(row for row in rest if row.content == latest.content and row.body is not None)
    place = {name: getattr(latest, name) for name in ("event_time", "sequence", "rank", "arrival", "content")}
    query = update(record).where(record.c.ref == ref)
    values = place | {"intake": shown.intake, "version": record.c.version + 1} | _UNFOLDED
    connection.execute(query.values(**values))
