"""Lines of the ledger in the order of the messages that they are about. Not on the way of a feed."""

import re
from dataclasses import replace

from adapters.hospital.batch import read_batch
from adapters.losses import LossEntry, Losses

_PLACE = re.compile(r"([A-Z][A-Z0-9]{2}\[\d+\])(?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?)?")


def in_order_of_input(losses: Losses, body: bytes) -> Losses:
    """By message, segment, field, repetition and component; what has no place of its own comes first."""
    segments = [_segments(message) for message in read_batch(body).messages]

    def place(entry: LossEntry) -> tuple[int, ...]:
        found = _PLACE.fullmatch(entry.position)
        if found is None or not 0 < entry.unit <= len(segments):
            return (entry.unit, -1)
        at = segments[entry.unit - 1].get(found[1], -1)
        return (entry.unit, at, *(int(part or 0) for part in found.groups()[1:]))

    return replace(losses, entries=tuple(sorted(losses.entries, key=place)))


def _segments(message: bytes) -> dict[str, int]:
    """`OBX[3]` to its place in the message."""
    counts: dict[str, int] = {}
    places: dict[str, int] = {}
    for at, line in enumerate(message.split(b"\r")):
        name = line[:3].decode("ascii", "replace")
        counts[name] = counts.get(name, 0) + 1
        places[f"{name}[{counts[name]}]"] = at
    return places
