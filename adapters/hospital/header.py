"""MSH-1, MSH-2 and MSH-18, read before the charset of the message is known."""

from adapters.hospital.escapes import Separators


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
