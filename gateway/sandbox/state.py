"""Where a sandbox keeps itself: one folder (0700) with `state.json`; and which one a command means."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gateway.config import locate
from gateway.errors import RefusedToStart

DEFAULT_NODE = "greenfield"


@dataclass(frozen=True, slots=True)
class Process:
    """One process that the sandbox started. `started`: kernel start time, so a reused pid is not ours."""

    name: str
    pid: int
    started: float
    url: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What `state.json` holds. Paths are absolute."""

    folder: Path
    seed: int
    today: str
    nodes: dict[str, str] = field(default_factory=dict)
    """Short node name to its configuration file."""
    processes: tuple[Process, ...] = ()

    def process(self, name: str) -> Process | None:
        return next((p for p in self.processes if p.name == name), None)


def default_folder() -> Path:
    """`$CAREPACT_SANDBOX`, else a folder of the user's own."""
    named = os.environ.get("CAREPACT_SANDBOX")
    return Path(named) if named else Path.home() / ".carepact-sandbox"


def write(state: State) -> None:
    """Atomically, readable by its owner alone."""
    value = asdict(state) | {"folder": str(state.folder)}
    temporary = state.folder / ".state.json"
    temporary.write_text(json.dumps(value, indent=1), "utf-8")
    temporary.chmod(0o600)
    temporary.replace(state.folder / "state.json")


def read(folder: Path) -> State | None:
    """The state of a sandbox in this folder, None if there is none."""
    try:
        value: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
        processes = tuple(Process(**p) for p in value.pop("processes"))
        return State(**(value | {"folder": Path(value["folder"]), "processes": processes}))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        raise RefusedToStart(f"{folder}/state.json is not a sandbox's: remove the folder") from None


def configuration_for(config: Path | None, as_node: str | None) -> Path:
    """The configuration file that a command means: `--config`, `--as NODE`, the usual places, the sandbox."""
    if as_node is not None:
        state = read(default_folder())
        if state is None:
            raise RefusedToStart("no sandbox is running: carepact sandbox up")
        if as_node not in state.nodes:
            raise RefusedToStart(f"no such node in the sandbox: one of {', '.join(state.nodes)}")
        return Path(state.nodes[as_node])
    try:
        return locate(config)
    except RefusedToStart:
        state = read(default_folder())
        if config is not None or state is None or DEFAULT_NODE not in state.nodes:
            raise
        return Path(state.nodes[DEFAULT_NODE])
