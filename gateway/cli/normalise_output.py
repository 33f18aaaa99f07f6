"""Where `carepact normalise` puts what it made: two files an input, or NDJSON; and one line an input."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from gateway.cli.output import say, warn, write_out
from gateway.errors import Exit, Problem
from gateway.intake.single import Single, ndjson

_NOTHING = {"total": 0, "mapped": 0, "kept": 0, "lost": 0, "assumed": 0, "altered": 0}


class Output:
    """Outputs of one run. `folder` `-`: NDJSON on stdout, and the lines on stderr."""

    def __init__(self, folder: Path, as_json: bool) -> None:
        self._piped = str(folder) == "-"
        self._folder = folder
        self._as_json = as_json
        self._stems: set[str] = set()
        if not self._piped:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                _unwritable()

    def write(self, single: Single) -> None:
        """The bundle and the ledger of one input, then its line."""
        paths: list[Path] = []
        if self._piped:
            if sys.stdout is None:
                raise Problem("invalid", expression="--out", hint="stdout is closed; name a folder")
            for piece in ndjson(single):
                write_out(piece)
            write_out(b"\n")
        else:
            stem = self._stem(single.name)
            parts = (("bundle", single.bundle_pieces()), ("losses", single.ledger_pieces()))
            paths = [self._put(f"{stem}.{part}.json", pieces) for part, pieces in parts]
        bundle, losses = (str(path) for path in paths) if paths else (None, None)
        self._tell(single.name, single.status, bundle, losses, single.resources, single.counts, single.worst)

    def unread(self, name: str) -> None:
        """A file that is not there, or not ours to read."""
        warn(f"carepact: this file cannot be read: {name}")
        self._tell(name, "error", None, None, {}, _NOTHING, "failed/unreadable")

    def _stem(self, name: str) -> str:
        """The name without its last suffix; never one that this run has used."""
        stem, number = Path(name).stem, 1
        unique = stem
        while unique in self._stems:
            number += 1
            unique = f"{stem}.{number}"
        self._stems.add(unique)
        return unique

    def _put(self, name: str, pieces: Iterable[bytes]) -> Path:
        """Whole or not at all: a reader never sees half a bundle."""
        path = self._folder / name
        part = self._folder / f".{name}.part"
        try:
            with part.open("wb") as file:
                file.writelines(pieces)
                file.write(b"\n")
            os.replace(part, path)
        except OSError:
            part.unlink(missing_ok=True)
            _unwritable()
        return path

    def _tell(
        self,
        name: str,
        status: str,
        bundle: str | None,
        losses: str | None,
        resources: dict[str, int],
        counts: dict[str, int],
        worst: str | None,
    ) -> None:
        line: Any = {
            "input": name,
            "status": status,
            "bundle": bundle,
            "losses": losses,
            "resources": resources,
            "counts": counts,
            "worst": worst,
        }
        if not self._as_json:
            sums = " ".join(f"{key}={counts[key]}" for key in ("total", "mapped", "kept", "lost"))
            line = f"{name}  {status}  resources={sum(resources.values())} {sums}"
        else:
            line = json.dumps(line, separators=(",", ":"))
        (warn if self._piped else say)(line)
        if worst and status == "error" and not self._as_json:
            warn(f"carepact: {name}: {worst} (docs/files.md)")  # the line itself is a contract


def _unwritable() -> None:
    warn("carepact: the outputs cannot be written there (--out)")
    raise typer.Exit(int(Exit.FAILED))
