"""The life of a key, read off `nbf`, `exp` and the clock: it is never toggled (envelope.md 9 and 12).

    pending -> active -> retiring -> destroyed        `compromised` is an event that beats all

- `enc`: active until exp; retiring until exp + 7 days: opens what was sealed in time, nothing new is sealed
  to it; then destroyed.
- others: active until exp - 30 days; retiring until exp: still signs, its successor is preferred; then the
  private half is destroyed and the public half still verifies.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from keys.algorithms import LIVE_SUITES, SUITES
from keys.errors import UnknownKey
from keys.interface import PublicKey, State, Use

DAY = 86_400
LONGEST_MESSAGE = 7 * DAY
SIGNING_OVERLAP = 30 * DAY
YEAR = 365 * DAY
EPOCHS_AHEAD = 3
_LASTING: tuple[tuple[Use, str], ...] = (
    ("sig", "Ed25519"),
    ("sig", "ML-DSA-65"),
    ("log", "Ed25519"),
    ("log", "ML-DSA-44"),
    ("witness", "ML-DSA-44"),
)
_CLASSICAL: tuple[Use, str] = ("sig", "ES256")
_OLD = ("ES256", SUITES[1].kem)
PUBLISHED_USES = ("sig", "enc", "log", "witness")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key that should be made: the arguments of `KeyStore.create`."""

    use: Use
    alg: str
    nbf: int
    exp: int


@dataclass(frozen=True, slots=True)
class Due:
    """What to make; by kid: which private halves to destroy with `KeyStore.retire`, which public halves the
    published record lacks, and which keys have begun to fade, so that their successors are in use."""

    make: tuple[Wanted, ...]
    destroy: tuple[str, ...]
    publish: tuple[str, ...] = ()
    retire: tuple[str, ...] = ()


def state(key: PublicKey, at: int, *, compromised: bool = False) -> State:
    """The state of a key at an instant, POSIX seconds."""
    if compromised:
        return "compromised"
    if key.destroyed is not None:
        return "destroyed"
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


def due(
    keys: Iterable[PublicKey],
    at: int,
    *,
    published: Collection[str] | None = None,
    suites: Collection[int] = LIVE_SUITES,
) -> Due:
    """What a node's keys need at `at`: run it at the start and once an hour. It makes nothing twice, and
    retiring what is retired changes nothing.

    KEM keys live one day, three days are covered ahead; a signing key gets its successor 30 days before its
    end; a KEM seed is destroyed seven days past its end, any other at its end. `published`: kids of the
    record that others see, where that is known. `suites`: what the node takes; suite 1 has keys of its own.
    """
    known = tuple(keys)
    # Who has made keys of suite 1 goes on having some.
    old = any(key.alg in _OLD and key.destroyed is None and key.exp > at - DAY for key in known)
    suites = {*suites, 1} if old else suites
    make = [wanted for kem in _kems(suites) for wanted in _epochs_due(known, kem, at)]
    for use, alg in (*_LASTING, *((_CLASSICAL,) if 1 in suites else ())):
        ends = [key.exp for key in known if (key.use, key.alg) == (use, alg) and key.destroyed is None]
        if not ends or max(ends) - at <= SIGNING_OVERLAP:
            make.append(Wanted(use, alg, at, at + YEAR))
    states = {key.kid: state(key, at) for key in known}
    return Due(
        tuple(make),
        tuple(key.kid for key in known if states[key.kid] == "destroyed" and key.destroyed is None),
        () if published is None else tuple(_unknown(known, states, published)),
        tuple(kid for kid, now in states.items() if now == "retiring"),
    )


def ended(key: PublicKey, at: int) -> PublicKey:
    """The key with its life cut at `at`; what it signed stays good, what was sealed to it still opens."""
    return key if key.exp <= at else replace(key, exp=max(key.nbf + 1, at))


def _kems(suites: Collection[int]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(SUITES[number].kem for number in sorted(suites, reverse=True) if number in SUITES)
    )


def _unknown(
    keys: Iterable[PublicKey], states: Mapping[str, State], published: Collection[str]
) -> Iterator[str]:
    """Keys that others would need and cannot know. A KEM key that has faded only opens."""
    for key in keys:
        fresh = states[key.kid] in ("pending", "active") or (
            key.use != "enc" and states[key.kid] == "retiring"
        )
        if fresh and key.use in PUBLISHED_USES and key.kid not in published:
            yield key.kid


def _epochs_due(keys: Iterable[PublicKey], kem: str, at: int) -> Iterator[Wanted]:
    ends = (key.exp for key in keys if (key.use, key.alg) == ("enc", kem) and key.destroyed is None)
    start = max(max(ends, default=at), at)
    while start < at + EPOCHS_AHEAD * DAY:
        yield Wanted("enc", kem, start, start + DAY)
        start += DAY
