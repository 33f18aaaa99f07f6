"""Records by key: every contribution kept, the latest by event current (normalisation.md 3.4).

`state(key) = fold(contributions sorted by (event time, sequence, rank, arrival))`: the latest wins.
So out of order equals in order, a repetition changes nothing, and history is kept.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gateway.records.interface import Contribution, PatientIndex, Put, Record, SealBroken, Version
from gateway.records.rows import ContributionRow, Found, MemberRow, RecordRow, RecordRows
from gateway.records.vault import Vault


class Records:
    """`RecordStore` over any `RecordRows`."""

    def __init__(self, rows: RecordRows, vault: Vault, index: PatientIndex) -> None:
        self._rows = rows
        self._vault = vault
        self._index = index

    def put(self, contributions: Sequence[Contribution], *, seen: str) -> Put:
        known = self._rows.get(c.ref for c in contributions)
        new: list[RecordRow] = []
        moved: list[RecordRow] = []
        changed: list[str] = []
        said: list[ContributionRow] = []
        for c in contributions:
            row = known.get(c.ref)
            said.append(self._sealed(c, with_body=row is None or row.content != c.content))
            if row is None:
                new.append(_row(c))
            elif c.order > row.order:
                moved.append(_moved(row, c))
                changed += [c.ref] if row.content != c.content else []
        # Contributions first: a record points at the one that is current.
        self._rows.add(said)
        self._rows.insert(new)
        self._rows.update(moved)
        self._rows.touch([MemberRow(c.ref, p, c.source, seen) for c in contributions for p in c.patients])
        created = tuple(row.ref for row in new)
        same = {row.ref for row in moved} - set(changed)
        older = {c.ref for c in contributions} - set(created) - {row.ref for row in moved}
        return Put(created, tuple(changed), tuple(sorted(same)), tuple(sorted(older)))

    def of_person(
        self,
        person: str,
        sources: Iterable[str] | None = None,
        *,
        aliases: Mapping[str, str] | None = None,
    ) -> tuple[Record, ...]:
        patients = list(self._index.aliases(person) if aliases is None else aliases)
        found = self._rows.of_patients(patients, None if sources is None else tuple(sources))
        newest: dict[str, Found] = {}
        for item in sorted(found, key=lambda item: (item[2].seen, item[2].patient)):
            newest[item[0].ref] = item
        self._vault.load(item[1].key for item in newest.values())
        ordered = sorted(newest.values(), key=lambda item: (item[0].custodian, item[0].source, item[0].ref))
        return tuple(self._opened(item) for item in ordered)

    def hold(self, refs: Iterable[str]) -> None:
        """Until the unit of work ends nobody else changes these resources."""
        self._rows.get(refs)

    def current(self, ref: str) -> Record | None:
        found = self._rows.current(ref)
        return self._remembered(found) if found else None

    def history(self, ref: str) -> tuple[Version, ...]:
        rows = self._rows.history(ref)
        bodies = {
            row.content: self._vault.open(row.key, row.body, aad("record", row))
            for row in rows
            if row.body is not None
        }
        acts = {
            row.content: self._vault.open(row.key, row.act, aad("act", row))
            for row in rows
            if row.act is not None
        }
        return tuple(
            Version(
                row.intake,
                row.event_time,
                row.sequence,
                row.arrival,
                bodies[row.content],
                acts.get(row.content, b""),
            )
            for row in rows
        )

    def amend(
        self,
        ref: str,
        body: bytes | None,
        digest: bytes = b"",
        *,
        memory: bytes = b"",
        new_version: bool = True,
    ) -> bool:
        found = self._rows.current(ref)
        if found is None or (body is None and found[0].folded is None):
            return False
        record, said, _ = found
        if body is not None:
            held = self._remembered(found)
            if (body, memory) == (held.body, held.memory):
                return False
        row = replace(
            record, version=record.version + new_version, folded=None, folded_digest=None, memory=None
        )
        if body is not None:
            folded = self._vault.seal(said.key, body, aad("folded", said))
            row = replace(row, folded=folded)
            row = replace(row, folded_digest=self._vault.seal(said.key, digest, aad("folded-digest", said)))
            if memory:
                row = replace(row, memory=self._vault.seal(said.key, memory, aad("memory", said)))
        self._rows.update([row])
        return True

    def leave(self, ref: str, stays: Sequence[str]) -> None:
        self._rows.leave(ref, stays)

    def retire(self, patients: Sequence[str], source: str, *, intakes: Sequence[str], seen: str) -> int:
        return self._rows.retire(patients, source, intakes, seen)

    def _remembered(self, found: Found) -> Record:
        row, said, _ = found
        opened = self._opened(found)
        if row.memory is None:
            return opened
        return replace(opened, memory=self._vault.open(said.key, row.memory, aad("memory", said)))

    def _sealed(self, c: Contribution, *, with_body: bool) -> ContributionRow:
        sha256 = hashlib.sha256(c.body).digest()
        row = ContributionRow(
            c.ref, c.intake, c.key, c.event_time, c.sequence, c.rank, c.arrival, c.content, sha256
        )
        if not with_body:
            return row
        body = self._vault.seal(c.key, c.body, aad("record", row))
        act = self._vault.seal(c.key, c.act, aad("act", row)) if c.act else None
        digest = self._vault.seal(c.key, c.digest, aad("digest", row))
        return replace(row, body=body, digest=digest, act=act)

    def _opened(self, found: Found) -> Record:
        record, said, member = found
        what, body, digest = "", said.body, said.digest
        if record.folded is not None:
            what, body, digest = "folded", record.folded, record.folded_digest
        if body is None or digest is None:
            raise SealBroken
        plain = self._vault.open(said.key, body, aad(what or "record", said))
        return Record(
            ref=record.ref,
            patient=member.patient,
            body=plain,
            digest=self._vault.open(said.key, digest, aad(f"{what}-digest" if what else "digest", said)),
            sha256=hashlib.sha256(plain).digest() if what else said.sha256,
            custodian=record.custodian,
            source=record.source,
            version=record.version,
            intake=record.intake,
            event_time=record.event_time,
            seen=member.seen,
            order=record.order,
        )


def _row(c: Contribution) -> RecordRow:
    return RecordRow(
        c.ref, c.custodian, c.source, 1, c.event_time, c.sequence, c.rank, c.arrival, c.intake, c.content
    )


def _moved(row: RecordRow, c: Contribution) -> RecordRow:
    """The row after a later contribution; one that says the same moves it in time only."""
    later = replace(row, event_time=c.event_time, sequence=c.sequence, rank=c.rank, arrival=c.arrival)
    if row.content == c.content:
        return later
    return replace(
        later,
        version=row.version + 1,
        intake=c.intake,
        content=c.content,
        folded=None,
        folded_digest=None,
        memory=None,
    )


def aad(what: str, row: ContributionRow) -> bytes:
    """What a sealed value of a contribution is bound to."""
    return f"{what}\0{row.ref}\0{row.intake}".encode()
