"""Medicines given during a visit: MedicationAdministration. The guide has no section of this kind."""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local, peek, type_of
from adapters.specialist.quantities import when
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, frame, is_negated, notes, performers, reasons
from adapters.specialist.sections.doses import dosage, medicine
from adapters.specialist.sections.medications import medications
from adapters.specialist.values import ACT_STATUS, absent, mapped, present

JSON = dict[str, Any]
_INTERVALS = frozenset({"PIVL_TS", "EIVL_TS"})


def administrations(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A substance that was given (mood EVN); one that is only ordered is an order in this section too."""
    if local(act) != "substanceAdministration" or peek(act, "moodCode") not in ("EVN", ""):
        return medications(record, act, place)
    owner = frame(record, "MedicationAdministration", act)
    status = _status(record, act)
    content = present(
        status="not-done" if is_negated(record, act) else status,
        subject=record.subject,
        performer=[{"actor": a} for a in performers(record, act, owner)],
        reasonCode=reasons(record, act),
        note=notes(record, act),
        dosage=_given(dosage(record, act)),
    )
    content |= medicine(record, find(act, "consumable/manufacturedProduct"), owner) | _moment(record, act)
    return [record.add(owner | content, record.key(act, place.code, place.ordinal))]


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_administration_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "unknown"


def _moment(record: Record, act: Element) -> JSON:
    """When it was given; how often is no matter of one administration."""
    for element in find_all(act, "effectiveTime"):
        found = when(record, element, "effective") if type_of(element) not in _INTERVALS else {}
        if found:
            return found
    return {"effectivePeriod": absent(record, None)}


def _given(stated: JSON) -> JSON | None:
    """The members that the dosage of an administration has (mad-1: a dose or a rate, or only words)."""
    rate = stated.get("doseAndRate", [{}])[0]
    return present(
        text=stated.get("text"),
        site=stated.get("site"),
        route=stated.get("route"),
        dose=rate.get("doseQuantity"),
        rateQuantity=rate.get("rateQuantity"),
    )
