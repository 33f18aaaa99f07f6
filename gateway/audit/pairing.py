"""Which leaves of two logs belong together, and what it means where not (trust-and-ledger.md 12). Pure.

An exchange is named by the digest of its request, R. Its asker logs `ask` (md = R) and, when the answer has
come, `receive` (req = R, md = A); who answers logs `answer` (req = R, md = A). From the side of `me`:

| class | means |
|---|---|
| `matched` | `answer` and `receive` name one A, within five minutes |
| `differs` | another A for one R, two answers to one R, or clocks apart |
| `only-here` | I hold their answer, or answered their question, and they show no leaf of it |
| `only-there` | they show an answer to me, or one of mine, that I did not log |
| `unproven` | a leaf of theirs that is not provably in their log, or is not theirs |
| `unacked` | sent, and after 24 hours no sign on the other side that it arrived |
| `open` | the same within 24 hours, or an omission within the hour that a log has to grow: no finding |
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from keys.leaf import Leaf

Class = Literal["matched", "differs", "only-here", "only-there", "unproven", "unacked", "open"]
CLASSES: tuple[Class, ...] = (
    "matched", "differs", "only-here", "only-there", "unproven", "unacked", "open"
)  # fmt: skip
APART = 5 * 60
MERGED_WITHIN = 3600
"""Seconds after which a promised leaf must be in a log (section 10)."""
ACKED_WITHIN = 24 * 3600
PAIRED = frozenset(("ask", "answer", "receive"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A leaf as its owner shows it. `proven`: its inclusion proof holds under the owner's checkpoint."""

    index: int
    leaf: Leaf
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Paired:
    """One exchange. `mine`, `theirs`: indexes of its leaves; `why`: a word for people."""

    request: bytes
    kind: Class
    at: int
    mine: tuple[int, ...]
    theirs: tuple[int, ...]
    why: str = ""


@dataclass(slots=True)
class _Exchange:
    mine: list[Shown] = field(default_factory=list)
    theirs: list[Shown] = field(default_factory=list)


def pair(
    me: str, peer: str, mine: Sequence[Shown], theirs: Sequence[Shown], *, now: int
) -> tuple[Paired, ...]:
    """Every exchange that either log shows, once, by its first time. Kinds beside the three are left out."""
    found: dict[bytes, _Exchange] = defaultdict(_Exchange)
    for one in mine:
        if one.leaf.kind in PAIRED:
            found[_request(one.leaf)].mine.append(one)
    for one in theirs:
        if one.leaf.kind in PAIRED or not _is_theirs(one, me, peer):
            found[_request(one.leaf)].theirs.append(one)
    rows = (_row(me, peer, request, exchange, now) for request, exchange in found.items())
    return tuple(sorted(rows, key=lambda row: (row.at, row.request)))


def _request(leaf: Leaf) -> bytes:
    return leaf.md if leaf.kind == "ask" else leaf.req


def _is_theirs(one: Shown, me: str, peer: str) -> bool:
    return one.proven and one.leaf.me == peer and one.leaf.peer == me and one.leaf.kind in PAIRED


def _row(me: str, peer: str, request: bytes, exchange: _Exchange, now: int) -> Paired:
    whole = [*exchange.mine, *exchange.theirs]
    at = min(one.leaf.at for one in whole)
    if not all(_is_theirs(one, me, peer) for one in exchange.theirs):
        kind, why = _told("unproven", "a leaf that is not provably in their log")
    else:
        kind, why = _class(exchange, at, now)
    return Paired(request, kind, at, _places(exchange.mine), _places(exchange.theirs), why)


def _places(side: Sequence[Shown]) -> tuple[int, ...]:
    return tuple(sorted(one.index for one in side))


def _told(kind: Class, why: str) -> tuple[Class, str]:
    return kind, why


def _class(exchange: _Exchange, at: int, now: int) -> tuple[Class, str]:
    asked_here = any(one.leaf.kind in ("ask", "receive") for one in exchange.mine)
    asked_there = any(one.leaf.kind in ("ask", "receive") for one in exchange.theirs)
    if asked_here and asked_there:
        return _told("differs", "both say that they asked")
    if _repeated(exchange.mine) or _repeated(exchange.theirs):
        return _told("differs", "logged twice")
    answers, receipts = _of(exchange, "answer"), _of(exchange, "receive")
    if len({one.leaf.md for one in answers + receipts}) > 1:
        return _told("differs", "another answer to the same question")
    if answers and receipts:
        # Of one question and one digest the two sides can differ in their clocks alone.
        return _clocks(answers[0].leaf.at, receipts[0].leaf.at)
    if receipts or (answers and not _of(exchange, "ask")):
        return _missing(exchange, at, now)
    waited = now - at >= ACKED_WITHIN
    return _told("unacked" if waited else "open", "no sign that it arrived")


def _of(exchange: _Exchange, kind: str) -> list[Shown]:
    return [one for one in (*exchange.mine, *exchange.theirs) if one.leaf.kind == kind]


def _repeated(side: Sequence[Shown]) -> bool:
    kinds = [one.leaf.kind for one in side]
    return len(kinds) != len(set(kinds))


def _clocks(answered: int, received: int) -> tuple[Class, str]:
    if abs(answered - received) <= APART:
        return _told("matched", "")
    return _told("differs", "the clocks are more than five minutes apart")


def _missing(exchange: _Exchange, at: int, now: int) -> tuple[Class, str]:
    """One side shows what the other must have logged: an answer received, or one given to a question."""
    if now - at < MERGED_WITHIN:
        return _told("open", "within the hour that a log has to grow")
    if exchange.mine:
        return _told("only-here", "they show no leaf of it")
    return _told("only-there", "nothing of it was logged here")
