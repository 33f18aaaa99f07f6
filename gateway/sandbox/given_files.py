"""The given files as the tour sees them: read once, in rounds, and what became of each part of each.

A round is what one sandbox can serve: a source has one record for a number and one content for an id, so
files that contradict one another need different ones. Nobody is linked, nothing is dropped to make them fit.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.hospital.ack import ERRORS
from adapters.hospital.batch import split_messages
from gateway.intake.interface import Kept
from gateway.sandbox.claims import Claims, claims_of, contradict
from gateway.sandbox.mocks.files import (
    NHS_NUMBER,
    GivenFile,
    given_bundle,
    given_document,
    given_messages,
)
from gateway.sandbox.mocks.labels import label_files

Files = Mapping[str, Sequence[Path]]
MOST_ROWS = 50
MOST_ROUNDS = 20
"""Files that fit into none of so many are named, not served."""
_CONTRADICTS = "its numbers or ids are those of too many other files here: give it in a demo of its own"
_READERS: Mapping[str, Callable[[Path], GivenFile]] = {
    "gp": given_bundle,
    "hospital": given_messages,
    "specialist": given_document,
}
_WORDS = {
    "no-patient": "it names no patient",
    "wrong-patient": "it is about somebody else than its number leads to here",
    "unreadable": "it cannot be read as its format",
    "test": "marked as a test",
    "control-reused": "its control id was that of an earlier message with other content",
    "mapping-defect": "a defect of ours",
    "erased": "the person was erased",
}
"""Reasons for which an original enters no record, in words."""


@dataclass(slots=True)
class Part:
    """One message or document of a file. `kept`: what the node made of it; `told`: what it answered."""

    number: int
    sha256: bytes
    kept: Kept | None = None
    told: str = ""

    @property
    def stored(self) -> bool:
        return self.kept is not None and self.kept.state == "stored"


@dataclass(slots=True)
class Served:
    """A file that a provider serves. `index`: its place among those of its provider in this round."""

    provider: str
    path: Path
    index: int
    given: GivenFile
    parts: list[Part] = field(default_factory=list)
    claims: Claims = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.given.name

    def candidates(self) -> list[tuple[str, str]]:
        """Identifiers that its source can be asked by: GP Connect by the NHS number alone."""
        usable = [one for one in self.given.identifiers if all(one)]
        if self.provider == "gp":
            usable = [one for one in usable if one[0] == NHS_NUMBER]
        return usable

    def row(self) -> dict[str, Any]:
        """What became of it, all parts together; counts are values of the input."""
        held = [part.kept for part in self.parts if part.kept is not None]
        sums = {name: sum(one.counts[name] for one in held) for name in ("total", "mapped", "kept", "lost")}
        stored = sum(part.stored for part in self.parts)
        return {"file": self.name, "parts": len(self.parts), "stored": stored, **sums}


def read_files(files: Files) -> dict[str, list[Served]]:
    """Every file by provider, each under a name of its own."""
    found: dict[str, list[Served]] = {}
    for provider, paths in files.items():
        labelled = label_files((_READERS[provider](path) for path in paths), paths)
        found[provider] = [
            Served(provider, path.absolute(), n, given, _parts(provider, given), claims_of(provider, given))
            for n, (path, given) in enumerate(zip(paths, labelled, strict=True))
        ]
    return found


def _parts(provider: str, given: GivenFile) -> list[Part]:
    if given.refused is not None:
        return []
    return [Part(n, _digest(provider, body)) for n, body in enumerate(given.parts, 1)]


def _digest(provider: str, body: bytes) -> bytes:
    """As intake knows the bytes again: of a message its segments joined by CR."""
    messages = split_messages(body) if provider == "hospital" else []
    return hashlib.sha256(messages[0] if len(messages) == 1 else body).digest()


def rounds(found: Mapping[str, list[Served]]) -> list[dict[str, list[Served]]]:
    """Each file in the first round where nothing contradicts it; what is no record is left out.

    A file for which `MOST_ROUNDS` are not enough is marked as refused.
    """
    made: list[dict[str, list[Served]]] = []
    for provider, served in found.items():
        for one in served:
            turn = None if one.given.refused is not None else _round_for(one, made)
            if turn is not None:
                held = turn.setdefault(provider, [])
                one.index = len(held)
                held.append(one)
            elif one.given.refused is None:
                one.given = replace(one.given, refused=_CONTRADICTS)
    return made


def _round_for(one: Served, made: list[dict[str, list[Served]]]) -> dict[str, list[Served]] | None:
    for turn in made:
        if not any(contradict(one.claims, other.claims) for other in turn.get(one.provider, ())):
            return turn
    if len(made) >= MOST_ROUNDS:
        return None
    made.append({})
    return made[-1]


def settle(served: Iterable[Served], kept: Mapping[str, Iterable[Kept]]) -> None:
    """Join each part with what the node keeps of it. `kept`: originals by provider."""
    by_hash = {(name, one.sha256): one for name, found in kept.items() for one in found}
    for file in served:
        for part in file.parts:
            part.kept = by_hash.get((file.provider, part.sha256), part.kept)


def problems(served: Iterable[Served], positions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Parts that entered no record, with the reason. `positions`: intake id to where its reading failed."""
    rows = []
    for file in served:
        for part in file.parts:
            if part.stored:
                continue
            rows.append(
                {"file": file.name, "part": part.number, "answer": part.told, "reason": _why(part, positions)}
            )
    return rows


def _why(part: Part, positions: Mapping[str, str]) -> str:
    if part.kept is None:
        return "it never reached the node"
    reason = part.kept.reason or part.kept.state
    where = positions.get(part.kept.intake)
    return _WORDS.get(reason, reason) + f" ({reason}{f' at {where}' if where else ''})"


def told_from_line(line: Mapping[str, Any]) -> str:
    """MSA-1 and ERR-3 of an acknowledgement in words, or why there was none."""
    code = line.get("code")
    if not code:
        return f"no acknowledgement: {line.get('outcome')}"
    error = line.get("error") or ""
    words = ERRORS.get(error, "")
    return " ".join(part for part in (str(code), error, words) if part)


def shortened(rows: Sequence[dict[str, Any]], what: str = "file") -> list[dict[str, Any]]:
    """At most `MOST_ROWS`, and then how many more there are."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    return [*rows[:MOST_ROWS], {what: f"… and {len(rows) - MOST_ROWS} more"}]
