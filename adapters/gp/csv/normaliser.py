"""An extract as delimited text to FHIR R4: one file, one batch (normalisation.md 5).

1 header and map must agree, else the file is refused · 2 each row typed on its own; a bad one is `failed`
with its number and the file goes on · 3 whose rows they are; rows that contradict each other about a person
are nobody's · 4 one Patient a key, one resource a row kind · 5 account, Provenance.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from adapters import codec, identity
from adapters.gp import subject
from adapters.gp.csv import people, reader
from adapters.gp.csv.columns import ColumnMap
from adapters.gp.csv.resources import MAPS, SUBJECT, notes
from adapters.gp.csv.rows import Layout, Read, RowFailed, TypedRow
from adapters.interface import JSON, Original, Source, SourceBatch
from adapters.losses import LossAccount, LossEntry, Losses, unreadable
from adapters.provenance import provenance_from_answer

ASSUMED = "urn:carepact:assumed"


class CSVNormaliser:
    """`Normaliser` of the extracts that one column map describes."""

    def __init__(self, columns: ColumnMap) -> None:
        self._columns = columns

    def normalise(self, original: Original, source: Source, at: datetime) -> SourceBatch:
        """Never raises on data. A file with another header is refused whole."""
        columns = replace(self._columns, zone=self._columns.zone or source.zone)
        mapping = f"csv:{columns.hash}"
        try:
            table = reader.read(original.body, columns)
        except reader.NoMatch:
            losses = unreadable(1, "format-not-supported")
            return SourceBatch((), None, losses, mapping, quarantine="unreadable")
        extract = _Extract(table, columns, source, original.intake or sha256(original.body).hexdigest())
        resources = extract.resources()
        losses = extract.losses()
        mixed_up = bool(extract.mixed_up) or subject.is_somebody_else(resources, original.asked)
        if original.asked and mixed_up:
            line = LossEntry("", losses.total, "failed", "wrong-patient")
            refused = Losses(losses.total, 0, (line,) if losses.total else ())
            return SourceBatch((), None, refused, mapping, quarantine="wrong-patient")
        provenance = None
        if resources:
            zoned = replace(source, zone=columns.zone)
            provenance = provenance_from_answer(resources, zoned, extract.anchor, mapping, at, None, losses)
        return SourceBatch(tuple(resources), provenance, losses, mapping)


class _Extract:
    """One file on its way. `resources()` once, then `losses()`."""

    def __init__(self, table: reader.Table, columns: ColumnMap, source: Source, anchor: str) -> None:
        self._source = source
        self._systems = columns.systems
        self.anchor = anchor
        self._accounts: list[LossAccount] = []
        rows: defaultdict[str, list[TypedRow]] = defaultdict(list)
        layout = Layout(columns, table.header)
        ignored = [n for n, name in enumerate(table.header, 1) if name in columns.ignore]
        for row in table.rows:
            account = layout.account_of(row)
            self._accounts.append(account)
            account.lose(ignored, "not-mapped", "policy", position=str(row.number))
            try:
                typed = layout.typed(row, account)
                rows[typed.patient].append(typed)
            except RowFailed as why:
                everything = range(1, len(table.header) + 1)
                account.lose(everything, "failed", why.reason, position=str(row.number))
        self.mixed_up = [whose for whose, mine in rows.items() if _of_two_people(mine)]
        for whose in self.mixed_up:
            for mine in rows.pop(whose):
                mine.fail("wrong-patient")
        self._rows = rows
        self._seen: dict[str, bytes] = {}

    def resources(self) -> list[JSON]:
        """Patients first, then what rows say, in their order."""
        patients, others = [], []
        for whose, rows in self._rows.items():
            patients.append(self._patient(whose, rows))
            for row in rows:
                others += self._clinical(row, f"Patient/{patients[-1]['id']}")
        return patients + others

    def losses(self) -> Losses:
        closed = [account.close() for account in self._accounts]
        entries = tuple(entry for losses in closed for entry in losses.entries)
        return Losses(sum(one.total for one in closed), sum(one.mapped for one in closed), entries)

    def _patient(self, whose: str, rows: list[TypedRow]) -> JSON:
        said = people.merged([row.kinds.get("patient", Read({})) for row in rows])
        first = rows[0]
        made = people.patient(
            said,
            self._systems,
            self._source,
            whose,
            lambda reason: first.account.remark(str(first.number), "altered", reason),
        )
        labels = []
        for row in rows:
            row.take_names()
            mine = row.kinds.pop("patient", Read({}))
            row.take("patient", {name for name, cell in mine.items() if cell.value == said[name].value})
            other = {name for name, cell in mine.items() if cell.value != said[name].value} - {"label"}
            for name in sorted(other):
                place = row.columns[("patient", name)]
                row.account.lose((place,), "not-mapped", "superseded", position=f"{row.number}:{place}")
            labels += self._labels("patient", row, mine)
            self._remark(row, "patient", mine)
        return self._made(made, f"Patient|{whose}", labels, [])

    def _clinical(self, row: TypedRow, patient: str) -> list[JSON]:
        found = []
        for kind, cells in row.kinds.items():
            assumed: list[str] = []
            made = MAPS[kind](cells, self._systems, assumed.append)
            made[SUBJECT.get(kind, "subject")] = {"reference": patient}
            said = notes(kind, cells)
            if said:
                made["note"] = said
            labels = self._labels(kind, row, cells)
            key = self._key(kind, row, made)
            if key is None:
                row.lose(kind, "not-mapped", "duplicate")
                continue
            row.take(kind, cells.used)
            self._remark(row, kind, cells)
            for reason, items in Counter(assumed).items():
                row.account.remark(str(row.number), "assumed", reason, items)
            zoned = ["zone"] if any(cell.assumed for cell in cells.values()) else []
            found.append(self._made(made, key, labels, sorted({*assumed, *zoned}), row.key))
        return found

    def _key(self, kind: str, row: TypedRow, made: JSON) -> str | None:
        """Business key of a row; None for one that says again, word for word, what another said before.

        Two rows of one key that differ are told apart by their content: which is right is not ours to say.
        """
        content = codec.encode(made)
        named = f"{kind}|{row.patient}|{row.key}" if row.key is not None else None
        if named is not None and self._seen.setdefault(named, content) == content:
            if f"{named}#" in self._seen:
                return None
            self._seen[f"{named}#"] = b""
            return named
        unnamed = f"{kind}|{row.patient}|{sha256(content).hexdigest()}"
        if unnamed in self._seen:
            return None
        self._seen[unnamed] = content
        row.account.remark(str(row.number), "assumed", "no-key")
        return unnamed

    def _labels(self, kind: str, row: TypedRow, cells: Read) -> list[JSON]:
        if "label" not in cells:
            return []
        row.take(kind, {"label"})
        return [{"system": self._systems[f"{kind}.label"], "code": cells["label"].value}]

    def _remark(self, row: TypedRow, kind: str, cells: Read) -> None:
        for name, cell in cells.items():
            if cell.assumed:
                row.account.remark(row.position(kind, name), "assumed", cell.assumed)
            if cell.altered:
                row.account.remark(row.position(kind, name), "altered", cell.altered)

    def _made(
        self, made: JSON, key: str, labels: list[JSON], assumed: list[str], local: str | None = None
    ) -> JSON:
        """With id, meta and the row's own name as identifier."""
        source = self._source
        kind = made["resourceType"]
        meta: JSON = {"source": identity.meta_source(source.custodian, source.id, self.anchor)}
        unique = [label for n, label in enumerate(labels) if label not in labels[:n]]
        if unique:
            meta["security"] = unique
        if assumed:
            meta["tag"] = [{"system": ASSUMED, "code": reason} for reason in assumed]
        new = identity.resource_id(source.id_key, kind, source.custodian, source.id, key)
        named = {}
        if local is not None:
            system = identity.local_system(source.custodian, source.id, "row")
            named = {"identifier": [{"system": system, "value": local}]}
        rest = {name: value for name, value in made.items() if name != "resourceType"}
        return {"resourceType": kind, "id": new, "meta": meta, **named, **rest}


def _of_two_people(rows: list[TypedRow]) -> bool:
    said = [row.kinds["patient"] for row in rows if "patient" in row.kinds]
    whole = people.merged(list(said))
    return any(people.contradicts(cells, whole) for cells in said)
