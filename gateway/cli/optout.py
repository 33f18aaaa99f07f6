"""`carepact optout`: a list of people cleaned before it is used for a secondary purpose (consent.md 17)."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.act import operator, read_file, write_file
from gateway.cli.noun import noun
from gateway.cli.options import (
    AsOption,
    ConfigOption,
    DryRunOption,
    JsonOption,
    ReasonOption,
    required_reason,
    with_node,
)
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from adapters.interface import Identifier
    from consent.floor import FloorPack
    from gateway.bootstrap import Runtime

_EXAMPLES = """Example:

\b
  carepact optout apply --in cohort.csv --out cleaned.csv --purpose HRESCH --pack uk \\
      --reason 'study 7, ethics 2026/14'

The file has a header, and names people in a column `identifier` (SYSTEM|VALUE) or in two columns
`patient_system` and `patient_id`. Rows are kept whole or left out; people unknown here are left out."""

app = noun("Lists of people without those who opted out: apply.", _EXAMPLES)
MAX_LIST = 256 * 1024 * 1024


@app.callback()
def root() -> None:
    """Lists of people without those who opted out."""


@app.command(
    epilog="Example: carepact optout apply --in IDS.csv --out CLEANED.csv --purpose HRESCH --reason 'study 7'"
)
def apply(
    source: Annotated[Path, typer.Option("--in", help="CSV that names people.")],
    out: Annotated[Path, typer.Option("--out", help="The cleaned CSV.")],
    purpose: Annotated[str, typer.Option(help="v3 ActReason code, like HRESCH.")],
    reason: ReasonOption,
    pack: Annotated[str | None, typer.Option(help="Shipped pack or file; default: the node's own.")] = None,
    org: Annotated[str | None, typer.Option(help="Who would use it; default: this node.")] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Leave out those who may not be used for the purpose. Counted apart: who is unknown here."""
    why = required_reason(reason)
    names, rows = _read(source)
    listed = [_identifier(row) for row in rows]

    async def act(node: "Runtime") -> tuple[str, ...]:
        from consent.vocabulary import PURPOSE_UP
        from gateway.exchange.optout import OptOut, apply_optout
        from gateway.exchange.rehearsal import write_or_rehearse

        if purpose not in PURPOSE_UP:
            raise Problem("invalid", expression="--purpose", hint="a v3 ActReason code, like HRESCH")
        floor = node.node.floor if pack is None else _pack(pack)
        asked = OptOut(purpose, floor, org or node.node.member, node.clock(), operator(), why)
        return await write_or_rehearse(
            node.database, lambda c: apply_optout(c, node.node, asked, listed), dry_run
        )

    places = with_node(config, as_node, act)
    kept = [row for row, place in zip(rows, places, strict=True) if place == "kept"]
    if not dry_run:
        write_file(out, _written(names, kept), "--out")
    counts = {name: places.count(name) for name in ("kept", "removed", "unknown")}
    if as_json:
        emit_json({"listed": len(rows), **counts, "dry_run": dry_run})
        return
    said = f"{counts['kept']} kept, {counts['removed']} removed, {counts['unknown']} unknown here"
    say(f"{len(rows)} listed: {said}")
    if dry_run:
        say("dry run: nothing was written")


def _read(source: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        text = read_file(source, "--in", limit=MAX_LIST).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        names, rows = list(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, csv.Error):
        raise Problem("invalid", expression="--in", hint="this file is no CSV in UTF-8") from None
    by_two = {"patient_system", "patient_id"} <= set(names)
    if (not by_two and "identifier" not in names) or len(set(names)) != len(names):
        raise Problem("invalid", expression="--in", hint="a column identifier, or patient_system, patient_id")
    if any(None in row or None in row.values() for row in rows):
        raise Problem("invalid", expression="--in", hint="a row has other columns than the header")
    return names, rows


def _identifier(row: dict[str, str]) -> "Identifier | None":
    from adapters.interface import Identifier

    system, _, value = row.get("identifier", "").partition("|")
    system, value = row.get("patient_system", system).strip(), row.get("patient_id", value).strip()
    return Identifier(system, value) if system and value else None


def _written(names: list[str], rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    written = csv.DictWriter(text, names, lineterminator="\n")
    written.writeheader()
    written.writerows(rows)
    return text.getvalue().encode()


def _pack(named: str) -> "FloorPack":
    from consent.floor import floor_from_bytes, shipped_packs

    shipped = shipped_packs()
    return floor_from_bytes(shipped[named] if named in shipped else read_file(Path(named), "--pack"))
