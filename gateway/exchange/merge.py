"""A merge is a set of contributions, deduplicated by content; all else is computed from that set. Pure.

So order, grouping and repetition cannot matter, and taking a contribution out again gives what was before
(exchange.md, merge laws 1, 3, 4). Nothing is dropped but exact repetition, nothing is averaged.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contribution:
    """One resource as one source says it. `ref` is `Type/id`."""

    custodian: str
    source: str
    ref: str
    body: bytes

    @property
    def content(self) -> bytes:
        return hashlib.sha256(self.body).digest()


def merged(contributions: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """The set in its one order: Patients first, then by type, custodian, source, ref, content."""
    unique = {_place(c): c for c in contributions}
    return tuple(unique[place] for place in sorted(unique))


def _place(c: Contribution) -> tuple[bool, str, str, str, str, bytes]:
    kind = c.ref.partition("/")[0]
    return kind != "Patient", kind, c.custodian, c.source, c.ref, c.content
