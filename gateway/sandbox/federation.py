"""Starting and stopping a sandbox: every part a process of its own, on loopback, ended with its parent.

Used by `carepact demo`, by `carepact sandbox up` and by the tests. In this order: providers (the node must
know their addresses), founding, node, then the hospital is told where the node listens.
"""

import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Any

from gateway.errors import RefusedToStart
from gateway.sandbox.founding import CALLER, Places, Systems, found
from gateway.sandbox.state import Process, State, write

PROVIDERS = ("gp", "hospital", "specialist")
_START = 60.0
_STOP = 10.0
_PORTS = range(20_000, 32_000)


@dataclass(slots=True)
class Federation:
    """A running sandbox in `folder`. `files`: given files per provider, served as they are."""

    folder: Path
    seed: int = 7
    today: str = ""
    files: dict[str, Sequence[Path]] = field(default_factory=dict)
    records: int | None = None
    settings: str = ""
    """More of the node's configuration, as TOML tables: another database, shorter limits."""
    detached: bool = False
    """Goes on when this process ends (`sandbox up`)."""
    _running: dict[str, Popen[bytes]] = field(default_factory=dict)
    _urls: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        return Places(self.folder)

    @property
    def url(self) -> str:
        """Base URL of the node."""
        return self._urls["greenfield"]

    def provider(self, name: str) -> str:
        """Base URL of a mock provider: `gp`, `hospital`, `specialist`."""
        return self._urls[name]

    async def start(self) -> None:
        """Start everything, wait until it is ready. Raises `RefusedToStart`, and then nothing runs."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.places.configuration.parent.exists():
            raise RefusedToStart(f"{self.folder} has a sandbox, or is getting one: carepact sandbox status")
        try:
            await asyncio.gather(*(self._start_provider(name) for name in PROVIDERS))
            http, mllp = (first := free_port()), free_port(first)
            systems = Systems(self._urls["gp"], self._urls["specialist"], http, mllp, self.settings)
            await found(self.places, systems, int(time.time()))
            await self.start_node()
        except BaseException:
            self.stop()
            raise

    async def start_node(self) -> None:
        """(Re)start the node on the same state, and tell the hospital where it listens."""
        arguments = ["-m", "gateway", "serve", "--config", str(self.places.configuration)]
        ready = await self._spawn("greenfield", arguments)
        self._urls["greenfield"] = ready["url"]
        port = int(ready["feeds"]["adt"].rpartition(":")[2])
        await self.control("hospital", "PUT", "target", {"port": port})
        self._remember()

    def kill_node(self) -> None:
        """SIGKILL, as a power cut would."""
        process = self._running.pop("greenfield")
        process.send_signal(signal.SIGKILL)
        process.wait()

    async def control(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """The control surface of a provider: `faults`, `journal`, `send`, `target`, `reset`."""
        return await asyncio.to_thread(control, self._urls[name], method, path, body)

    def stop(self) -> None:
        """End what this object started, by force after `_STOP` seconds; idempotent."""
        for process in self._running.values():
            process.terminate()
        until = time.monotonic() + _STOP
        for process in self._running.values():
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    async def _start_provider(self, name: str) -> None:
        arguments = ["-m", "gateway.sandbox.mocks", name, "--seed", str(self.seed), "--today", self.today]
        if self.records is not None:
            arguments += ["--records", str(self.records)]
        if any(self.files.values()):
            # Nobody invented beside given files: a number of theirs must not meet a made-up record.
            arguments.append("--nobody")
        for file in self.files.get(name, ()):
            arguments += ["--file", str(file.absolute())]
        self._urls[name] = (await self._spawn(name, arguments))["url"]

    async def _spawn(self, name: str, arguments: Sequence[str]) -> dict[str, Any]:
        ready = self.folder / f"{name}.ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, *arguments, "--ready-file", str(ready)]
        if not self.detached:
            command += ["--parent", str(os.getpid())]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = Popen(  # noqa: S603 - our own interpreter and modules
                command, stdin=DEVNULL, stdout=log, stderr=log, start_new_session=self.detached
            )
        self._running[name] = process
        until = time.monotonic() + _START
        while time.monotonic() < until and process.poll() is None:
            if ready.exists():
                found: dict[str, Any] = json.loads(ready.read_text("utf-8"))
                return found
            await asyncio.sleep(0.02)
        raise RefusedToStart(f"{name} did not start: see {self.folder}/{name}.log")

    def _remember(self) -> None:
        processes = tuple(
            Process(name, process.pid, started_at(process.pid), self._urls[name])
            for name, process in self._running.items()
        )
        nodes = {"greenfield": str(self.places.configuration)}
        write(State(self.folder, self.seed, self.today, nodes, processes))


def control(url: str, method: str, path: str, body: Any = None) -> Any:
    """One call of a provider's control surface, on loopback. Raises `OSError` if it is down or refuses."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data is not None else {}
    request = urllib.request.Request(f"{url}/__sandbox/{path}", data, headers, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as reply:
        raw = reply.read()
    return json.loads(raw) if raw else None


def free_port(*taken: int) -> int:
    """A port of loopback that nobody uses now and that is none of `taken`.

    Below those that the system gives to outgoing connections: the node must find its own again when it is
    started once more.
    """
    for _ in range(200):
        port = secrets.choice(_PORTS)
        if port not in taken and _is_free(port):
            return port
    raise RefusedToStart(f"no free port from {_PORTS.start} to {_PORTS.stop} on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def started_at(pid: int) -> float:
    """Kernel start time of a process, 0 if it is gone or the system does not tell: a pid may be reused."""
    try:
        return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0.0


__all__ = ["CALLER", "PROVIDERS", "Federation", "control", "free_port", "started_at"]
