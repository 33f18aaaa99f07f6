"""`carepact consent export`: what a patient said, for another system, in three shapes (consent.md 17)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import operator, write_file
from gateway.cli.options import (
    AsOfOption,
    AsOption,
    ConfigOption,
    PatientOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import STDOUT, warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from adapters.interface import Identifier
    from consent.interface import StoredConsent
    from gateway.bootstrap import Runtime

FORMATS = ("fhir", "csv", "jsonl")


def export(
    patient: PatientOption,
    format: Annotated[
        str, typer.Option(help="fhir: a Bundle; jsonl: a Consent a line; csv: the columns of import.")
    ] = "fhir",
    every: Annotated[bool, typer.Option("--all", help="Withdrawn ones too; never in CSV.")] = False,
    as_of: AsOfOption = None,
    out: Annotated[Path | None, typer.Option(help="A new file, 0600; default: stdout.")] = None,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """A patient's consents for another system, of each the newest version. Reading them so is logged.

    In FHIR each is byte for byte as it is kept. CSV cannot say everything: what it cannot say is
    left out and named, with exit 7.
    """
    if format not in FORMATS:
        raise Problem("invalid", expression="--format", hint=", ".join(FORMATS))
    identifier = identifier_from_text(patient)

    async def act(node: "Runtime") -> "Sequence[StoredConsent]":
        return await _held(node, identifier, as_of)

    held = with_node(config, as_node, act)
    if not every or format == "csv":
        held = [one for one in held if _status(one) == "active"]
    data, left = _written(format, held, identifier)
    if out is None:
        write_file(STDOUT, data, "--out")
    else:
        from gateway.cli.envelope_files import write_private

        write_private(out, data, "--out")
    for id in left:
        warn(f"carepact: consent {id} says more than the columns can: take it with --format fhir")
    if left:
        raise typer.Exit(int(Exit.PARTIAL))


async def _held(node: "Runtime", identifier: "Identifier", as_of: str | None) -> "Sequence[StoredConsent]":
    """The newest version of each, by id; and the leaf that says that they were read."""
    from gateway.audit import ledger
    from gateway.audit.interface import Entry
    from gateway.cli.act import instant_from_option
    from gateway.cli.person import canonical, person_of

    person = await person_of(node, identifier)
    now = node.clock()
    known = await node.consents.of_patient(canonical(identifier), instant_from_option(as_of, now))
    detail = {"view": "consents", "by": operator()}
    entry = Entry("report", int(now.timestamp()), person=person, detail=detail)
    await node.database.write(
        lambda c: ledger.append(
            c, entry, me=node.node.member, vault=node.node.room(c).vault, entropy=node.entropy
        )
    )
    newest = {one.id: one for one in sorted(known, key=lambda one: one.version)}
    return [newest[id] for id in sorted(newest)]


def _status(stored: "StoredConsent") -> str:
    from consent.record import consent_from_stored

    return consent_from_stored(stored).status


def _written(
    format: str, held: "Sequence[StoredConsent]", identifier: "Identifier"
) -> tuple[bytes, list[str]]:
    """The bytes, and the ids of those that the format cannot say."""
    import json

    if format == "fhir":
        entries = b",".join(b'{"resource":' + one.document + b"}" for one in held)
        head = b'{"resourceType":"Bundle","type":"collection"'
        return head + (b',"entry":[' + entries + b"]" if held else b"") + b"}\n", []
    if format == "jsonl":
        lines = [
            json.dumps(json.loads(one.document), ensure_ascii=False, separators=(",", ":")) for one in held
        ]
        return "".join(f"{line}\n" for line in lines).encode(), []
    return _csv(held, identifier)


def _csv(held: "Sequence[StoredConsent]", identifier: "Identifier") -> tuple[bytes, list[str]]:
    import csv
    import io

    from consent.rows import COLUMNS

    text, left = io.StringIO(), []
    written = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    written.writeheader()
    for one in held:
        row = row_from_consent_document(one, identifier)
        if row is None:
            left.append(one.id)
        else:
            written.writerow(row)
    return text.getvalue().encode(), left


def row_from_consent_document(stored: "StoredConsent", identifier: "Identifier") -> dict[str, str] | None:
    """The columns of one consent; None unless reading the row again gives a consent that decides the same."""
    from dataclasses import replace

    from consent.errors import Uncomputable
    from consent.fhir import document_from_bytes
    from consent.record import consent_from_json
    from consent.rows import document_from_row

    try:
        document = document_from_bytes(stored.document)
        view = consent_from_json(document, patient=stored.subject)
        row = _columns(document, stored, identifier)
        again = document_from_row(
            row, id=stored.id, patient=stored.subject, at=_given(document), instant=_as_written
        )
    except (Uncomputable, LookupError, TypeError, AttributeError, ValueError):
        return None
    read = consent_from_json(again, patient=stored.subject)
    same = replace(read, id=view.id, version=view.version, known=view.known, recorder=view.recorder)
    same = replace(same, given=view.given, given_until=view.given_until)
    if _own(document, stored):  # who is not stated is the patient: another node calls her otherwise
        view = replace(view, performers=())
    return row if same == view else None


def _own(document: Any, stored: "StoredConsent") -> bool:
    """She gave it herself, by the name that she has here."""
    return [one.get("reference") for one in document.get("performer", [])] == [stored.subject]


def _as_written(written: str, last: bool) -> str:
    return written


def _given(document: dict[str, Any]) -> "datetime":
    from datetime import UTC, datetime

    return datetime.fromisoformat(str(document["dateTime"])).astimezone(UTC)


def _columns(document: dict[str, Any], stored: "StoredConsent", identifier: "Identifier") -> dict[str, str]:
    """What the columns can hold of it; whether that is all, reading it back tells."""
    root, performer = document["provision"], document.get("performer", [])
    source = document.get("sourceReference", {})
    return {
        "patient_system": identifier.system,
        "patient_id": identifier.value,
        "effect": str(root["type"]),
        "purposes": _codes(root.get("purpose")),
        "recipients": ";".join(_org(actor["reference"]) for actor in _listed(root.get("actor"))),
        "custodians": ";".join(_org(one) for one in _listed(document.get("organization"))),
        "labels": _codes(root.get("securityLabel")),
        "classes": _codes(root.get("class")),
        "data_from": _end(root, "dataPeriod", 0),
        "data_to": _end(root, "dataPeriod", 1),
        "valid_from": _end(root, "period", 0),
        "valid_to": _end(root, "period", 1),
        "performer": "" if _own(document, stored) or not performer else performer[0]["reference"],
        "evidence_ref": source.get("display", ""),
        "source_key": stored.id,
        "supersedes": "",
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _codes(value: Any) -> str:
    return ";".join(str(coding["code"]) for coding in _listed(value))


def _org(reference: dict[str, Any]) -> str:
    return str(reference["reference"]).removeprefix("Organization/")


def _end(root: dict[str, Any], name: str, side: int) -> str:
    """A stated end as an instant: a day would be a local day of whoever reads the row."""
    from consent.instants import datetime_from_micros, instant_text, interval

    written = root.get(name, {}).get(("start", "end")[side])
    span = interval(written) if written else None
    return instant_text(datetime_from_micros(span[side])) if span else ""
