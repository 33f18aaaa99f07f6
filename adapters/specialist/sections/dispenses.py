"""Medicines handed out: a supply of mood EVN as MedicationDispense. The guide has no map of it."""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local, peek
from adapters.specialist.people import actor
from adapters.specialist.quantities import period, quantity, time
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, frame, is_denied, notes, relations
from adapters.specialist.sections.doses import medicine
from adapters.specialist.sections.kept import keep
from adapters.specialist.values import ACT_STATUS, mapped, present
from adapters.specialist.visits import places

JSON = dict[str, Any]


def dispenses(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A supply that stands alone; without a product nobody could say of what it is."""
    product = find(act, "product/manufacturedProduct")
    if not is_dispense(act) or is_denied(act) or product is None:
        return None
    return [_dispense(record, act, place, product, None)]


def dispenses_of(record: Record, act: Element, place: Place, request: JSON) -> list[JSON]:
    """What was handed out of an order; a supply that names no product is of the order's.

    A denied one ("was not handed out") is kept as it came: it must never read as handed out.
    """
    found = []
    for _, supply in relations(act):
        if not is_dispense(supply):
            continue
        if is_denied(supply):
            found.append(keep(record, supply, place))
            continue
        product = find(supply, "product/manufacturedProduct")
        if product is None:
            product = find(act, "consumable/manufacturedProduct")
        found.append(_dispense(record, supply, place, product, request))
    return found


def is_dispense(act: Element) -> bool:
    return local(act) == "supply" and peek(act, "moodCode") in ("EVN", "")


def _dispense(
    record: Record, act: Element, place: Place, product: Element | None, request: JSON | None
) -> JSON:
    owner = frame(record, "MedicationDispense", act)
    given = [actor(record, find(p, "assignedEntity"), owner) for p in find_all(act, "performer")]
    content = present(
        status=_status(record, act),
        subject=record.subject,
        performer=[{"actor": who} for n, who in enumerate(given) if who and who not in given[:n]],
        location=next(iter(places(record, act, owner)), None),
        authorizingPrescription=[request] if request else None,
        quantity=quantity(record, find(act, "quantity")),
        whenHandedOver=_handed_over(record, find(act, "effectiveTime")),
        note=notes(record, act),
    )
    content |= medicine(record, product, owner)
    return record.add(owner | content, record.key(act, place.code, place.ordinal))


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_dispense_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "unknown"


def _handed_over(record: Record, effective: Element | None) -> str | None:
    return time(record, effective) or (period(record, effective) or {}).get("start")
