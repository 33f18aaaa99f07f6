"""Medical equipment: what the patient uses or bears, as DeviceUseStatement. No guide maps it."""

from typing import Any

from adapters.specialist.devices import product
from adapters.specialist.markup import Element, find, find_all, local, peek
from adapters.specialist.quantities import time, when
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, frame, is_negated, members, notes, reasons
from adapters.specialist.sections.procedures import procedures
from adapters.specialist.values import ACT_STATUS, concept, mapped, present

JSON = dict[str, Any]


def equipment(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A supply, a procedure that placed a device, or an organizer of such."""
    if local(act) == "organizer":
        found = [r for inner in members(act) for r in equipment(record, inner, place) or ()]
        return found or None
    if local(act) == "procedure":
        return procedures(record, act, place)
    if local(act) != "supply" or peek(act, "moodCode") not in ("EVN", "") or is_negated(record, act):
        return None
    return _use(record, act, place)


def _use(record: Record, act: Element, place: Place) -> list[JSON] | None:
    owner = frame(record, "DeviceUseStatement", act)
    devices = product(record, act, owner)
    if not devices:
        return None
    sites = [concept(record, e) for e in find_all(act, "targetSiteCode")]
    content = present(
        status=_status(record, act),
        subject=record.subject,
        recordedOn=time(record, find(act, "author/time")),
        device=devices[0],
        reasonCode=reasons(record, act),
        bodySite=next((s for s in sites if s), None),
        note=notes(record, act),
    )
    content |= when(record, find(act, "effectiveTime"), "timing")
    return [record.add(owner | content, record.key(act, place.code, place.ordinal))]


def _status(record: Record, act: Element) -> str:
    """By table; R4 has no `unknown` here, and what is in use is the cautious guess."""
    target = mapped(record, "cda_device_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "active"
