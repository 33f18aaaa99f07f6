"""What people read: each `*.txt` beside this file is typed into a fresh node, and says what it says there.

`$ carepact …` is a command; the lines below it are its output, stdout and stderr as they come; `[n]` alone
is its exit code (0 if not given). `…` in a line stands for anything within it (ids, times, sizes). `$ ask ID`
is an exchange of the peer's ward. Write anew what changed: `TRANSCRIPTS=write pytest tests/transcripts`.
"""

import os
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

FILES = sorted(Path(__file__).parent.glob("*.txt"))
_VARYING = (
    (re.escape(datetime.now(UTC).date().isoformat()) + r"(?=\s|$)", "…"),
    (r"(?<=answered  ).*", "…"),
    (r"^  \d+(?=  (permit|deny))", "  …"),
    (r"\d+ of \d+ (?=decisions)", "… "),
    (r"\d+(?= GiB| days)", "…"),
    (r"(?<=at )\d{4}$", "…"),
    (r"(?<=^checkpoints  )\d+", "…"),
    (r"\b[a-z2-7]{26}\b", "…"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "…"),
    (r"\b[0-9a-f]{64}\b", "…"),
    (r"\b[A-Za-z0-9_-]{43}\b", "…"),
)


def blocks(text: str) -> list[tuple[str, list[str], int]]:
    """(command, expected lines, expected exit code) of each `$ ` line."""
    found: list[tuple[str, list[str], int]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], [], 0))
        elif found and (code := re.fullmatch(r"\[(\d+)\]", line)):
            found[-1] = (found[-1][0], found[-1][1], int(code[1]))
        elif found and line:
            found[-1][1].append(line)
    return found


def said_by(home: Any, ask: Callable[[str], None], command: str) -> tuple[list[str], int]:
    words = shlex.split(command)
    if words[0] == "ask":
        ask(words[1])
        return [], 0
    assert words[0] == "carepact"
    said = home(*(word.replace("HOME", str(home.folder)) for word in words[1:]))
    err = [line for line in said.err.splitlines() if not line.startswith("{")]
    lines = [
        line.replace(str(home.folder), "HOME") for line in (*said.out.splitlines(), *err) if line.strip()
    ]
    return lines, said.code


def matches(expected: str, line: str) -> bool:
    return re.fullmatch(".*?".join(map(re.escape, expected.split("…"))), line) is not None


def varied(line: str) -> str:
    for pattern, stand_in in _VARYING:
        line = re.sub(pattern, stand_in, line)
    return line.rstrip()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_transcript(
    file: Path, admitted: Any, ask: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of the transcript says, line by line, what stands below it, with its exit code."""
    monkeypatch.setenv("LOGNAME", "desk")
    text = file.read_text("utf-8")
    ran = [(command, *said_by(admitted, ask, command)) for command, _, _ in blocks(text)]
    if os.environ.get("TRANSCRIPTS") == "write":
        head = text.partition("$ ")[0]
        told = [
            "\n".join([f"$ {command}", *map(varied, lines), *([f"[{code}]"] if code else [])])
            for command, lines, code in ran
        ]
        file.write_text(head + "\n\n".join(told) + "\n", "utf-8")
    for (command, expected, code), (_, lines, ended) in zip(
        blocks(file.read_text("utf-8")), ran, strict=True
    ):
        assert ended == code, command
        assert len(lines) == len(expected), (command, lines)
        assert all(matches(want, line) for want, line in zip(expected, lines, strict=True)), (command, lines)
