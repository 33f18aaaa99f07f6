"""Options of `carepact normalise` out of their texts. Raises `invalid` and names the option."""

import re
from datetime import datetime
from pathlib import Path
from typing import NoReturn, cast
from zoneinfo import ZoneInfo

from adapters.formats import FORMATS, Format
from adapters.hospital.charset import codec_from_label
from adapters.times import fhir_time
from gateway.errors import Problem
from gateway.intake.single import DEMO_ID_KEY, Options

_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_BASE = re.compile(r"https?://[^\s?#\"<>\\]+")
_KEY_BYTES = 32


def options_from_text(
    format: str,
    zone: str | None,
    source: str,
    custodian: str,
    charset: str | None,
    id_key: Path | None,
    at: str | None,
    base: str,
) -> Options:
    """Every option checked before the first file is read."""
    if format != "auto" and format not in FORMATS:
        _invalid("--format", f"auto, {', '.join(FORMATS)}")
    for name, value in (("--source", source), ("--custodian", custodian)):
        if not _ID.fullmatch(value):
            _invalid(name, "letters, digits, dots, hyphens, underscores")
    if not _BASE.fullmatch(base):
        _invalid("--base", "an absolute URL like https://node.invalid/fhir")
    return Options(
        at=_instant(at) if at else _now(),
        timestamp=at or "",
        format=None if format == "auto" else cast(Format, format),
        source=source,
        custodian=custodian,
        id_key=_key(id_key) if id_key else DEMO_ID_KEY,
        zone=_zone(zone) if zone else None,
        charset=_charset(charset) if charset else None,
        base=base,
    )


def _invalid(option: str, hint: str) -> NoReturn:
    raise Problem("invalid", expression=option, hint=hint)


def _now() -> datetime:
    """The clock, where no `--at` was given."""
    from gateway.bootstrap import system_clock

    return system_clock()


def _instant(text: str) -> datetime:
    known = fhir_time(text)
    if known is None or "T" not in known:
        _invalid("--at", "an instant like 2026-01-31T09:00:00Z")
    found = datetime.fromisoformat(known)
    if not 1900 <= found.year < 9999:  # at the edges no other zone's clock can be read off it
        _invalid("--at", "a year of ours")
    return found


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        _invalid("--zone", "an IANA zone like Europe/London")
    return name


def _charset(name: str) -> str:
    if codec_from_label(name) is None:
        _invalid("--charset", "a character set like utf-8 or iso-8859-1")
    return name


def _key(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError:
        _invalid("--id-key", "this file cannot be read")
    if len(data) == _KEY_BYTES:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        _invalid("--id-key", "a file of 32 bytes, or of 64 hexadecimal digits")
    return key
