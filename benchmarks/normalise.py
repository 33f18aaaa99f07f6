"""Normalisation (performance.md G8, G9; normalisation.md 11): rates, ratios to other converters, memory.

Each peer runs in an environment of its own, which is made on first use, over the same files, in turn with
ours; all times are CPU time of one process. What ours does more (ids, ledger, Provenance, the boundary check)
is in ours. Without a package index the peers are left out, and the table says so.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
from lxml import etree

from adapters.interface import Source
from benchmarks import normalise_hl7
from benchmarks.normalise_hl7 import convert
from benchmarks.normalise_inputs import documents, laboratory_message, record
from benchmarks.peers import environment, missing, peer, timed
from benchmarks.report import Result
from gateway.collector import settle

CDA_GOAL, GP_GOAL_MS = 20.0, 100.0
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
    """One line a goal, with the collector as a running node has it."""
    settle()
    python = environment() if peers else None
    return [
        *normalise_hl7.run(sizes.messages, sizes.rounds, python),
        *_documents(sizes, python),
        _record(sizes),
        _memory(sizes),
        _batch(sizes),
    ]


def _documents(sizes: Sizes, python: Path | None) -> list[Result]:
    bodies = documents(sizes.facts)
    megabytes = sum(map(len, bodies)) / 1e6
    ours = timed(lambda: [convert(body, SPECIALIST) for body in bodies], sizes.rounds)
    bare = timed(lambda: [etree.fromstring(body) for body in bodies], sizes.rounds)
    made = sum(len(convert(body, SPECIALIST).resources) for body in bodies)
    rate = megabytes / ours
    figure = (
        f"{rate:.1f} MB a second a core, {ours / bare:.0f} times the bare lxml parse, goal {CDA_GOAL:.0f} MB"
    )
    lines = [Result("CDA documents", figure, rate / CDA_GOAL, rate >= CDA_GOAL)]
    for name, goal in (("python-fhir-converter", 5), ("ccda-to-fhir", 10)):
        theirs = peer(python, name, bodies, sizes.rounds)
        if theirs is None:
            lines.append(missing(f"G9 CDA beside {name}"))
            continue
        ratio = theirs["seconds"] / ours
        figure = f"{ratio:.1f} times {name}, {made} resources beside {theirs['resources']}; goal {goal}"
        passed = ratio >= goal and made >= theirs["resources"]
        lines.append(Result(f"G9 CDA beside {name}", figure, ratio, passed))
    return lines


def _record(sizes: Sizes) -> Result:
    body = record(sizes.record)
    ours = timed(lambda: convert(body, GP), sizes.rounds)
    bare = timed(lambda: msgspec.json.encode(msgspec.json.decode(body)), sizes.rounds)
    ms = ours * 1000 * (sizes.record / len(body))
    figure = (
        f"{ms:.0f} ms for {sizes.record / 1e6:.1f} MB, goal {GP_GOAL_MS:.0f} ms a MB; "
        f"{ours / bare:.0f} times decoding and encoding the same bytes"
    )
    return Result("GP Connect record", figure, ours / bare, ms <= GP_GOAL_MS * sizes.record / 1e6)


def _memory(sizes: Sizes) -> Result:
    """A feed of many messages in a process of its own: how much larger it is at the end than early on."""
    code = (
        "from benchmarks.normalise import resident\n"
        "from benchmarks.normalise_hl7 import HOSPITAL, convert\n"
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
