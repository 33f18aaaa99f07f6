"""What a request between nodes says, inside its seal: strict JSON of `v`, `op`, `deadline_ms`, more by op.

Refuses with `NotARequest`: it was signed by a member and opened, so this is answered, sealed, not refused.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from gateway.fhir.json import BadJSON, decode, encode

MEMBERS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "query": (frozenset(("access", "subject", "types")), frozenset(("start", "end", "since"))),
    "match": (frozenset(("access", "subject")), frozenset()),
    "consent": (frozenset(("subject", "document")), frozenset()),
    "revoke": (frozenset(("answers", "records", "why")), frozenset()),
    "reconcile": (frozenset(("since", "until", "after")), frozenset(("md",))),
}
"""Members that an op must have, and those that it may have (exchange.md)."""
MAX_DEADLINE_MS = 600_000
_OP = re.compile(r"[a-z]{2,32}").fullmatch
_ALL = frozenset(("v", "op", "deadline_ms"))


class NotARequest(ValueError):
    """Not of the form that its op has. The message is constant."""

    def __init__(self) -> None:
        super().__init__("not of the form of its op")


def content_bytes(op: str, deadline: float, members: Mapping[str, Any]) -> bytes:
    """The content of a request. `deadline`: seconds that the one who asks still waits."""
    whole = {"v": 1, "op": op, "deadline_ms": max(1, int(deadline * 1000))} | dict(members)
    content_from_bytes(encode(whole))
    return encode(whole)


def content_from_bytes(data: bytes) -> dict[str, Any]:
    """A request's members, its frame checked; an op that is not listed keeps what it says. `NotARequest`."""
    try:
        found = decode(data)
    except BadJSON:
        raise NotARequest from None
    if not isinstance(found, dict) or found.get("v") != 1 or isinstance(found["v"], bool):
        raise NotARequest
    op, deadline = found.get("op"), found.get("deadline_ms")
    if not isinstance(op, str) or not _OP(op):
        raise NotARequest
    if type(deadline) is not int or not 0 < deadline <= MAX_DEADLINE_MS:
        raise NotARequest
    if op in MEMBERS:
        _require_members(found.keys() - _ALL, *MEMBERS[op])
    return found


def _require_members(found: Collection[str], must: frozenset[str], may: frozenset[str]) -> None:
    if not must <= set(found) or set(found) - must - may:
        raise NotARequest
