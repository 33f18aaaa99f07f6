"""Normalisation (performance.md G8, G9; normalisation.md 11): rates, ratios to other converters, memory.

Each peer runs in an environment of its own, which is made on first use, over the same files, in turn with
ours; all times are CPU time of one process. What ours does more (ids, ledger, Provenance, the boundary check)
is in ours. Without a package index the peers are left out, and the table says so.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from lxml import etree

from adapters.interface import Original, Source, SourceBatch
from adapters.registry import normaliser
from benchmarks.normalise_inputs import documents, laboratory_message, messages, record
from benchmarks.report import Result

AT = datetime(2026, 6, 1, tzinfo=UTC)
PEERS = ("hl7v2-fhir-bridge==0.1.0", "python-fhir-converter==0.3.0", "ccda-to-fhir==0.3")
ORU_GOAL, CDA_GOAL, GP_GOAL_MS = 1500, 20.0, 100.0
HOSPITAL = Source(
    "lab", "hospital", "st-brides.example", bytes(32), zone="Europe/London", test_messages="accept"
)
SPECIALIST = Source("letters", "specialist", "clinic.example", bytes(32))
GP = Source("gp", "gp", "practice.example", bytes(32))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is converted."""

    messages: int = 400
    facts: int = 120
    record: int = 1_000_000
    many: int = 10_000
    rounds: int = 3


def run(sizes: Sizes = Sizes(), *, peers: bool = True) -> list[Result]:
    """One line a goal."""
    python = _peers() if peers else None
    return [
        *_messages(sizes, python),
        *_documents(sizes, python),
        _record(sizes),
        _memory(sizes),
        _batch(sizes),
    ]


def convert(body: bytes, source: Source) -> SourceBatch:
    """One input as a feed would have it: normalised and checked."""
    return normaliser(source.kind).normalise(Original(body, "", intake="b" * 26), source, AT)


def _messages(sizes: Sizes, python: Path | None) -> list[Result]:
    bodies = messages(sizes.messages)
    ours = _timed(lambda: [convert(body, HOSPITAL) for body in bodies], sizes.rounds)
    made = [one for body in bodies for one in convert(body, HOSPITAL).resources]
    seen = sum(one["resourceType"] == "Observation" for one in made)
    rate = len(bodies) / ours
    figure = f"{rate:.0f} ORU a second a core, {len(bodies[0])} bytes, {seen // len(bodies)} results each"
    lines = [Result("ORU messages", f"{figure}, goal {ORU_GOAL}", rate / ORU_GOAL, rate >= ORU_GOAL)]
    peer = _peer(python, "hl7v2-fhir-bridge", bodies, sizes.rounds)
    if peer is None:
        return [*lines, _missing("G8 HL7 v2 beside hl7v2-fhir-bridge")]
    ratio = peer["seconds"] / ours
    figure = (
        f"{ratio:.1f} times hl7v2-fhir-bridge ({len(bodies) / peer['seconds']:.0f} a second), "
        f"{seen} Observations beside {peer['observations']}; goal 2, and every Observation"
    )
    wanted = sum(body.count(b"\rOBX|") for body in bodies)
    return [
        *lines,
        Result("G8 HL7 v2 beside hl7v2-fhir-bridge", figure, ratio, ratio >= 2 and seen == wanted),
    ]


def _documents(sizes: Sizes, python: Path | None) -> list[Result]:
    bodies = documents(sizes.facts)
    megabytes = sum(map(len, bodies)) / 1e6
    ours = _timed(lambda: [convert(body, SPECIALIST) for body in bodies], sizes.rounds)
    bare = _timed(lambda: [etree.fromstring(body) for body in bodies], sizes.rounds)
    made = sum(len(convert(body, SPECIALIST).resources) for body in bodies)
    rate = megabytes / ours
    figure = (
        f"{rate:.1f} MB a second a core, {ours / bare:.0f} times the bare lxml parse, goal {CDA_GOAL:.0f} MB"
    )
    lines = [Result("CDA documents", figure, rate / CDA_GOAL, rate >= CDA_GOAL)]
    for name, goal in (("python-fhir-converter", 5), ("ccda-to-fhir", 10)):
        peer = _peer(python, name, bodies, sizes.rounds)
        if peer is None:
            lines.append(_missing(f"G9 CDA beside {name}"))
            continue
        ratio = peer["seconds"] / ours
        figure = f"{ratio:.1f} times {name}, {made} resources beside {peer['resources']}; goal {goal}"
        passed = ratio >= goal and made >= peer["resources"]
        lines.append(Result(f"G9 CDA beside {name}", figure, ratio, passed))
    return lines


