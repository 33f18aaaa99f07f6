"""The stored form of a resource's derived facts: all that a decision needs, in compact bytes (consent.md
2).
"""

from collections.abc import Mapping
from typing import Self

import msgspec

from consent.instants import Micros
from consent.labels import Labels


class Element(msgspec.Struct, frozen=True, array_like=True):
    """An element (`Patient.address[0]`) or contained resource with labels of its own."""

    path: str
    labels: Labels


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """All that a decision needs from one resource. Codes are `system|code`; times are microseconds UTC."""

    type: str
    ref: str | None
    custodian: str
    patients: tuple[str, ...]
    labels: Labels
    dated: bool
    start: Micros | None
    end: Micros | None
    text_only: bool
    """A principal element (`code` …) is there, but nothing coded in it."""
    principal: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    references: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    ancestors: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    received_under: str | None = None
    paths: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Every element present, without indexes, and the most occurrences that one array of it has."""
    elements: tuple[Element, ...] = ()

    def about(self, aliases: Mapping[str, str]) -> Self:
        """The same facts with a source's `Patient/<source id>` replaced by the person's `Patient/<index
        id>`.
        """
        if not aliases:
            return self

        def swap(references: frozenset[str]) -> frozenset[str]:
            if references.isdisjoint(aliases):
                return references
            return frozenset(aliases.get(item, item) for item in references)

        return msgspec.structs.replace(
            self,
            ref=aliases.get(self.ref, self.ref) if self.ref else None,
            patients=tuple(dict.fromkeys(aliases.get(item, item) for item in self.patients)),
            references=swap(self.references),
            authors=swap(self.authors),
            ancestors=swap(self.ancestors),
        )


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Facts)


def facts_to_bytes(facts: Facts) -> bytes:
    """Compact and deterministic (MessagePack)."""
    return _ENCODER.encode(facts)


def facts_from_bytes(stored: bytes) -> Facts:
    """Raises `ValueError` if these are not bytes of `facts_to_bytes`."""
    try:
        return _DECODER.decode(stored)
    except msgspec.DecodeError as error:
        raise ValueError("these are not stored facts") from error
