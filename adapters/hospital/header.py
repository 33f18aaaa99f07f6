"""The header of a message: MSH-1, MSH-2 and MSH-18, read before its charset is known; sender and event."""

from typing import TYPE_CHECKING

from adapters.hospital.escapes import Separators

if TYPE_CHECKING:
    from adapters.hospital.message import Message, Segment


def separators_from_msh(line: bytes) -> tuple[Separators, bool]:
    """MSH-1 and MSH-2 rule; missing ones take `^~\\&`, of two equal ones the later is off (then assumed)."""
    text = _header_text(line)
    field = text[3:4] or "|"
    given = text[4:].split(field, 1)[0][:5]
    standard = "^~\\&"
    wanted = given + standard[len(given) :]
    seen = {field}
    chosen = []
    for mark in wanted[:5]:
        usable = mark not in seen and not mark.isalnum() and not mark.isspace()
        chosen.append(mark if usable else "")
        seen.add(mark)
    assumed = len(given) < 4 or "" in chosen
    component, repetition, escape, subcomponent, *rest = chosen
    truncation = rest[0] if rest else ""
    return Separators(field, component, repetition, escape, subcomponent, truncation), assumed


def _header_text(line: bytes) -> str:
    """MSH as text before its charset is known: UTF-8 (any character may separate), else one byte each."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def stated_charset(line: bytes, separators: Separators) -> str:
    fields = _header_text(line).split(separators.field)
    stated = fields[17] if len(fields) > 17 else ""
    return stated.split(separators.repetition)[0].strip() if separators.repetition else stated.strip()


def control_key(header: "Segment") -> str:
    """MSH-3, 4, 10 joined by US, as the sender wrote them; empty without MSH-10."""
    if not header.text(10):
        return ""
    return "\x1f".join((header.raw_field(3), header.raw_field(4), header.text(10)))


def message_event(message: "Message") -> str:
    """Trigger event of a message whose MSH-9.2 is empty: EVN-1, else the event of its structure."""
    for segment in message.named("EVN"):
        return segment.text(1).upper()
    structure = message.header.text(9, 3)
    return structure.partition("_")[2].upper()
