"""The processes of a running sandbox: which live, how to stop one, and what a provider is told."""

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.sandbox.state import Process, State

StateOption = Annotated[
    Path | None, typer.Option("--state", help="Folder of the sandbox; else CAREPACT_SANDBOX or your home.")
]

SOURCES = {
    "gp": "greenfield.example/gp",
    "hospital": "st-brides.example/adt",
    "specialist": "harbour.example/letters",
}
"""What a provider is called as a source of the node, as `exchange pull` shows it."""


def running(state: Path | None) -> "State":
    """The sandbox of this folder. Raises `not_found`, naming the next step."""
    from gateway.sandbox.state import default_folder, read

    held = read((state or default_folder()).absolute())
    if held is None:
        raise Problem("not_found", hint="no sandbox is running: carepact sandbox up")
    return held


def provider(held: "State", name: str) -> "Process":
    """The process of a provider. Raises `invalid`."""
    process = held.process(name)
    if process is None or name not in SOURCES:
        raise Problem("invalid", expression="target", hint=f"one of {', '.join(SOURCES)}")
    return process


def living_providers(held: "State") -> "list[Process]":
    """Providers that can be told something."""
    return [process for process in held.processes if process.name in SOURCES and alive(process)]


def tell(process: "Process", method: str, path: str, body: Any = None) -> Any:
    """One call of a provider's control surface. Raises `invalid` with what it knows, or `unavailable`."""
    from urllib.error import HTTPError

    from gateway.sandbox.federation import control

    try:
        return control(process.url, method, path, body)
    except HTTPError as refused:
        told = json.loads(refused.read() or b"{}")
        known = ", ".join(told.get("known", []))
        said = [str(told.get("error", "")), f"known: {known}" if known else ""]
        raise Problem("invalid", expression="fault", hint="; ".join(filter(None, said)) or None) from None
    except OSError:
        raise Problem(
            "unavailable", hint=f"{process.name} does not answer: carepact sandbox status"
        ) from None


def faults_of(process: "Process") -> list[dict[str, Any]]:
    """The faults that are on at a provider; none of what is no provider or is down."""
    if process.name not in SOURCES or not alive(process):
        return []
    return [fault for fault in tell(process, "GET", "faults") if isinstance(fault, dict)]


def alive(process: "Process") -> bool:
    """Whether it is still the very process that was started: a pid may be reused."""
    from gateway.sandbox.federation import started_at

    try:
        os.kill(process.pid, 0)
    except OSError:
        return False
    return process.started in (0.0, started_at(process.pid))


def stop(process: "Process") -> None:
    """SIGTERM, and after ten seconds SIGKILL."""
    if not alive(process):
        return
    os.kill(process.pid, signal.SIGTERM)
    until = time.monotonic() + 10
    while alive(process) and time.monotonic() < until:
        time.sleep(0.05)
    if alive(process):
        os.kill(process.pid, signal.SIGKILL)


def row_from_process(process: "Process") -> dict[str, Any]:
    """One line of `sandbox status`; a provider with the name that the node has for it."""
    state = "ready" if alive(process) else "down"
    return {
        "name": process.name,
        "source": SOURCES.get(process.name, ""),
        "state": state,
        "address": process.url,
    }
