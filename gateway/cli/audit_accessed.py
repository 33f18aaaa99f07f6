"""`carepact audit accessed`: who saw or changed what of one patient: for the office, machines, and her."""

import csv
import io
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import instant_from_seconds, seconds_from_text, write_file
from gateway.cli.options import (
    AsOption,
    ConfigOption,
    JsonOption,
    PatientOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import STDOUT, emit_json, emit_rows, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.audit.interface import Disclosure
    from gateway.bootstrap import Runtime

_COLUMNS = ("at", "kind", "who", "organisation", "purpose", "what", "reason", "leaf")
_CSV = (*_COLUMNS[:-1], "roles", "withheld_for", "client", "exchange", "leaf", "hash")
FORMATS = ("table", "csv", "fhir")
_EMPTY = "nobody, in the time asked for"


def accessed(
    patient: PatientOption,
    since: Annotated[str | None, typer.Option(help="A date, or a span like 30d, 1y.")] = None,
    format: Annotated[str, typer.Option(help="table; csv; fhir: a Bundle of AuditEvents.")] = "table",
    for_patient: Annotated[
        bool, typer.Option("--for-patient", help="In plain sentences, to be handed to her.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of the patient: en, de.")] = "en",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Who saw or changed what of one patient. Reading this is itself logged."""
    from gateway.cli.audit_patient import LANGUAGES, sentences

    if format not in FORMATS:
        raise Problem("invalid", expression="--format", hint=", ".join(FORMATS))
    if (for_patient or as_json) and format != "table":
        raise Problem("invalid", expression="--format", hint="either --format, --json or --for-patient")
    if lang not in LANGUAGES:
        raise Problem("invalid", expression="--lang", hint=f"one of {', '.join(LANGUAGES)}")
    identifier = identifier_from_text(patient)
    view = "accessed" if format != "fhir" else "events"

    async def act(node: "Runtime") -> "tuple[str, str, tuple[Disclosure, ...]]":
        from gateway.cli.audit import read_and_log
        from gateway.cli.person import person_of

        person = await person_of(node, identifier)
        start = seconds_from_text(since, node.clock(), "--since") if since else 0
        found = await node.database.write(lambda c: read_and_log(c, node, person, start, view=view))
        return node.node.member, person, found

    me, person, found = with_node(config, as_node, act)
    if format == "fhir":
        emit_json(_bundle(me, person, found))
    elif format == "csv":
        write_file(STDOUT, _csv([_row(one) for one in found]), "--format")
    elif for_patient:
        told = [{"at": instant_from_seconds(one.at), "said": sentences(one, me, lang)} for one in found]
        _tell(told, as_json)
    else:
        emit_rows([_row(one) for one in found], _COLUMNS, as_json=as_json, empty=_EMPTY)


def _tell(told: list[dict[str, Any]], as_json: bool) -> None:
    for row in told:
        if as_json:
            emit_json(row)
        else:
            say(f"{row['at'][:10]}  {row['said']}")
    if not told and not as_json:
        say(_EMPTY)


def _bundle(me: str, person: str, found: "tuple[Disclosure, ...]") -> dict[str, Any]:
    entries = [{"resource": event} for event in audit_events_of(me, person, found)]
    return {"resourceType": "Bundle", "type": "collection"} | ({"entry": entries} if entries else {})


def audit_events_of(me: str, person: str, found: "tuple[Disclosure, ...]") -> list[dict[str, Any]]:
    """The leaves as FHIR AuditEvents by IHE BALP, oldest first."""
    from gateway.exchange.audit_events import projected

    return projected(me, person, found)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    written = csv.DictWriter(text, _CSV, lineterminator="\n", extrasaction="ignore")
    written.writeheader()
    for row in rows:
        written.writerow({name: _inert(";".join(v) if isinstance(v, list) else v) for name, v in row.items()})
    return text.getvalue().encode()


def _inert(value: Any) -> Any:
    """What a spreadsheet would run as a formula is text: reasons are what people typed."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def _row(one: "Disclosure") -> dict[str, Any]:
    detail = one.detail
    what = detail.get("operation") or detail.get("consent") or detail.get("view") or ""
    return {
        "leaf": one.index,
        "at": instant_from_seconds(one.at),
        "kind": one.kind,
        "who": detail.get("practitioner") or one.peer or detail.get("by") or "",
        "client": one.peer,
        "organisation": detail.get("organisation", ""),
        "roles": detail.get("roles", []),
        "purpose": detail.get("purpose", ""),
        "what": what,
        "reason": detail.get("reason") or ", ".join(detail.get("permitted", [])),
        "withheld_for": detail.get("denied", []),
        "exchange": detail.get("exchange", ""),
        "hash": one.hash.hex(),
    }
