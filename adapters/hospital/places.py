"""Lines of the ledger in the order of the message that they are about. Not on the way of a feed."""

import re
from collections.abc import Iterable

from adapters.losses import LossEntry

_PLACE = re.compile(r"([A-Z][A-Z0-9]{2}\[\d+\])(?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?)?")


def in_order_of_message(entries: Iterable[LossEntry], message: bytes) -> list[LossEntry]:
    """By segment, field, repetition and component; what has no place of its own comes first."""
    segments = _segments(message)

    def place(entry: LossEntry) -> tuple[int, ...]:
        found = _PLACE.fullmatch(entry.position)
        if found is None:
            return (-1,)
        at = segments.get(found[1], -1)
        return (at, *(int(part or 0) for part in found.groups()[1:]))

    return sorted(entries, key=place)


def _segments(message: bytes) -> dict[str, int]:
    """`OBX[3]` to its place in the message."""
    counts: dict[str, int] = {}
    places: dict[str, int] = {}
    for at, line in enumerate(message.split(b"\r")):
        name = line[:3].decode("ascii", "replace")
        counts[name] = counts.get(name, 0) + 1
        places[f"{name}[{counts[name]}]"] = at
    return places
