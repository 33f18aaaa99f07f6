"""A folder that documents are dropped into (normalisation.md 4, rule 5): what is complete, where it goes.

1 a file is complete when it has stood still for a while, or, where a suffix is agreed, when it has it (then
others are still being written, however long they pause) · 2 nothing but plain files is read: no link is
followed, no name is trusted or told · 3 after it is stored, or refused for good, a file moves to `done/` or
`failed/`; until then it stays, so a crash loses nothing and repeats nothing that counts.
"""

import os
import stat
from pathlib import Path

from adapters.interface import Capabilities, Fetched, Identifier, PatientQuery

STILL = 5.0
"""Seconds without a change of size or time."""
_OURS = ("done", "failed")
_Stamp = tuple[int, int, int]


class TooLarge(Exception):
    """A file over the limit. The text is ours and constant."""


class DropFolder:
    """One folder. Blocking: to be called in a thread, by one caller at a time."""

    def __init__(
        self, folder: Path, *, suffix: str | None = None, still: float = STILL, max_bytes: int
    ) -> None:
        self._folder = folder
        self._suffix = suffix
        self._still = still
        self._max_bytes = max_bytes
        self._seen: dict[str, tuple[_Stamp, float]] = {}
        self._stuck: dict[str, _Stamp] = {}

    def prepare(self) -> None:
        """Make `done/` and `failed/`. Raises `OSError` if the folder is not there or one of them a link."""
        for name in _OURS:
            (self._folder / name).mkdir(mode=0o700, exist_ok=True)
            if not stat.S_ISDIR((self._folder / name).lstat().st_mode):
                raise NotADirectoryError
        os.listdir(self._folder)

    def ready(self, now: float) -> list[str]:
        """Names of complete files, oldest first. `now`: a clock in seconds that never goes back."""
        found: dict[str, _Stamp] = {}
        for entry in self._entries():
            if entry.is_file(follow_symlinks=False):
                found[entry.name] = _stamp(entry.stat(follow_symlinks=False))
        self._seen = {name: self._since(name, stamp, now) for name, stamp in found.items()}
        complete = [n for n, (stamp, since) in self._seen.items() if self._is_complete(n, stamp, now - since)]
        return sorted(complete, key=lambda name: (found[name][1], name))

    def strays(self) -> list[str]:
        """Names of links and other things that are no files: never read, to be put aside."""
        return [e.name for e in self._entries() if e.is_symlink() or not (e.is_file() or e.is_dir())]

    def read(self, name: str) -> bytes | None:
        """The bytes; None if the file changed meanwhile. Raises `TooLarge`, `OSError` (a link is one)."""
        handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise OSError
            body = file.read(self._max_bytes + 1)
            if len(body) > self._max_bytes:
                raise TooLarge("a file larger than the limit")
            unchanged = _stamp(os.fstat(handle)) == _stamp(before) and len(body) == before.st_size
            return body if unchanged else None

    def finish(self, name: str, *, stored: bool) -> bool:
        """Move a file out of the way; whether that worked. If not it is left alone until it changes."""
        target = self._folder / (_OURS[0] if stored else _OURS[1])
        try:
            number = 1
            free = target / name
            while os.path.lexists(free):
                number += 1
                free = target / f"{name}.{number}"
            os.rename(self._folder / name, free)
        except OSError:
            self._stuck[name] = self._seen[name][0] if name in self._seen else (0, 0, 0)
            return False
        return True

    def _entries(self) -> list[os.DirEntry[str]]:
        with os.scandir(self._folder) as entries:
            return [e for e in entries if e.name not in _OURS and not e.name.startswith(".")]

    def _since(self, name: str, stamp: _Stamp, now: float) -> tuple[_Stamp, float]:
        known = self._seen.get(name)
        return known if known and known[0] == stamp else (stamp, now)

    def _is_complete(self, name: str, stamp: _Stamp, unchanged: float) -> bool:
        if self._stuck.get(name) == stamp:
            return False
        return name.endswith(self._suffix) if self._suffix else unchanged >= self._still


class DropFeed:
    """`SourceAdapter` of a drop folder: its records are stored already and it cannot be pulled."""

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("specialist", pull=False, identifier_systems=())

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """Any patient may have documents here."""
        return True

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """Nothing beyond what was dropped."""
        return Fetched("answered", ())


def _stamp(found: os.stat_result) -> _Stamp:
    return found.st_size, found.st_mtime_ns, found.st_ino
