"""Start a mock provider as a process: `python -m gateway.sandbox.mocks gp --today 2026-11-22 --port 0`.

When it can be asked, its address stands in `--ready-file` (JSON, written whole or not at all). It ends on
SIGTERM or SIGINT, and when the process named by `--parent` is gone. It binds 127.0.0.1 and nothing else.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from gateway.sandbox.mocks.fhir import FHIRMock
from gateway.sandbox.mocks.gp import GPMock
from gateway.sandbox.mocks.hospital import HospitalMock
from gateway.sandbox.mocks.population import Population
from gateway.sandbox.mocks.provider import Provider
from gateway.sandbox.mocks.specialist import SpecialistMock

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(_provider_from_options(options), options))
    except OSError:
        print("carepact mock: the port is taken or the ready file cannot be written", file=sys.stderr)  # noqa: T201
        return 9
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.sandbox.mocks", description="A mock provider.")
    parser.add_argument("kind", choices=("gp", "hospital", "specialist", "fhir"))
    parser.add_argument("--host", default="127.0.0.1", type=_loopback, help="loopback only")
    parser.add_argument("--port", type=_port, default=0, help="0: any free port")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--today", type=_day, required=True, help="the day of the sandbox, YYYY-MM-DD")
    parser.add_argument("--records", type=_count, help="also make patient_with_<N>_records")
    parser.add_argument("--file", type=Path, nargs="+", default=[], action="extend", help="serve these")
    parser.add_argument("--nobody", action="store_true", help="serve no synthetic patient")
    parser.add_argument("--node-mllp", type=_target, help="HOST:PORT of the node's feed (hospital)")
    parser.add_argument("--ready-file", type=Path)
    parser.add_argument("--parent", type=int, help="end when this process is gone")
    return parser


def _loopback(text: str) -> str:
    if text not in _LOOPBACK:
        raise argparse.ArgumentTypeError("a mock provider binds loopback only")
    return "127.0.0.1"


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError("expected 0 to 65535")
    return int(text)


def _day(text: str) -> date:
    """A day that leaves room for a life before it."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected YYYY-MM-DD") from None
    if not 2000 <= day.year <= 2100:
        raise argparse.ArgumentTypeError("expected a day from 2000 to 2100")
    return day


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError("expected 1 to 10000")
    return int(text)


def _target(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host.strip("[]") not in _LOOPBACK or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError("expected HOST:PORT on loopback")
    return host.strip("[]"), int(port)


def _provider_from_options(options: argparse.Namespace) -> Provider:
    population = Population(options.seed, options.today, records=options.records, nobody=options.nobody)
    if options.kind == "gp":
        return GPMock(population, port=options.port, files=options.file)
    if options.kind == "fhir":
        return FHIRMock(population, port=options.port)
    if options.kind == "specialist":
        return SpecialistMock(population, port=options.port, files=options.file)
    return HospitalMock(population, port=options.port, files=options.file, target=options.node_mllp)


async def _run(provider: Provider, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with provider:
        if options.ready_file is not None:
            _write_ready(options.ready_file, provider)
        watch = asyncio.create_task(_watch_parent(options.parent, stop))
        await stop.wait()
        watch.cancel()


def _write_ready(path: Path, provider: Provider) -> None:
    """Whole or not at all: whoever waits for the file never reads half of it."""
    ready = {"mock": provider.name, "url": provider.url, "port": provider.port, "pid": os.getpid()}
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(ready), encoding="utf-8")
    part.replace(path)


async def _watch_parent(parent: int | None, stop: asyncio.Event) -> None:
    """Signal 0 asks whether a process is there; a mock must not outlive the sandbox that started it."""
    while parent is not None:
        with contextlib.suppress(PermissionError):
            try:
                os.kill(parent, 0)
            except ProcessLookupError:
                stop.set()
                return
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
