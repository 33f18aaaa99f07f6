"""The lossless codec, and joining of stored bytes into larger JSON without parsing them.

A resource is serialised once, when it enters; an answer is spliced from those bytes (performance.md,
rule 1), so a decimal leaves with the digits that it came with.
"""

from collections.abc import Iterable
from typing import Any

from adapters.codec import BadJSON, decode, decode_own, encode

__all__ = ["BadJSON", "decode", "decode_own", "encode", "joined_array", "spliced"]


def joined_array(items: Iterable[bytes]) -> bytes:
    """JSON array of already encoded values."""
    return b"[" + b",".join(items) + b"]"


def spliced(members: dict[str, Any], name: str, raw: bytes) -> bytes:
    """JSON object of `members` with one more member, last, whose value is `raw` as it stands."""
    head = encode(members)
    separator = b"," if members else b""
    return head[:-1] + separator + encode(name) + b":" + raw + b"}"
