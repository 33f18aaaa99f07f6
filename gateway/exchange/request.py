"""Step 1 and 2: one question, framed once. Nothing after this reads headers or tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from adapters.interface import Identifier
from gateway.authn.caller import Caller
from keys.envelope.recipient import Recipient

Shape = Literal["patients", "everything", "summary"]


@dataclass(frozen=True, slots=True)
class SealTo:
    """A keyed client (envelope.md 11): its address with its registered key, and the digest of its request."""

    recipient: Recipient
    request: bytes
    """SHA-256 over method, target, nonce and body: `req` of the answer."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about one patient. `subject`: a business identifier, or the id of a Patient held here."""

    exchange: str
    caller: Caller
    subject: Identifier | str
    types: tuple[str, ...]
    """Resource types asked for and in the caller's scope."""
    shape: Shape
    at: datetime
    deadline: float
    """Seconds, for everything up to the answer."""
    self_url: str
    """`link[self]`: our own base and route, without any identifier."""
    seal: SealTo | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What leaves: bytes and their media type, and whether every source answered in full."""

    exchange: str
    body: bytes
    media_type: str
    complete: bool
