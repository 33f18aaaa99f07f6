"""The room in memory: for tests, and for commands that keep nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gateway.records.room import Room, Secrets, assemble
from gateway.records.rows import ContributionRow, Found, LinkRow, MemberRow, PersonRow, RecordRow


def memory_room(secrets: Secrets) -> Room:
    """An empty room."""
    return assemble(MemoryKeys(), MemoryIndex(), MemoryRecords(), secrets)


class MemoryKeys:
    """`KeyRows` in a dict."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes | None] = {}
        self._attached: dict[str, str] = {}

    def get(self, names: Iterable[str]) -> Mapping[str, bytes | None]:
        return {name: self.keys[name] for name in names if name in self.keys}

    def add(self, name: str, wrapped: bytes) -> bool:
        return self.keys.setdefault(name, wrapped) is wrapped

    def attach(self, name: str, person: str) -> None:
        self._attached[name] = person

    def erase(self, person: str) -> int:
        names = [name for name, to in self._attached.items() if to == person] + [person]
        live = [name for name in names if self.keys.get(name) is not None]
        self.keys.update(dict.fromkeys(names))
        return len(live)


class MemoryIndex:
    """`IndexRows` in dicts."""

    def __init__(self) -> None:
        self._persons: dict[str, PersonRow] = {}
        self._links: dict[str, LinkRow] = {}
        self._tokens: dict[str, frozenset[bytes]] = {}

    def lock(self, tokens: Iterable[bytes]) -> None:
        return None

    def persons(self, ids: Iterable[str]) -> Mapping[str, PersonRow]:
        return {id: self._persons[id] for id in ids if id in self._persons}

    def joined_to(self, person: str) -> tuple[str, ...]:
        return tuple(sorted(row.id for row in self._persons.values() if row.joined == person))

    def save_person(self, row: PersonRow) -> None:
        self._persons[row.id] = row

    def owners(self, tokens: Iterable[bytes]) -> frozenset[str]:
        wanted = frozenset(tokens)
        return frozenset(owner for owner, own in self._tokens.items() if own & wanted)

    def set_tokens(self, owner: str, tokens: Iterable[bytes]) -> None:
        self._tokens[owner] = frozenset(tokens)

    def links_of(self, patients: Iterable[str]) -> Mapping[str, LinkRow]:
        return {p: self._links[p] for p in patients if p in self._links}

    def links_to(self, persons: Iterable[str]) -> tuple[LinkRow, ...]:
        wanted = set(persons)
        return tuple(self._links[p] for p in sorted(self._links) if self._links[p].person in wanted)

    def save_link(self, row: LinkRow) -> None:
        self._links[row.patient] = row


class MemoryRecords:
    """`RecordRows` in dicts."""

    def __init__(self) -> None:
        self._records: dict[str, RecordRow] = {}
        self._said: dict[tuple[str, str], ContributionRow] = {}
        self._members: dict[tuple[str, str], MemberRow] = {}

    def get(self, refs: Iterable[str]) -> Mapping[str, RecordRow]:
        return {ref: self._records[ref] for ref in refs if ref in self._records}

    def insert(self, rows: Sequence[RecordRow]) -> None:
        self._records |= {row.ref: row for row in rows}

    def update(self, rows: Sequence[RecordRow]) -> None:
        self._records |= {row.ref: row for row in rows}

    def add(self, contributions: Sequence[ContributionRow]) -> None:
        self._said |= {(row.ref, row.intake): row for row in contributions}

    def touch(self, members: Sequence[MemberRow]) -> None:
        for row in members:
            known = self._members.get((row.ref, row.patient))
            if known is None or row.seen >= known.seen:
                self._members[(row.ref, row.patient)] = row

    def leave(self, ref: str, stays: Sequence[str]) -> None:
        gone = [key for key in self._members if key[0] == ref and key[1] not in stays]
        self._members |= {key: replace(self._members[key], active=False) for key in gone}

    def retire(self, patients: Sequence[str], source: str, intakes: Sequence[str], seen: str) -> int:
        gone = [
            (key, row)
            for key, row in self._members.items()
            if row.patient in patients
            and row.source == source
            and row.active
            and row.seen <= seen
            and not any((row.ref, intake) in self._said for intake in intakes)
        ]
        self._members |= {key: replace(row, active=False, seen=seen) for key, row in gone}
        return len(gone)

    def of_patients(self, patients: Sequence[str], sources: Sequence[str] | None) -> list[Found]:
        return [
            (record, self._said[(record.ref, record.intake)], row)
            for row in self._members.values()
            if row.active and row.patient in patients and (sources is None or row.source in sources)
            for record in (self._records[row.ref],)
        ]

    def current(self, ref: str) -> Found | None:
        record = self._records.get(ref)
        rows = sorted((row for row in self._members.values() if row.ref == ref), key=lambda row: row.patient)
        if record is None or not rows:
            return None
        return record, self._said[(ref, record.intake)], rows[0]

    def history(self, ref: str) -> tuple[ContributionRow, ...]:
        rows = [row for row in self._said.values() if row.ref == ref]
        return tuple(sorted(rows, key=lambda row: (row.event_time, row.sequence, row.rank, row.arrival)))
