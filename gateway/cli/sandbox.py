"""`carepact sandbox`: a node with mock providers on this machine, in the background and unsafe on purpose."""

import asyncio
import shutil
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gateway.cli import sandbox_fault
from gateway.cli.noun import noun
from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, emit_rows, say, warn
from gateway.cli.sandbox_parts import StateOption, alive, faults_of, row_from_process, running, stop
from gateway.errors import Exit, Problem

_EXAMPLES = """Examples:

\b
  carepact sandbox up
  carepact sandbox status --patients
  carepact exchange pull --patient patient_with_full_record --purpose TREAT
  carepact sandbox fault add specialist down
  carepact sandbox down

Exit codes: 0 done, 2 no such target or fault, 4 no sandbox is running, 8 a part of it is down."""

app = noun(
    "A node with mock providers on this machine: break it, measure against it. UnsafeDemoKeys.", _EXAMPLES
)
app.add_typer(sandbox_fault.app, name="fault")


@app.command(epilog="Example: carepact sandbox up --seed 7")
def up(
    seed: Annotated[int, typer.Option(help="Seed of the synthetic population.")] = 7,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start node and providers in the background, wait until ready, print addresses and what to do next."""
    from gateway.sandbox.federation import Federation
    from gateway.sandbox.population import populate
    from gateway.sandbox.state import default_folder, read

    folder = (state or default_folder()).absolute()
    held = read(folder)
    if held is None:
        today = datetime.fromtimestamp(time.time(), UTC).date().isoformat()
        federation = Federation(folder, seed=seed, today=today, detached=True)
        asyncio.run(_up(federation, populate))
        held = read(folder)
    elif not all(alive(process) for process in held.processes):
        raise Problem("unavailable", hint="a part of the sandbox is down: carepact sandbox down, then up")
    assert held is not None
    if as_json:
        emit_json({"folder": str(held.folder), "processes": [row_from_process(p) for p in held.processes]})
        return
    emit_rows(
        [row_from_process(p) for p in held.processes],
        ("name", "source", "state", "address"),
        as_json=False,
        empty="",
    )
    say("\nNext:")
    for line in (
        "carepact exchange pull --patient patient_with_full_record --purpose TREAT",
        "carepact consent list --patient patient_with_full_record",
        "carepact sandbox fault add specialist down",
        "carepact sandbox down",
    ):
        say(f"  {line}" + (f"     # export CAREPACT_SANDBOX={folder}" if state and "pull" in line else ""))


async def _up(federation: Any, populate: Any) -> None:
    await federation.start()
    try:
        await populate(federation)
    except BaseException:
        federation.stop()
        raise


@app.command(epilog="Example: carepact sandbox status --patients")
def status(
    patients: Annotated[bool, typer.Option("--patients", help="List the synthetic patients.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """One line per process; exit 8 if one is down."""
    held = running(state)
    if patients:
        from datetime import date

        from gateway.sandbox.mocks.population import Population

        people = Population(held.seed, date.fromisoformat(held.today)).patients
        rows = [
            {"name": p.label, "nhs_number": p.person.nhs_number}
            | {source: told["facts"] for source, told in p.counts().items()}
            for p in people
        ]
        columns = ("name", "nhs_number", "gp", "hospital", "specialist")
        emit_rows(rows, columns, as_json=as_json, empty="")
        return
    rows = [
        row_from_process(process) | {"faults": [fault["kind"] for fault in faults_of(process)]}
        for process in held.processes
    ]
    emit_rows(rows, ("name", "source", "state", "address", "faults"), as_json=as_json, empty="")
    if any(row["state"] == "down" for row in rows):
        warn("carepact: a part is down: carepact sandbox down, then carepact sandbox up")
        raise typer.Exit(Exit.NOT_READY)


@app.command(epilog="Example: carepact sandbox down")
def down(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the state folder.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop what `up` started and remove its folder; exit 0 when nothing runs."""
    from gateway.sandbox.state import default_folder, read

    folder = (state or default_folder()).absolute()
    held = read(folder)
    if held is None:
        _told_down(0, keep, as_json)
        return
    for process in held.processes:
        stop(process)
    if keep:
        (folder / "state.json").rename(folder / "state.kept.json")
    else:
        shutil.rmtree(folder)
    _told_down(len(held.processes), keep, as_json)


def _told_down(stopped: int, keep: bool, as_json: bool) -> None:
    if as_json:
        emit_json({"stopped": stopped, "folder_removed": bool(stopped) and not keep})
    elif not stopped:
        say("no sandbox is running")
    else:
        say("stopped" if keep else "stopped, and its folder removed")
