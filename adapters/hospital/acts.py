"""What a message does to a resource beside saying it: cancel, delete, merge, move (normalisation.md 3.4).

An act travels and is stored beside the resource of the same message. It is plain data, so that history can be
folded again at any time; nothing in it but ids, element names, event codes and identifiers of merged records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.codec import decode_own, encode
from adapters.interface import JSON

CANCELS: Mapping[str, tuple[str, ...]] = {
    "A11": ("A01", "A04", "A05"),
    "A12": ("A02",),
    "A13": ("A03",),
    "A25": ("A16",),
    "A26": ("A15",),
    "A27": ("A14",),
    "A32": ("A10",),
    "A33": ("A09",),
    "A38": ("A05",),
    "A52": ("A21",),
    "A53": ("A22",),
    "A55": ("A54",),
}
"""A cancelling event and the events whose latest occurrence it takes back."""
UNDOING = frozenset(CANCELS) - {"A11", "A27", "A38"}
"""Cancels after which the visit is what it was before; the others end it as cancelled."""
_REMEMBERED = frozenset(CANCELS) | {event for events in CANCELS.values() for event in events}

REPLACES, REPLACED_BY, SEE_ALSO = "replaces", "replaced-by", "seealso"


@dataclass(frozen=True, slots=True)
class Act:
    """Everything empty: the resource is all that was said."""

    event: str = ""
    """Trigger event of a visit that cancels, or that can be cancelled."""
    deletes: tuple[str, ...] = ()
    """Elements that the sender deletes (`""`): `gender`, or a slot of one (`telecom:work`, `period:end`)."""
    links: Mapping[str, JSON] = field(default_factory=dict)
    """`Type/id` of the other record to `{"type": "replaces" | "replaced-by" | "seealso", "identifier": []}`.

    `identifier`: those of a merged record, shown as `old` on the one that replaces it while the link stands.
    """
    unlinks: tuple[str, ...] = ()
    """Other records whose link, of whatever type, is gone."""
    removes: tuple[tuple[str, str], ...] = ()
    """Identifiers (system, value) that are not this patient's any more (A43)."""
    stub: bool = False
    """Said in passing (MRG): fills in what is not known, changes nothing that is."""
    moved: bool = False
    """The resource is said to be another patient's from now on (A45)."""
    takes: str = ""
    """The same thing under its former number: `Type/id` whose history goes before this one's (A50)."""

    def __bool__(self) -> bool:
        return self != _NOTHING

    @property
    def is_cancel(self) -> bool:
        return self.event in CANCELS

    @property
    def needs_history(self) -> bool:
        """The state before it is not enough to apply it: something that was said is not to count any more."""
        return self.event in UNDOING or bool(self.takes)


_NOTHING = Act()


def act_of_event(event: str) -> Act:
    """The act of a visit in an ADT message: its event, if that can matter later."""
    return Act(event=event) if event in _REMEMBERED else _NOTHING


def act_to_bytes(act: Act) -> bytes:
    """Compact JSON; empty for an act that does nothing."""
    if not act:
        return b""
    said: JSON = {}
    for name in Act.__dataclass_fields__:
        value = getattr(act, name)
        if value:
            said[name] = (
                dict(value) if name == "links" else list(value) if isinstance(value, tuple) else value
            )
    return encode(said)


def act_from_bytes(data: bytes) -> Act:
    """The inverse of `act_to_bytes`."""
    if not data:
        return _NOTHING
    said: dict[str, Any] = decode_own(data)
    for name in ("deletes", "unlinks"):
        said[name] = tuple(said.get(name, ()))
    said["removes"] = tuple((system, value) for system, value in said.get("removes", ()))
    return Act(**said)
