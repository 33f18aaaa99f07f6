"""`carepact sandbox fault`: break a provider on purpose."""

import json
from typing import Annotated, Any

import typer

from gateway.cli.noun import noun
from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, emit_rows, say
from gateway.cli.sandbox_parts import (
    SOURCES,
    StateOption,
    faults_of,
    living_providers,
    provider,
    running,
    tell,
)
from gateway.errors import Problem

_EXAMPLES = """Examples:

\b
  carepact sandbox fault add specialist down
  carepact sandbox fault add gp latency ms=800 times=3
  carepact sandbox fault clear"""

app = noun("Break a provider: add, list, clear.", _EXAMPLES)

_COLUMNS = ("target", "source", "kind", "parameters", "used")
_PUSHES = "a feed pushes: only messages that it sends from now on are affected, what it sent is held"


@app.command("add", epilog="Example: carepact sandbox fault add gp latency ms=800 times=3")
def add(
    target: Annotated[str, typer.Argument(help="gp, hospital or specialist.")],
    kind: Annotated[str, typer.Argument(help="down, latency, http, truncate, wrong_patient, …")],
    parameters: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE, such as ms=800 times=3")] = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a fault to those already on; an unknown kind is answered with the known ones."""
    process = provider(running(state), target)
    wanted = {"kind": kind} | dict(_parameter(text) for text in parameters or [])
    _require_known(wanted, target)
    faults = [_plain(fault) for fault in faults_of(process)]
    tell(process, "PUT", "faults", [*faults, wanted])
    if as_json:
        emit_json({"target": target, "source": SOURCES[target]} | wanted)
        return
    say(f"{target} ({SOURCES[target]}): {kind} is on; carepact sandbox fault clear ends it")
    if target == "hospital":
        say(_PUSHES)


@app.command("list", epilog="Example: carepact sandbox fault list --json")
def list_faults(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Faults that are on."""
    rows = [
        {"target": process.name, "source": SOURCES[process.name]} | fault
        for process in living_providers(running(state))
        for fault in faults_of(process)
    ]
    if not as_json:
        rows = [row | {"parameters": _words(row)} for row in rows]
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="no fault is on")


@app.command("clear", epilog="Example: carepact sandbox fault clear")
def clear(state: StateOption = None, as_json: JsonOption = False) -> None:
    """End every fault of every provider."""
    ended = 0
    for process in living_providers(running(state)):
        ended += len(faults_of(process))
        tell(process, "DELETE", "faults")
    if as_json:
        emit_json({"cleared": ended})
    else:
        say(f"cleared: {ended} {'fault' if ended == 1 else 'faults'}; no fault is on")


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (equals and name):
        raise Problem("invalid", expression="parameters", hint="use NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _require_known(wanted: dict[str, Any], target: str) -> None:
    """Checked here as the provider checks it, so that the refusal names the parameter as it was typed."""
    from gateway.sandbox.mocks.faults import FaultRefused, fault_from_json

    try:
        fault_from_json(wanted, target)
    except FaultRefused as refused:
        known = f"; known: {', '.join(refused.known)}" if refused.known else ""
        about = "kind" if refused.reason == "unknown kind" else "parameters"
        raise Problem("invalid", expression=about, hint=f"{refused.reason}{known}") from None


def _plain(fault: dict[str, Any]) -> dict[str, Any]:
    """A listed fault as it is given again."""
    return {name: value for name, value in fault.items() if value not in (None, {}, []) and name != "used"}


def _words(fault: dict[str, Any]) -> list[str]:
    shown = {name: value for name, value in _plain(fault).items() if name not in ("target", "source", "kind")}
    return [
        f"{name}={value}"
        for name, value in shown.items()
        if (name, value) not in (("probability", 1.0), ("after", 0))
    ]
