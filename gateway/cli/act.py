"""Who acts, why and when: what every writing command hands to the service that records it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from gateway.cli.options import required_reason
from gateway.cli.output import warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act

_SPAN = re.compile(r"(\d{1,5})([hdwy])").fullmatch
_HOURS = {"h": 1, "d": 24, "w": 168, "y": 8766}
MAX_FILE = 1024 * 1024


def operator() -> str:
    """The account of the operating system that runs the command; it is the authority (http-api.md 10)."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def act_now(node: "Runtime", reason: str) -> "Act":
    """The act of this command. Raises `invalid` where the reason says nothing."""
    from gateway.exchange.consents import Act

    return Act(operator(), required_reason(reason), node.clock())


def decline(code: Exit, text: str) -> NoReturn:
    """End the command with a sentence of its own, where that of the category would say less."""
    warn(f"carepact: {text}")
    raise typer.Exit(int(code))


def seconds_from_text(text: str, now: "datetime", option: str) -> int:
    """POSIX seconds of a FHIR date (its first moment), or of a span back from now: `12h 30d 8w 1y`."""
    hours = hours_from_text(text)
    if hours is not None:
        return max(0, int(now.timestamp()) - hours * 3600)
    from consent.instants import interval

    found = interval(text)
    if found is None:
        raise Problem("invalid", expression=option, hint="use a date like 2026-01-31, or a span like 30d")
    return max(0, found[0] // 1_000_000)


def hours_from_text(text: str) -> int | None:
    """Hours of a span like `12h 30d 8w 1y`; None if it is no span."""
    span = _SPAN(text)
    return int(span[1]) * _HOURS[span[2]] if span else None


def instant_from_option(text: str | None, now: "datetime") -> "datetime":
    """`--as-of`: an instant or a day's last moment, never ahead; `now` if not stated. Raises `invalid`."""
    from consent.instants import datetime_from_micros, interval

    found = None if text is None else interval(text)
    if text is None:
        return now
    if found is None:
        raise Problem(
            "invalid", expression="--as-of", hint="use an instant like 2026-01-31T09:00:00Z, or a day"
        )
    if datetime_from_micros(found[0]) > now:
        raise Problem("invalid", expression="--as-of", hint="nobody knows yet what will be known then")
    return min(datetime_from_micros(found[1]), now)


def instant_from_seconds(at: int) -> str:
    """An instant that people read, UTC, to the second."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_file(path: Path, option: str, *, limit: int = MAX_FILE) -> bytes:
    """The bytes of a file that the operator named, `-` for stdin. Raises `invalid`, naming the option."""
    import sys

    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with path.open("rb") as file:
                data = file.read(limit + 1)
    except OSError:
        raise Problem("invalid", expression=option, hint="this file cannot be read") from None
    if len(data) > limit:
        raise Problem("too_large", expression=option)
    return data


def write_file(path: Path, data: bytes, option: str) -> None:
    """Write bytes where the operator said, `-` for stdout. Raises `invalid`, naming the option."""
    import sys

    try:
        if str(path) == "-":
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            path.write_bytes(data)
    except BrokenPipeError:
        raise
    except OSError:
        raise Problem("invalid", expression=option, hint="this file cannot be written") from None
