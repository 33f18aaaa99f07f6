"""How much one message may hold before nothing of it is mapped (normalisation.md 1, rule 13)."""

from adapters.hospital.message import Message
from adapters.hospital.segment import Segment

MOST_SEGMENTS = 10_000
MOST_REPEATS = 1000
"""Of a field that is no text: in TX, FT and NTE-3 the repetitions are lines."""


def is_too_large(message: Message) -> bool:
    """Whether the message has too many segments, or a field too many repetitions."""
    return len(message.segments) > MOST_SEGMENTS or any(map(_repeats_too_often, message.segments))


def _repeats_too_often(segment: Segment) -> bool:
    mark = segment.message.separators.repetition
    if not mark or segment.raw.count(mark) < MOST_REPEATS or segment.name == "NTE":
        return False
    text = 5 if segment.name == "OBX" and segment.raw_field(2) in ("TX", "FT") else None
    return any(raw.count(mark) >= MOST_REPEATS for number, raw in enumerate(segment.fields) if number != text)
