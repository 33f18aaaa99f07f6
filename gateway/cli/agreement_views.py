"""`carepact agreement list | diff | matrix`: what is agreed, what a version changes, what may flow where."""

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import instant_from_option, write_file
from gateway.cli.agreement_words import (
    differences_of_documents,
    matrix_from_agreements,
    rows_from_agreements,
)
from gateway.cli.options import AsOfOption, AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import STDOUT, emit_rows
from gateway.errors import Problem

if TYPE_CHECKING:
    from datetime import datetime

    from consent.interface import StoredAgreement
    from gateway.bootstrap import Runtime

_COLUMNS = ("id", "version", "status", "providers", "recipients", "purposes", "signed", "start", "end")
_MATRIX = ("custodian", "recipient", "purpose", "flows", "under", "limits", "stopped")
STATUSES = ("draft", "proposed", "half-signed", "active", "suspended", "terminated", "expired", "superseded")
_EMPTY = "no agreement: carepact agreement new --help"


def register_views(app: typer.Typer) -> None:
    """Add the three commands."""
    app.command("list", epilog="Example: carepact agreement list --expiring 60d")(list_agreements)
    app.command("diff", epilog="Example: carepact agreement diff D1@3 D1@4")(diff)
    app.command("matrix", epilog="Example: carepact agreement matrix --csv > matrix.csv")(matrix)


def list_agreements(
    expiring: Annotated[
        str | None, typer.Option(help="In force, and ending or due for review within this span, like 60d.")
    ] = None,
    status: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(STATUSES)}.")] = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Every version with its status. Status is what the signed statements add up to."""
    if status is not None and status not in STATUSES:
        raise Problem("invalid", expression="--status", hint=", ".join(STATUSES))
    span = None if expiring is None else span_from_text(expiring)

    async def act(node: "Runtime") -> "tuple[datetime, tuple[StoredAgreement, ...], frozenset[str]]":
        from gateway.exchange.agreements import Agreements

        at, known = await _known(node, as_of)
        return at, known, await Agreements(node.node).proposed(at)

    at, known, sent = with_node(config, as_node, act)
    rows = [row for row in rows_from_agreements(known, at, sent=sent) if status in (None, row["status"])]
    if span is not None:
        last = (at + span).isoformat()
        rows = [row for row in rows if row["status"] == "active" and _due(row) and _due(row) <= last]
    asked = "none of them: carepact agreement list" if known else _EMPTY
    columns = _COLUMNS if span is None else (*_COLUMNS, "review_due")
    emit_rows(rows, columns, as_json=as_json, empty=asked)


def _due(row: dict[str, Any]) -> str:
    """The first day on which something ends, as ISO text; empty if nothing ever does."""
    return min((day for day in (row["end"], row["review_due"]) if day), default="")


def span_from_text(text: str) -> timedelta:
    """A span ahead like `60d 8w 1y`. Raises `invalid`."""
    from gateway.cli.act import hours_from_text

    hours = hours_from_text(text)
    if hours is None:
        raise Problem("invalid", expression="--expiring", hint="use a span like 60d")
    return timedelta(hours=hours)


def diff(
    before: Annotated[str, typer.Argument(metavar="ID@VERSION")],
    after: Annotated[str, typer.Argument(metavar="ID@VERSION")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """What one version says otherwise than another: members, and terms by their id."""

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.exchange.agreements import Agreements

        desk, at = Agreements(node.node), node.clock()
        one, other = [await desk.get(*ref_from_text(text), at=at) for text in (before, after)]
        return differences_of_documents(json.loads(one.document), json.loads(other.document))

    rows = with_node(config, as_node, act)
    emit_rows(rows, ("change", "what", "before", "after"), as_json=as_json, empty="they say the same")


def ref_from_text(text: str) -> tuple[str, int | None]:
    """`D1@3`; without a version the newest. Raises `invalid`."""
    id, at, version = text.rpartition("@")
    if not at:
        return text, None
    if not id or not (version.isascii() and version.isdigit()) or len(version) > 7:
        raise Problem("invalid", expression="ID@VERSION", hint="like D1@3, or D1 for the newest")
    return id, int(version)


def matrix(
    as_csv: Annotated[bool, typer.Option("--csv", help="The same rows as CSV.")] = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Which organisation may send to which for what: agreements alone, before law and consent."""
    if as_csv and as_json:
        raise Problem("invalid", expression="--csv", hint="--csv or --json, not both")

    async def act(node: "Runtime") -> "tuple[datetime, tuple[StoredAgreement, ...]]":
        return await _known(node, as_of)

    at, known = with_node(config, as_node, act)
    rows = matrix_from_agreements(known, at)
    if as_csv:
        write_file(STDOUT, _csv(rows), "--csv")
    else:
        emit_rows(rows, _MATRIX, as_json=as_json, empty=_EMPTY)


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    written = csv.DictWriter(text, _MATRIX, lineterminator="\n")
    written.writeheader()
    for row in rows:
        written.writerow({name: ";".join(v) if isinstance(v, list) else v for name, v in row.items()})
    return text.getvalue().encode()


async def _known(node: "Runtime", as_of: str | None) -> "tuple[datetime, tuple[StoredAgreement, ...]]":
    from gateway.exchange.agreements import Agreements

    at = instant_from_option(as_of, node.clock())
    return at, await Agreements(node.node).known(at)
