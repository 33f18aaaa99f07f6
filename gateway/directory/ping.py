"""Whether a member's node is there, and is that member: a signed answer to a number that we drew.

`GET <endpoints.directory>/ping/<nonce>` is answered by a JWS (`carepact-ping+json`) over `{v, id, federation,
nonce, at_ms, version}`: *contacted* is who answers at all, *verified* who signs as that member by the keys of
our own list. `at_ms` is the other clock, `version` that of the list it works with.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.errors import SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from gateway.directory.membership import Membership
from gateway.directory.refresh import Mirror
from keys import jws
from keys.errors import StatementRefused, UnknownKey
from keys.syntax import SyntaxRefused, emit, parse_object, require_integer, require_members
from keys.trust import TrustList

DEADLINE = 10.0
MAX_ANSWER = 64 * 1024
A_SECOND = 20
"""Answers that one node signs in one second: a signature is work that anybody may ask for."""
NONCE = re.compile(r"[0-9a-f]{32}").fullmatch
_CLAIMS = frozenset(("v", "id", "federation", "nonce", "at_ms", "version"))


@dataclass(frozen=True, slots=True)
class Ping:
    """What became of it. `offset`: seconds that the other clock is ahead, to half of `took`."""

    contacted: bool
    verified: bool = False
    took: float = 0.0
    offset: float | None = None
    version: int | None = None


class Answering:
    """Our answers, at most so many a second."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._second, self._count = 0, 0

    def answer(self, nonce: str, at_ms: int) -> bytes | None:
        """The JWS; None where there were too many this second. Raises `UnknownKey` without a live key."""
        second = at_ms // 1000
        self._count = self._count + 1 if second == self._second else 1
        self._second = second
        if self._count > A_SECOND:
            return None
        own, trust = self._membership.own, self._membership.members.current.trust
        claims = {"v": 1, "id": own.member, "federation": trust.federation, "nonce": nonce}
        payload = emit(claims | {"at_ms": at_ms, "version": trust.version})
        return jws.sign(jws.PING, payload, jws.signers_from_store(own.keys, at=second))


async def ping(place: Mirror, id: str, trust: TrustList, nonce: str, clock: Callable[[], float]) -> Ping:
    """Ask a member's node who it is. `clock`: POSIX seconds. Raises nothing."""
    sent = clock()
    try:
        async with place.transport() as transport:
            reply = await transport.request("GET", f"ping/{nonce}", deadline=DEADLINE, max_bytes=MAX_ANSWER)
    except (SourceMalformed, SourceRefused):
        return Ping(True)
    except (SourceTimedOut, SourceUnavailable, OSError, ValueError):
        return Ping(False)
    received = clock()
    claims = _claims(reply.body, id, trust, nonce, int(received)) if reply.status == 200 else None
    took = max(received - sent, 0.0)
    if claims is None:
        return Ping(True, took=took)
    offset = claims["at_ms"] / 1000 - (sent + received) / 2
    return Ping(True, True, took, round(offset, 3), claims["version"])


def _claims(data: bytes, id: str, trust: TrustList, nonce: str, at: int) -> dict[str, Any] | None:
    """Its claims, if they are that member's and about this very question."""
    try:
        verified = jws.verify(data, jws.PING, trust.resolver(id, at))
        claims = require_members(parse_object(verified.payload), _CLAIMS)
        require_integer(claims["at_ms"])
        require_integer(claims["version"])
    except (StatementRefused, SyntaxRefused):
        return None
    expected = {"v": 1, "id": id, "federation": trust.federation, "nonce": nonce}
    return claims if {name: claims[name] for name in expected} == expected else None


__all__ = ["NONCE", "Answering", "Ping", "UnknownKey", "ping"]
