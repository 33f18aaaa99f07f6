"""`carepact consent import`: many consents from a file, with a report of what became of each row."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, read_file, write_file
from gateway.cli.options import AsOption, ConfigOption, DryRunOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, say, warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.exchange.consent_import import ImportRow, Outcome

MAX_IMPORT = 1024 * 1024 * 1024
STEP = 500
LOOK_BACK = 90 * 86_400


def import_consents(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv|BUNDLE.json")],
    reason: ReasonOption,
    on_error: Annotated[
        str, typer.Option("--on-error", help="stop: all or nothing; skip: the others.")
    ] = "stop",
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Store what cannot be computed: it denies until repaired.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write what became of each row here, JSON lines.")
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Record many consents. The same file again changes nothing: rows are known by their source_key."""
    if on_error not in ("stop", "skip"):
        raise Problem("invalid", expression="--on-error", hint="stop or skip")
    data = read_file(file, "FILE", limit=MAX_IMPORT)

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.cli.consent_rows import rows_from_file
        from gateway.exchange.consent_import import ConsentImport

        by = act_now(node, reason)
        rows = rows_from_file(data, at=by.at, zone=node.settings.node.civil_timezone)
        flips = await _flips(node, rows) if report is not None else None
        work = ConsentImport(node.node, node.consents, by, quarantine=quarantine)
        if on_error == "stop":
            done = await work.all_or_nothing(rows, dry_run=dry_run, told=_progress(len(rows)))
        else:
            done = await work.each(rows, dry_run=dry_run, told=_progress(len(rows)))
        return _report(done, flips)

    rows = with_node(config, as_node, act)
    if report is not None:
        write_file(report, b"".join(json.dumps(row).encode() + b"\n" for row in rows), "--report")
    for row in rows if as_json else ():
        emit_json(row)
    if not as_json:
        _told(rows, dry_run)
    if any(row["outcome"] == "rejected" for row in rows):
        raise typer.Exit(int(Exit.USAGE if on_error == "stop" else Exit.PARTIAL))


def _report(done: "Sequence[Outcome]", flips: list[int] | None) -> list[dict[str, Any]]:
    rows = [asdict(one) for one in done]
    for place, flip in enumerate(flips or ()):
        rows[place]["would_flip"] = flip
    return rows


async def _flips(node: "Runtime", rows: "Sequence[ImportRow]") -> list[int]:
    told, found = _progress(len(rows), "looked at"), []
    for row in rows:
        found.append(await _would_flip(node, row))
        told(len(found))
    return found


async def _would_flip(node: "Runtime", row: "ImportRow") -> int:
    """How many decisions of the last 90 days would have come out otherwise; 0 where nobody is known by it."""
    from consent.errors import Uncomputable
    from gateway.exchange.consent_import import id_from_key
    from gateway.exchange.drafts import draft_of_consent
    from gateway.exchange.questions import what_if

    if row.document is None or row.patient is None or row.fault is not None:
        return 0
    person = await node.consents.subject_of(row.patient)
    if person is None:
        return 0
    id = id_from_key(row.source_key)
    try:
        draft = draft_of_consent(row.document(id, person, None), person, id, node.consents.resolves)
    except Uncomputable:
        return 0
    since = int(node.clock().timestamp()) - LOOK_BACK
    return len((await what_if(node.node, draft, since=since, person=person)).flips)


def _progress(total: int, done_with: str = "done") -> Any:
    """A line on a terminal now and then."""

    def told(done: int) -> None:
        if done % STEP == 0 and sys.stderr.isatty():
            warn(f"{done} of {total} rows {done_with}")

    return told


def _told(rows: list[dict[str, Any]], dry_run: bool) -> None:
    for row in rows:
        if row["outcome"] == "rejected":
            say(f"row {row['row']}  rejected  {row['path']}: {row['code']}")
        elif row["cautions"]:
            say(f"row {row['row']}  {row['outcome']}  caution: {', '.join(row['cautions'])}")
    counts = {name: sum(row["outcome"] == name for row in rows)
              for name in ("created", "superseded", "unchanged", "rejected", "not-written")}  # fmt: skip
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name == "created")
    say(f"{len(rows)} rows: {said}")
    if dry_run:
        say("dry run: nothing was stored")
