"""`carepact sandbox`: a node with mock providers on this machine, in the background and unsafe on purpose."""

import asyncio
import json
import os
import shutil
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, emit_rows, say, warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.sandbox.state import Process, State

app = typer.Typer(
    no_args_is_help=True,
    help="A node with mock providers on this machine: break it, measure against it. UnsafeDemoKeys.",
    epilog="carepact sandbox up; carepact exchange pull --patient patient_with_full_record --purpose TREAT",
)
StateOption = Annotated[
    Path | None, typer.Option("--state", help="Folder of the sandbox; else CAREPACT_SANDBOX or your home.")
]


@app.command()
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
    elif not all(_alive(process) for process in held.processes):
        raise Problem("unavailable", hint="a part of the sandbox is down: carepact sandbox down, then up")
    assert held is not None
    if as_json:
        emit_json({"folder": str(held.folder), "processes": [_row(p) for p in held.processes]})
        return
    emit_rows([_row(p) for p in held.processes], ("name", "state", "address"), as_json=False, empty="")
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


@app.command()
def status(
    patients: Annotated[bool, typer.Option("--patients", help="List the synthetic patients.")] = False,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """One line per process; exit 8 if one is down."""
    held = _running(state)
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
    rows = [_row(process) | {"faults": _faults(process)} for process in held.processes]
    emit_rows(rows, ("name", "state", "address", "faults"), as_json=as_json, empty="")
    if any(row["state"] == "down" for row in rows):
        warn("carepact: a part is down: carepact sandbox down, then carepact sandbox up")
        raise typer.Exit(Exit.NOT_READY)


@app.command()
def down(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the state folder.")] = False,
    state: StateOption = None,
) -> None:
    """Stop what `up` started and remove its folder; exit 0 when nothing runs."""
    from gateway.sandbox.state import default_folder, read

    folder = (state or default_folder()).absolute()
    held = read(folder)
    if held is None:
        say("no sandbox is running")
        return
    for process in held.processes:
        _stop(process)
    if keep:
        (folder / "state.json").rename(folder / "state.kept.json")
    else:
        shutil.rmtree(folder)
    say("stopped" if keep else "stopped, and its folder removed")


fault_app = typer.Typer(no_args_is_help=True, help="Break a provider: add, list, clear.")
app.add_typer(fault_app, name="fault")


@fault_app.command("add")
def fault_add(
    target: Annotated[str, typer.Argument(help="gp, hospital or specialist.")],
    kind: Annotated[str, typer.Argument(help="down, latency, http, truncate, wrong_patient, …")],
    parameters: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE, such as ms=800 times=3")] = None,
    state: StateOption = None,
) -> None:
    """Add a fault to those already on; an unknown kind is answered with the known ones."""
    process = _provider(_running(state), target)
    faults = [fault for fault in _control(process, "GET", "faults") if isinstance(fault, dict)]
    wanted = {"kind": kind} | dict(_parameter(text) for text in parameters or [])
    _control(process, "PUT", "faults", [*[_plain(fault) for fault in faults], wanted])
    say(f"{target}: {kind} is on; carepact sandbox fault clear ends it")


@fault_app.command("list")
def fault_list(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Faults that are on."""
    held = _running(state)
    rows = [
        {"target": process.name, **fault}
        for process in held.processes
        if process.name in ("gp", "hospital", "specialist") and _alive(process)
        for fault in _control(process, "GET", "faults")
    ]
    emit_rows(rows, ("target", "kind"), as_json=as_json, empty="no fault is on")


@fault_app.command("clear")
def fault_clear(state: StateOption = None) -> None:
    """End every fault of every provider."""
    for process in _running(state).processes:
        if process.name in ("gp", "hospital", "specialist") and _alive(process):
            _control(process, "DELETE", "faults")
    say("no fault is on")


def _running(state: Path | None) -> "State":
    from gateway.sandbox.state import default_folder, read

    held = read((state or default_folder()).absolute())
    if held is None:
        raise Problem("not_found", hint="no sandbox is running: carepact sandbox up")
    return held


def _provider(held: "State", name: str) -> "Process":
    process = held.process(name)
    if process is None or name == "greenfield":
        raise Problem("invalid", expression="target", hint="one of gp, hospital, specialist")
    return process


def _control(process: "Process", method: str, path: str, body: Any = None) -> Any:
    from urllib.error import HTTPError

    from gateway.sandbox.federation import control

    try:
        return control(process.url, method, path, body)
    except HTTPError as refused:
        told = json.loads(refused.read() or b"{}")
        known = ", ".join(told.get("known", []))
        raise Problem("invalid", expression="fault", hint=f"known: {known}" if known else None) from None
    except OSError:
        raise Problem(
            "unavailable", hint=f"{process.name} does not answer: carepact sandbox status"
        ) from None


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (equals and name):
        raise Problem("invalid", expression="parameters", hint="use NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _plain(fault: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fault.items() if value not in (None, {}, []) and name != "used"}


def _alive(process: "Process") -> bool:
    """Whether it is still the very process that was started: a pid may be reused."""
    from gateway.sandbox.federation import started_at

    try:
        os.kill(process.pid, 0)
    except OSError:
        return False
    return process.started in (0.0, started_at(process.pid))


def _stop(process: "Process") -> None:
    if not _alive(process):
        return
    os.kill(process.pid, signal.SIGTERM)
    until = time.monotonic() + 10
    while _alive(process) and time.monotonic() < until:
        time.sleep(0.05)
    if _alive(process):
        os.kill(process.pid, signal.SIGKILL)


def _row(process: "Process") -> dict[str, Any]:
    state = "ready" if _alive(process) else "down"
    return {"name": process.name, "state": state, "address": process.url}


def _faults(process: "Process") -> list[str]:
    if process.name == "greenfield" or not _alive(process):
        return []
    return [fault["kind"] for fault in _control(process, "GET", "faults")]
