"""Files of `carepact envelope`: seeds, members, and envelopes with or without the header lines of a vector.

A keys file is JSON: `{"a.example": SEED}` for opening, or `{"a.example": {"HPKE-9-KE": SEED, "Ed25519": SEED,
"ML-DSA-65": SEED}}` for sealing as well; a seed is 32 bytes in base64url; suite 1 has `HPKE-7-KE` and
`ES256`. It is for files and tests: a node's own keys never come this way, since there nothing is sealed
without its leaf in the ledger.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from gateway.errors import Problem
from keys.algorithms import KEM, KEMS
from keys.envelope.framing import SLICE
from keys.envelope.recipient import ReplyKey, reply_key_from_seed
from keys.errors import KeyRefused
from keys.interface import Entropy
from keys.lifecycle import LONGEST_MESSAGE
from keys.store.memory import MemoryKeyStore
from keys.syntax import SyntaxRefused, parse_object, unb64u
from keys.trust import TrustList, trust_list_from_json

MAGIC = b"CPX1"
_LINES = 4096
_LONG = 10 * 365 * 86_400
"""A seed in a file has no life of its own: the trust list says when its public half lives."""


@dataclass(frozen=True, slots=True)
class EnvelopeFile:
    """The bytes of an envelope as they are read, and the header lines that stood before them, if any."""

    pieces: Iterator[bytes] = field(repr=False)
    lines: Mapping[str, str]


def envelope_from_file(file: IO[bytes]) -> EnvelopeFile:
    """Read an envelope, or a vector (`name: value` lines, an empty line, the bytes). Raises `malformed`."""
    first = file.read(len(MAGIC))
    if first == MAGIC or not first.isalpha():
        return EnvelopeFile(_pieces(first, file), {})
    start = first + file.read(_LINES)
    head, gap, rest = start.partition(b"\n\n")
    if not gap:
        return EnvelopeFile(_pieces(start, file), {})
    try:
        lines = dict(line.split(": ", 1) for line in head.decode("ascii").split("\n"))
    except ValueError:
        raise Problem("malformed", hint="neither an envelope nor a vector with header lines") from None
    return EnvelopeFile(_pieces(rest, file), lines)


def _pieces(first: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield first
    while piece := file.read(SLICE):
        yield piece


def trust_from_file(data: bytes) -> TrustList:
    """A members file, as `carepact directory` keeps it. Raises `malformed`."""
    try:
        return trust_list_from_json(data)
    except KeyRefused as refused:
        raise Problem("malformed", expression="--trust", hint=str(refused)) from None


def seeds_from_file(data: bytes, address: str) -> Mapping[str, bytes]:
    """Seeds of an address by algorithm. Raises `malformed`, or `not_found` where the file has none."""
    try:
        held = parse_object(data, lines=True).get(address)
        if held is None:
            raise Problem("not_found", expression="--keys", hint="the file has no seeds for this address")
        named = held if isinstance(held, dict) else {KEM: held}
        return {alg: unb64u(seed, 32) for alg, seed in named.items()}
    except SyntaxRefused:
        raise Problem("malformed", expression="--keys", hint="one seed of 32 bytes for each name") from None


def kem_key(seed: bytes, now: int, alg: str = KEM) -> ReplyKey:
    """The private KEM key of a seed, as an opener takes it."""
    return reply_key_from_seed(seed, now=now - _LONG, exp=now + LONGEST_MESSAGE, alg=alg)


def store_from_seeds(seeds: Mapping[str, bytes], now: int, entropy: Entropy) -> MemoryKeyStore:
    """A store of the signing keys among them. Raises `invalid` for an algorithm outside the table."""
    from keys.errors import KeyFault

    store = MemoryKeyStore(entropy)
    for alg, seed in seeds.items():
        if alg in KEMS:
            continue
        try:
            store.adopt("sig", alg, seed, nbf=now - 60, exp=now + 60)
        except (KeyFault, KeyRefused):
            raise Problem("invalid", expression="--keys", hint="an algorithm outside the table") from None
    return store


def open_binary(path: Path, option: str) -> IO[bytes]:
    """A file, `-` for stdin. Raises `invalid`, naming the option."""
    import sys

    if str(path) == "-":
        return sys.stdin.buffer
    try:
        return path.open("rb")
    except OSError:
        raise Problem("invalid", expression=option, hint="this file cannot be read") from None


def write_private(path: Path, data: bytes, option: str) -> None:
    """A new file that only its owner reads, from its first byte on. Raises `invalid` where one is already."""
    import os

    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        raise Problem("invalid", expression=option, hint="name a new file that can be written") from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)
