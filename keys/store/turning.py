"""A KEK that is being replaced: from the first step to the last, everything opens (envelope.md 12).

`kek.turn` in the state folder says from which KEK to which: `{"done":…,"new":SETTING,"old":SETTING,"v":1}`; a
setting names a place and is no secret.

1. The file is written. From its next use on every process of the node wraps under the new KEK, and opens
   under both. 2. Everything is wrapped anew, each item whole or not at all. 3. When a pass found nothing
   under the old KEK, `done` is set. 4. The operator names the new KEK in the configuration, and only then
   destroys the old one.
Killed at any point, the node starts with either KEK in its configuration, and the same command goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keys.errors import KeyFault
from keys.interface import KeyWrapper
from keys.store.file import read_private, replace_private
from keys.store.wrapper import PassphraseWrapper
from keys.syntax import SyntaxRefused, emit, parse_object, require_members

_MEMBERS = frozenset(("v", "old", "new", "done"))
Make = Callable[[str], KeyWrapper]
"""The wrapper of a setting; `KeyFault` where it is not at hand."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the file says."""

    old: str
    new: str
    done: bool


class TurningWrapper:
    """The KEK of a setting, and while a turn is on, of its other side too."""

    def __init__(self, setting: str, folder: Path, make: Make) -> None:
        self._setting = setting
        self._path = turn_path(folder)
        self._make = make
        self._made: dict[str, KeyWrapper] = {}
        self._seen: tuple[int, int] | None = None
        self._order: tuple[str, ...] = (setting,)
        self._refresh()
        self._wrapper(self._order[0])

    @property
    def kek(self) -> str:
        return self._first().kek

    @property
    def kdf(self) -> str:
        return self._first().kdf

    def wrap(self, plain: bytes, aad: bytes) -> bytes:
        return self._first().wrap(plain, aad)

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return self._opened(wrapped, aad)[1]

    def turned(self, wrapped: bytes, aad: bytes) -> bytes | None:
        """The same under the new KEK; None where it is already. `KeyFault` where neither opens it."""
        under, plain = self._opened(wrapped, aad)
        return None if under is self._first() else self._first().wrap(plain, aad)

    def _opened(self, wrapped: bytes, aad: bytes) -> tuple[KeyWrapper, bytes]:
        self._refresh()
        cheap = [self._wrapper(name) for name in self._order[:1]]
        cheap += [found for name in self._order[1:] if (found := self._if_there(name)) is not None]
        # Trying a passphrase costs a derivation for every salt that is none.
        for wrapper in sorted(cheap, key=lambda one: _costs(one, wrapped)):
            try:
                return wrapper, wrapper.unwrap(wrapped, aad)
            except KeyFault:
                continue
        raise KeyFault("what is stored does not open: another key, or altered")

    def _first(self) -> KeyWrapper:
        self._refresh()
        return self._wrapper(self._order[0])

    def _wrapper(self, setting: str) -> KeyWrapper:
        if setting not in self._made:
            self._made[setting] = self._make(setting)
        return self._made[setting]

    def _if_there(self, setting: str) -> KeyWrapper | None:
        try:
            return self._wrapper(setting)
        except KeyFault:
            return None

    def _refresh(self) -> None:
        """Another process may have begun a turn a moment ago."""
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
        except FileNotFoundError:
            self._seen, self._order = None, (self._setting,)
            return
        if seen == self._seen:
            return
        turn = read_turn(self._path)
        # Who took part in the turn before this one knows its outcome: a process needs no restart in between.
        if turn is not None and {self._setting, *self._order[:1]}.isdisjoint((turn.old, turn.new)):
            raise KeyFault("a turn between two other KEKs is under way: name one of them, and finish it")
        self._seen = seen
        self._order = (self._setting,) if turn is None else (turn.new, turn.old)


def turn_path(folder: Path) -> Path:
    """Where a turn is noted."""
    return folder / "kek.turn"


def read_turn(path: Path) -> Turn | None:
    """What is noted; `KeyFault` for a file that says something else."""
    if not path.exists():
        return None
    try:
        held = require_members(parse_object(read_private(path)), _MEMBERS)
    except SyntaxRefused:
        raise KeyFault("kek.turn is altered") from None
    if not all(isinstance(held[name], str) for name in ("old", "new")) or not isinstance(held["done"], bool):
        raise KeyFault("kek.turn is altered")
    return Turn(held["old"], held["new"], held["done"])


def write_turn(path: Path, turn: Turn) -> None:
    """Note it, durably."""
    data = emit({"v": 1, "old": turn.old, "new": turn.new, "done": turn.done})
    replace_private(path, data)


def _costs(wrapper: KeyWrapper, wrapped: bytes) -> bool:
    return isinstance(wrapper, PassphraseWrapper) and not wrapper.met(wrapped)
