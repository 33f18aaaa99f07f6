"""Step 1 and 2: one question, framed once. Nothing after this reads headers or tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from adapters.interface import Identifier
from gateway.authn.caller import Caller
from keys.envelope.recipient import Recipient

Reach = Literal["local", "federation"]
Shape = Literal["patients", "everything", "summary", "query"]
"""`query`: what another member's node asks; its answer is a searchset that the asking node merges."""
SUITE = 3


@dataclass(frozen=True, slots=True)
class SealTo:
    """Whom the answer is sealed for, and what it answers (`req`, 32 bytes).

    A keyed client (envelope.md 11): its registered key, and SHA-256 over method, target, nonce and body. A
    member's node: the reply key of its request, that request's `md`, its suite and its `exp`.
    """

    recipient: Recipient
    request: bytes
    suite: int = SUITE
    exp: int | None = None


@dataclass(frozen=True, slots=True)
class AskedBy:
    """A member's node that asked, sealed. `spend` runs inside the releasing unit, before its leaf: it spends

    the id of the request, and raises where that was spent before, so that nothing is released twice.
    """

    member: str
    exchange: str
    """Its own name for the exchange; kept in the detail, so that both sides can be held together."""
    spend: Callable[[Connection], None]


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
    more: tuple[Identifier, ...] = ()
    """Other identifiers of the same person that the question names: together they lead to one, or to none."""
    asked_by: AskedBy | None = None
    reach: Reach = "local"


@dataclass(frozen=True, slots=True)
class Answer:
    """What leaves: bytes and their media type, and whether every source answered in full."""

    exchange: str
    body: bytes
    media_type: str
    complete: bool
