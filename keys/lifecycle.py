"""The life of a key, read off `nbf`, `exp` and the clock: it is never toggled (envelope.md 9 and 12).

    pending -> active -> retiring -> destroyed        `compromised` is an event that beats all

- `enc`: active until exp; retiring until exp + 7 days: opens what was sealed in time, nothing new is sealed
  to it; then destroyed.
- others: active until exp - 30 days; retiring until exp: still signs, its successor is preferred; then the
  private half is destroyed and the public half still verifies.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keys.algorithms import KEM
from keys.errors import UnknownKey
from keys.interface import PublicKey, State, Use

DAY = 86_400
LONGEST_MESSAGE = 7 * DAY
SIGNING_OVERLAP = 30 * DAY
YEAR = 365 * DAY
EPOCHS_AHEAD = 3
_LASTING: tuple[tuple[Use, str], ...] = (("sig", "Ed25519"), ("sig", "ML-DSA-65"), ("log", "Ed25519"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that should be made: the arguments of `KeyStore.create`."""

    use: Use
    alg: str
    nbf: int
    exp: int


@dataclass(frozen=True, slots=True)
class Due:
    """What to make, and which private halves (kids) to destroy with `KeyStore.retire`."""

    make: tuple[Wanted, ...]
    destroy: tuple[str, ...]


def state(key: PublicKey, at: int, *, compromised: bool = False) -> State:
    """The state of a key at an instant, POSIX seconds."""
    if compromised:
        return "compromised"
    if at < key.nbf:
        return "pending"
    fades, ends = (
        (key.exp, key.exp + LONGEST_MESSAGE) if key.use == "enc" else (key.exp - SIGNING_OVERLAP, key.exp)
    )
    if at >= ends:
        return "destroyed"
    # A signing key made for less than the overlap is active all its life but never "retiring" from birth.
    return "retiring" if at >= max(fades, key.nbf + (key.exp - key.nbf) // 2) else "active"


def live(key: PublicKey, at: int) -> bool:
    """Whether something may be signed with, or sealed to, this key at `at`."""
    return key.nbf <= at < key.exp


def newest(keys: Iterable[PublicKey], use: str, alg: str, at: int) -> PublicKey:
    """The live key of this use and algorithm that was made last; `UnknownKey` if there is none."""
    candidates = [key for key in keys if key.use == use and key.alg == alg and live(key, at)]
    if not candidates:
        raise UnknownKey("no live key of this use and algorithm")
    return max(candidates, key=lambda key: (key.nbf, key.kid))


def due(keys: Iterable[PublicKey], at: int) -> Due:
    """What a node's keys need at `at`: run it at the start and once an hour. It makes nothing twice, and
    retiring what is retired changes nothing.

    KEM keys live one day, three days are covered ahead; a signing key gets its successor 30 days before its
    end; a KEM seed is destroyed seven days past its end, any other at its end.
    """
    known = tuple(keys)
    make = [*_epochs_due(known, at)]
    for use, alg in _LASTING:
        ends = [key.exp for key in known if (key.use, key.alg) == (use, alg)]
        if not ends or max(ends) - at <= SIGNING_OVERLAP:
            make.append(Wanted(use, alg, at, at + YEAR))
    return Due(tuple(make), tuple(key.kid for key in known if state(key, at) == "destroyed"))


def _epochs_due(keys: Iterable[PublicKey], at: int) -> Iterator[Wanted]:
    start = max((key.exp for key in keys if (key.use, key.alg) == ("enc", KEM)), default=at)
    start = max(start, at)
    while start < at + EPOCHS_AHEAD * DAY:
        yield Wanted("enc", KEM, start, start + DAY)
        start += DAY
