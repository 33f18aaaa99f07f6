"""The life of a key, read off `nbf`, `exp` and the clock: it is never toggled (envelope.md 9 and 12).

    pending -> active -> retiring -> destroyed        `compromised` is an event that beats all

- `enc`: active until exp; retiring until exp + 7 days: opens what was sealed in time, nothing new is sealed
  to it; then destroyed.
- others: active until exp - 30 days; retiring until exp: still signs, its successor is preferred; then the
  private half is destroyed and the public half still verifies.
"""

from collections.abc import Iterable

from keys.errors import UnknownKey
from keys.interface import PublicKey, State

DAY = 86_400
LONGEST_MESSAGE = 7 * DAY
SIGNING_OVERLAP = 30 * DAY


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


def overdue(keys: Iterable[PublicKey], at: int) -> tuple[str, ...]:
    """Kids whose private half has outlived its use and must be destroyed (`KeyStore.retire`)."""
    return tuple(key.kid for key in keys if state(key, at) == "destroyed")
