"""`carepact demo`: the tour, shown as it happens. Last line `demo: ok`, exit 0 only if every step held."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.noun import noun
from gateway.cli.output import emit_json, emit_rows, say, warn
from gateway.errors import Exit

_EXAMPLES = """With your own files:

\b
  carepact demo --gp record.json --hospital adt.hl7 oru.hl7 --specialist ccd.xml

They stay in a temporary folder that ends with the demo.

Exit codes: 0 every step held, 10 a step did not hold or a file cannot be used."""

app = noun("One real exchange, end to end, on this machine alone.")

_ENDED = 143
"""What a shell calls a command that SIGTERM ended."""


@app.command(epilog=_EXAMPLES)
def demo(
    gp: Annotated[
        list[Path] | None,
        typer.Option("--gp", metavar="FILE", help="GP Connect structured record, FHIR STU3 JSON."),
    ] = None,
    hospital: Annotated[
        list[Path] | None,
        typer.Option("--hospital", metavar="FILE...", help="HL7 v2 messages; several files at once."),
    ] = None,
    specialist: Annotated[
        list[Path] | None, typer.Option("--specialist", metavar="FILE", help="CDA documents.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a step.")] = False,
) -> None:
    """One real exchange, end to end: a node, three providers, a health system, on this machine alone.

    Without files: synthetic patients. With files: one exchange for each person found in them.
    """
    from gateway.sandbox.given import tour_of_files
    from gateway.sandbox.steps import tour
    from gateway.sandbox.tour import Step, StepFailed

    files = {"gp": gp or [], "hospital": hospital or [], "specialist": specialist or []}

    def show(step: Step) -> None:
        if as_json:
            emit_json(_plain(step))
            return
        mark = "!" if step.failed else "*"
        say(f"{mark} {step.name}" + (f": {step.detail}" if step.detail else ""))
        if step.rows:
            emit_rows(step.rows, step.columns, as_json=False, empty="")
            say("")

    try:
        run = tour_of_files(files, show) if any(files.values()) else tour(show)
        whole = asyncio.run(_ended_by_signals(run))
    except StepFailed as failed:
        warn(f"carepact: a step of the demo did not hold: {failed}")
        _end(as_json, False)
        raise typer.Exit(Exit.CHECK_FAILED) from None
    except asyncio.CancelledError:
        raise typer.Exit(_ENDED) from None
    _end(as_json, whole)
    if not whole:
        raise typer.Exit(Exit.CHECK_FAILED)


async def _ended_by_signals(run: Coroutine[Any, Any, bool]) -> bool:
    """A closed terminal or a SIGTERM ends it as Ctrl-C does: nothing keeps running and no file stays."""
    task = asyncio.ensure_future(run)
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


def _plain(step: Any) -> dict[str, Any]:
    return {
        "step": step.name,
        "ok": not step.failed,
        "detail": step.detail,
        "seconds": round(step.seconds, 3),
        "rows": step.rows,
    }


def _end(as_json: bool, whole: bool) -> None:
    if as_json:
        emit_json({"demo": "ok" if whole else "failed"})
    else:
        say("demo: ok" if whole else "demo: not everything held (see the lines marked !)")
    sys.stdout.flush()
