"""HL7 v2 (performance.md G8): our rate, and beside two other converters what each of them converts in full.

hl7v2-fhir-bridge is made for radiology: it has no mapping to Observation at all, a number of a laboratory
stays in the raw text of its Provenance. So it is compared over what it is made for (registrations, orders,
reports in words), and in two ways: with its own check of the bundle, without which it sends none, as ours
has passed the boundary check; and its bare conversion. brightohir does make an Observation of every result:
the laboratory messages are compared with that one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.interface import Original, Source, SourceBatch
from adapters.registry import normaliser
from benchmarks.normalise_inputs import messages, radiology_messages
from benchmarks.peers import missing, peer, timed
from benchmarks.report import Result

AT = datetime(2026, 6, 1, tzinfo=UTC)
ORU_GOAL = 1500
BRIDGE, BRIGHT = "hl7v2-fhir-bridge", "brightohir"
HOSPITAL = Source(
    "lab", "hospital", "st-brides.example", bytes(32), zone="Europe/London", test_messages="accept"
)


def convert(body: bytes, source: Source) -> SourceBatch:
    """One input as a feed would have it: normalised and checked."""
    return normaliser(source.kind).normalise(Original(body, "", intake="b" * 26), source, AT)


def run(count: int, rounds: int, python: Path | None) -> list[Result]:
    """Our rate over `count` messages, and two comparisons; `python`: the peers' interpreter."""
    laboratory, radiology = messages(count), radiology_messages(count)
    ours = timed(lambda: [convert(body, HOSPITAL) for body in laboratory], rounds)
    rate = len(laboratory) / ours
    made = _observations(laboratory)
    figure = f"{rate:.0f} ORU a second a core, {len(laboratory[0])} bytes, {made // count} results each"
    return [
        Result("ORU messages", f"{figure}, goal {ORU_GOAL}", rate / ORU_GOAL, rate >= ORU_GOAL),
        _beside_bridge(python, radiology, laboratory, rounds),
        _beside_bright(python, laboratory, ours, rounds),
    ]


def _beside_bridge(
    python: Path | None, radiology: Sequence[bytes], laboratory: Sequence[bytes], rounds: int
) -> Result:
    goal = f"G8 HL7 v2 beside {BRIDGE}"
    checked = peer(python, f"{BRIDGE}, checked", radiology, rounds)
    ours = timed(lambda: [convert(body, HOSPITAL) for body in radiology], rounds)
    bare = peer(python, BRIDGE, radiology, rounds)
    if checked is None or bare is None:
        return missing(goal)
    ratio, wanted = checked["seconds"] / ours, sum(body.count(b"\rOBX|") for body in laboratory)
    figure = (
        f"{ratio:.1f} times its conversion and check over radiology messages, {bare['seconds'] / ours:.1f} "
        f"times its conversion alone ({len(radiology) / ours:.0f} a second beside "
        f"{len(radiology) / checked['seconds']:.0f} and {len(radiology) / bare['seconds']:.0f}); goal 2, and "
        "every Observation of the laboratory's messages, of which it makes none"
    )
    return Result(goal, figure, ratio, ratio >= 2 and _observations(laboratory) == wanted)


def _beside_bright(python: Path | None, laboratory: Sequence[bytes], ours: float, rounds: int) -> Result:
    goal = f"HL7 v2 beside {BRIGHT}"
    few = laboratory[:20]
    theirs = peer(python, BRIGHT, few, rounds)
    if theirs is None:
        return missing(goal)
    ratio = theirs["seconds"] / len(few) * len(laboratory) / ours
    made, wanted = theirs["observations"], sum(body.count(b"\rOBX|") for body in few)
    figure = (
        f"{ratio:.1f} times {BRIGHT} (R5), {_observations(few)} Observations beside {made} of {wanted} OBX"
    )
    return Result(goal, figure, ratio, ratio >= 2 and _observations(few) >= made)


def _observations(bodies: Sequence[bytes]) -> int:
    made = (one for body in bodies for one in convert(body, HOSPITAL).resources)
    return sum(one["resourceType"] == "Observation" for one in made)