def _record(sizes: Sizes) -> Result:
    body = record(sizes.record)
    ours = _timed(lambda: convert(body, GP), sizes.rounds)
    bare = _timed(lambda: msgspec.json.encode(msgspec.json.decode(body)), sizes.rounds)
    ms = ours * 1000 * (sizes.record / len(body))
    figure = (
        f"{ms:.0f} ms for {sizes.record / 1e6:.1f} MB, goal {GP_GOAL_MS:.0f} ms a MB; "
        f"{ours / bare:.0f} times decoding and encoding the same bytes"
    )
    return Result("GP Connect record", figure, ours / bare, ms <= GP_GOAL_MS * sizes.record / 1e6)


def _memory(sizes: Sizes) -> Result:
    """A feed of many messages in a process of its own: how much larger it is at the end than early on."""
    code = (
        "from benchmarks.normalise import HOSPITAL, convert, resident\n"
        "from benchmarks.normalise_inputs import laboratory_message\n"
        f"early, many = {sizes.many // 10}, {sizes.many}\n"
        "for number in range(many):\n"
        "    convert(laboratory_message(number), HOSPITAL)\n"
        "    start = resident() if number == early else 0 if number < early else start\n"
        "print(start, resident())"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    early, late = map(int, ended.stdout.split())
    figure = (
        f"{early / 1e6:.0f} MB after {sizes.many // 10} messages, {late / 1e6:.0f} MB after {sizes.many}; "
        "goal: not 5 MB more"
    )
    return Result("memory of a feed", figure, late / early, late - early < 5_000_000)


def _batch(sizes: Sizes) -> Result:
    """One file of many messages in a process of its own: its highest use of memory beyond that of one."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "one.hl7").write_bytes(laboratory_message(0))
        with (Path(folder) / "many.hl7").open("wb") as file:
            file.writelines(laboratory_message(number) for number in range(sizes.many))
        size = (Path(folder) / "many.hl7").stat().st_size
        code = (
            "import sys\n"
            "from pathlib import Path\n"
            "from benchmarks.normalise import peak\n"
            "from gateway.cli.app import app\n"
            "folder, peaks = Path(sys.argv[1]), []\n"
            "for name in ('one.hl7', 'many.hl7'):\n"
            "    app(['normalise', str(folder / name), '--out', str(folder)], standalone_mode=False)\n"
            "    peaks.append(peak())\n"
            "print(*peaks)"
        )
        command = [sys.executable, "-c", code, folder]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
    before, after = map(int, ended.stdout.splitlines()[-1].split())
    most = 12 * size + 20_000_000
    figure = (
        f"{(after - before) / 1e6:.0f} MB more than one message for {sizes.many} messages of "
        f"{size / 1e6:.1f} MB; goal: at most {most / 1e6:.0f} MB"
    )
    return Result("memory of a file of messages", figure, (after - before) / most, after - before <= most)


def peak() -> int:
    """Most bytes that this process ever had in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _timed(work: Callable[[], Any], rounds: int) -> float:
    """Median CPU seconds of a round, after one that does not count."""
    work()
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return median(seconds)


def _missing(goal: str) -> Result:
    return Result(goal, "not measured: the peer could not be installed or did not run here")


def _peer(python: Path | None, name: str, bodies: Sequence[bytes], rounds: int) -> dict[str, Any] | None:
    """Median seconds and counts of a peer over these bodies; None where it does not run."""
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for number, body in enumerate(bodies):
            (Path(folder) / f"{number:06d}").write_bytes(body)
        script = Path(__file__).with_name("normalise_peers.py")
        command = [str(python), str(script), name, folder, str(rounds)]
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        ended = subprocess.run(command, capture_output=True, text=True, env=env)
    if ended.returncode:
        return None
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said | {"seconds": median(said["seconds"])}


def _peers() -> Path | None:
    """The interpreter of the peers' environment, made on first use under the cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "carepact" / "peers-normalise"
    python = cache / "bin" / "python"
    try:
        if not (cache / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True, capture_output=True)
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS]
            subprocess.run(install, check=True, capture_output=True, timeout=900)
            (cache / "installed").touch()
    except (OSError, subprocess.SubprocessError):
        return None
    return python
