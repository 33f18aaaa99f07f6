"""Bulk import of consents: each row the same consent whenever it is imported, all of them or each for itself.

1. A row's id follows from its key, so a second import finds what the first one wrote.
2. All or nothing: one unit of work; the first row that is refused undoes it. Else a unit a row.
3. Each version has its ledger leaf, as if the desk had recorded it.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from adapters.interface import Identifier
from consent.errors import StaleVersion, Uncomputable
from consent.fhir import document_from_bytes, document_to_bytes, withdrawn
from consent.lint import cautions_of_consent
from consent.record import consent_from_stored
from gateway.errors import Problem
from gateway.exchange.act import Act
from gateway.exchange.cautions import presumes
from gateway.exchange.consents import Consents
from gateway.exchange.node import Node
from gateway.exchange.rehearsal import write_or_rehearse


@dataclass(frozen=True, slots=True)
class ImportRow:
    """`document`: bytes for this person, given the bytes held until now. `fault`: why it cannot be read."""

    row: int
    source_key: str
    patient: Identifier | str | None = None
    document: Callable[[str, str, bytes | None], bytes] | None = None
    """(consent id, `Patient/<index id>`, the held bytes or None) to the new bytes."""
    supersedes: str = ""
    fault: Uncomputable | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """`outcome`: created, unchanged, superseded, rejected, or not-written (another row was rejected)."""

    row: int
    source_key: str
    id: str
    outcome: str
    code: str = ""
    path: str = ""
    cautions: tuple[str, ...] = ()
    """Codes of what it may mean otherwise than it seems (`consent.lint`); it is stored all the same."""


class _Stopped(Exception):
    """Undoes the unit; `outcome` is the row's that stopped it."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__("an import was stopped")


def id_from_key(source_key: str) -> str:
    """The id of the consent that a row with this key is."""
    return f"i-{hashlib.sha256(source_key.encode()).hexdigest()[:24]}"


class ConsentImport:
    """Rows into consents of this node."""

    def __init__(self, node: Node, consents: Consents, act: Act, *, quarantine: bool = False) -> None:
        self._node = node
        self._consents = consents
        self._act = act
        self._quarantine = quarantine
        self._presumes = presumes(node)

    async def all_or_nothing(
        self,
        rows: Sequence[ImportRow],
        *,
        dry_run: bool = False,
        told: Callable[[int], None] = lambda n: None,
    ) -> tuple[Outcome, ...]:
        """Every row, or none: then the rejected row is named and the others are `not-written`."""

        def unit(connection: Connection) -> tuple[Outcome, ...]:
            found = []
            for row in rows:
                found.append(self._row(connection, row))
                if found[-1].outcome == "rejected":
                    raise _Stopped(found[-1])
                told(len(found))
            return tuple(found)

        try:
            return await write_or_rehearse(self._node.database, unit, dry_run)
        except _Stopped as stopped:
            return tuple(
                stopped.outcome if row.row == stopped.outcome.row
                else Outcome(row.row, row.source_key, id_from_key(row.source_key), "not-written")
                for row in rows
            )  # fmt: skip

    async def each(
        self,
        rows: Iterable[ImportRow],
        *,
        dry_run: bool = False,
        told: Callable[[int], None] = lambda n: None,
    ) -> tuple[Outcome, ...]:
        """Every row that can be; the others are rejected. `told` hears how many are done."""
        found = []
        for row in rows:
            found.append(await self._alone(row, dry_run))
            told(len(found))
        return tuple(found)

    async def _alone(self, row: ImportRow, dry_run: bool) -> Outcome:
        def unit(connection: Connection) -> Outcome:
            outcome = self._row(connection, row)
            if outcome.outcome == "rejected":
                raise _Stopped(outcome)  # a person who was registered for it is undone too
            return outcome

        try:
            return await write_or_rehearse(self._node.database, unit, dry_run)
        except _Stopped as stopped:
            return stopped.outcome

    def _row(self, connection: Connection, row: ImportRow) -> Outcome:
        done = Outcome(row.row, row.source_key, id_from_key(row.source_key), "rejected")
        if row.fault is not None or row.document is None or row.patient is None:
            fault = row.fault or Uncomputable("row", "cannot be read")
            return replace(done, code=fault.why, path=fault.path)
        try:
            outcome, cautions = self._written(connection, done.id, row)
            return replace(done, outcome=outcome, cautions=cautions)
        except Uncomputable as fault:
            return replace(done, code=fault.why, path=fault.path)
        except Problem as problem:
            if problem.category.name not in ("conflict", "not_available"):
                raise
            return replace(done, code=problem.category.name, path="patient")
        except StaleVersion:
            return replace(done, code="conflict", path="source_key")

    def _written(self, connection: Connection, id: str, row: ImportRow) -> tuple[str, tuple[str, ...]]:
        assert row.document is not None
        assert row.patient is not None
        registry = self._consents.registry(connection)
        held = registry.current(id)
        subject = self._consents.subject(connection, row.patient, self._act.at)
        persons = self._node.room(connection).index.persons(subject)
        if held is not None and held.subject not in persons:
            raise Uncomputable("source_key", "is another patient's")
        subject = held.subject if held is not None else subject
        document = row.document(id, subject, None if held is None else held.document)
        if held is not None and held.document == document:
            return "unchanged", ()
        replaced = self._withdrawn(connection, row.supersedes, persons) if row.supersedes else False
        stored = self._consents.put(
            connection, id, subject, document, self._act, held, quarantine=self._quarantine
        )
        found = cautions_of_consent(consent_from_stored(stored), opt_out=self._presumes)
        told = tuple(dict.fromkeys(one.code for one in found))
        return "superseded" if held is not None or replaced else "created", told

    def _withdrawn(self, connection: Connection, key: str, persons: Sequence[str]) -> bool:
        """Withdraw the consent of another key that this row takes the place of."""
        held = self._consents.registry(connection).current(id_from_key(key))
        if held is None or held.subject not in persons:
            raise Uncomputable("supersedes", "names no consent of this patient")
        document = document_from_bytes(held.document)
        if withdrawn(document) != document:
            changed = document_to_bytes(withdrawn(document))
            self._consents.put(connection, held.id, held.subject, changed, self._act, held)
        return True
