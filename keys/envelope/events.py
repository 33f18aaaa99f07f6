"""What comes out of an opening, in the order of the procedure (envelope.md 6)."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from keys.envelope.manifest import Manifest
from keys.envelope.spool import Spool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unverified(Generic[T]):
    """Decrypted, but the end of the stream and the hash are not known yet: keep it, never parse it."""

    provisional: T = field(repr=False)


@dataclass(frozen=True, slots=True)
class ManifestVerified:
    """Steps 1 to 11 hold. `jws` is kept as evidence."""

    manifest: Manifest
    md: bytes
    jws: bytes
    suite: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """The same message as before: send `outcome` again, with no second effect and no second leaf."""

    manifest: Manifest
    md: bytes
    outcome: bytes


@dataclass(frozen=True, slots=True)
class Content:
    """The next bytes of the content, provisional until `Complete`."""

    data: Unverified[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything held to the last byte. `env` = SHA-256 of the whole envelope, empty unless it was wanted."""

    blind: bytes = field(repr=False)
    env: bytes


Event = ManifestVerified | Replayed | Content | Complete


@dataclass(frozen=True, slots=True)
class Released:
    """A whole opened envelope, in spools of the caller's kind: `content` may be parsed now.

    `encoded`: what the signed hash is over, to be kept as evidence or discarded; the same spool as `content`
    where nothing was compressed.
    """

    manifest: Manifest
    content: Spool = field(repr=False)
    encoded: Spool = field(repr=False)
    md: bytes
    jws: bytes
    blind: bytes = field(repr=False)
    env: bytes
    suite: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A whole opened envelope. Content may be parsed; `jws`, `blind` and `encoded` are kept as evidence."""

    manifest: Manifest
    content: bytes = field(repr=False)
    encoded: bytes = field(repr=False)
    md: bytes
    jws: bytes
    blind: bytes = field(repr=False)
    env: bytes
    suite: int
