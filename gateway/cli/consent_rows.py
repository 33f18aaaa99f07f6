"""From the file of an import to its rows: CSV, or a Bundle of FHIR Consents byte for byte (consent.md 17)."""

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from gateway.errors import Problem

if TYPE_CHECKING:
    from adapters.interface import Identifier
    from gateway.exchange.consent_import import ImportRow

_NEEDED = ("patient_system", "patient_id", "effect", "purposes")


def rows_from_file(data: bytes, *, at: datetime, zone: str) -> "list[ImportRow]":
    """Every row, readable or with its fault. Raises `invalid` for what is neither kind of file."""
    if data.lstrip()[:1] == b"{":
        return list(_rows_from_bundle(data))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problem("invalid", expression="FILE", hint="this file is no UTF-8 text") from None
    try:
        return list(_rows_from_csv(text, at, ZoneInfo(zone)))
    except csv.Error:
        raise Problem("invalid", expression="FILE", hint="this file is no CSV") from None


def _rows_from_csv(text: str, at: datetime, zone: ZoneInfo) -> "Iterator[ImportRow]":
    from consent.errors import Uncomputable
    from consent.rows import COLUMNS
    from gateway.exchange.consent_import import ImportRow

    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    names = list(rows.fieldnames or ())
    if set(names) - set(COLUMNS) or len(set(names)) != len(names):
        hint = f"a column is unknown or stands twice; known are {', '.join(COLUMNS)} (docs/files.md)"
        raise Problem("invalid", expression="FILE", hint=hint)
    if missing := [name for name in _NEEDED if name not in names]:
        hint = f"the columns {', '.join(missing)} are missing (docs/files.md)"
        raise Problem("invalid", expression="FILE", hint=hint)
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            yield ImportRow(
                number, "", fault=Uncomputable("row", "has more or fewer columns than the header")
            )
            continue
        stated = {name: (row.get(name) or "").strip() for name in COLUMNS}
        key = stated["source_key"] or hashlib.sha256("\0".join(stated.values()).encode()).hexdigest()
        fault = Uncomputable("source_key", "stands twice in this file") if key in seen else None
        seen.add(key)
        yield ImportRow(
            number,
            key,
            _identifier(stated),
            partial(_document, row=stated, at=at, zone=zone),
            stated["supersedes"],
            fault or (None if _identifier(stated) else Uncomputable("patient_id", "is not stated")),
        )


def _identifier(row: dict[str, str]) -> "Identifier | None":
    from adapters.interface import Identifier
    from gateway.cli.person import canonical

    if not (row["patient_system"] and row["patient_id"]):
        return None
    return canonical(Identifier(row["patient_system"], row["patient_id"]))


def _document(
    id: str, subject: str, held: bytes | None, *, row: dict[str, str], at: datetime, zone: ZoneInfo
) -> bytes:
    """The row's Consent. Where only its date would differ from what is held, it is what is held."""
    from consent.fhir import document_from_bytes, document_to_bytes
    from consent.rows import document_from_row

    document = document_from_row(row, id=id, patient=subject, at=at, instant=partial(_instant, zone=zone))
    if held is not None:
        known = document_from_bytes(held)
        if {**known, "dateTime": ""} == {**document, "dateTime": ""}:
            return held
    return document_to_bytes(document)


def _instant(written: str, last: bool, *, zone: ZoneInfo) -> str:
    """A local day, month or year as the instant of its first or last moment there; an instant as it is."""
    from consent.errors import Uncomputable

    if "T" in written:
        return written
    try:
        return _end(written, zone, last=last)
    except (ValueError, OverflowError):
        raise Uncomputable("period", "is out of range") from None


def _end(written: str, zone: ZoneInfo, *, last: bool) -> str:
    year, month, day = (int(part) for part in [*written.split("-"), "1", "1"][:3])
    first = datetime(year, month, day, tzinfo=zone)
    if not last:
        return first.isoformat()
    parts = written.count("-")
    if parts == 2:
        after = (first.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    elif parts == 1:
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    else:
        after = datetime(year + 1, 1, 1, tzinfo=zone)
    local = after.replace(tzinfo=None) - timedelta(microseconds=1)
    return local.replace(tzinfo=zone).isoformat()


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"null")


class _Bundle(msgspec.Struct):
    resourceType: str
    entry: list[_Entry] = []


def _rows_from_bundle(data: bytes) -> "Iterator[ImportRow]":
    from consent.errors import Uncomputable
    from consent.fhir import document_from_bytes
    from gateway.exchange.consent_import import ImportRow

    try:
        bundle = msgspec.json.decode(data, type=_Bundle)
    except (msgspec.DecodeError, RecursionError):
        raise Problem("invalid", expression="FILE", hint="this file is no FHIR Bundle") from None
    if bundle.resourceType != "Bundle":
        raise Problem("invalid", expression="FILE", hint="this file is no FHIR Bundle")
    seen: set[str] = set()
    for number, entry in enumerate(bundle.entry, 1):
        raw = bytes(entry.resource)
        try:
            consent = document_from_bytes(raw)
            patient = _patient(consent)
            if consent.get("resourceType") != "Consent":
                raise Uncomputable("resourceType", "is no Consent")
        except Uncomputable as fault:
            yield ImportRow(number, "", fault=fault)
            continue
        key = _key(consent, raw)
        again = Uncomputable("identifier", "stands twice in this file") if key in seen else None
        seen.add(key)
        yield ImportRow(number, key, patient, partial(_as_received, raw=raw), fault=again)


def _as_received(id: str, subject: str, held: bytes | None, *, raw: bytes) -> bytes:
    return raw


def _patient(consent: dict[str, Any]) -> "Identifier | str":
    from adapters.interface import Identifier
    from consent.errors import Uncomputable
    from gateway.cli.person import canonical

    named = consent.get("patient")
    named = named if isinstance(named, dict) else {}
    found = named.get("identifier")
    if (
        isinstance(found, dict)
        and isinstance(found.get("system"), str)
        and isinstance(found.get("value"), str)
    ):
        return canonical(Identifier(found["system"], found["value"]))
    reference = named.get("reference")
    if isinstance(reference, str) and reference.startswith("Patient/"):
        return reference
    raise Uncomputable("Consent.patient", "names nobody: give an identifier, or a Patient held here")


def _key(consent: dict[str, Any], raw: bytes) -> str:
    """Its first identifier, else its id, else its bytes."""
    found = consent.get("identifier")
    first = found[0] if isinstance(found, list) and found else None
    if isinstance(first, dict) and isinstance(first.get("value"), str):
        return f"{first.get('system', '')}|{first['value']}"
    id = consent.get("id")
    return f"Consent/{id}" if isinstance(id, str) else hashlib.sha256(raw).hexdigest()
