"""RXA to MedicationAdministration, RXD to MedicationDispense: what was given and what was handed out."""

from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.groups import Order
from adapters.hospital.identifiers import Named
from adapters.hospital.message import Segment
from adapters.hospital.people import location_from_la2, location_from_pl, practitioner_from_xcn
from adapters.hospital.periods import period_between
from adapters.hospital.segments.completion import completion_from_rxa
from adapters.hospital.segments.medicine import (
    RXA,
    RXD,
    daily_maximum,
    dosages_from,
    put_facts,
    put_medicine,
    quantity_from,
)
from adapters.hospital.segments.nte import annotation_from_ntes
from adapters.interface import JSON

_ABSENT: JSON = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def administration_from_rxa(
    context: Context, rxa: Segment, order: Order, patient: Draft, visit: Draft | None, number: Named | None
) -> Draft:
    """MedicationAdministration by order number, RXA-5, RXA-3 and RXA-2."""
    key = number.key if number else patient.id
    draft = context.draft(
        "MedicationAdministration", "\x1f".join((key, rxa.text(5), rxa.text(3), rxa.text(2)))
    )
    draft.append("identifier", number.body if number else None)
    draft.put("status", completion_from_rxa(draft, rxa) or "unknown")
    for element in rxa.all(18):
        draft.append("statusReason", concept_from_cwe(context, element))
    put_medicine(draft, rxa, RXA)
    draft.put("subject", patient.link())
    draft.put("context", visit.link() if visit else None)
    _effective(draft, rxa)
    for element in rxa.all(10):
        who = practitioner_from_xcn(draft, element, "performer")
        draft.append("performer", {"actor": who} if who else None)
    put_facts(draft, rxa, RXA)
    draft.append("note", annotation_from_ntes(draft, order.notes))
    for words in (_lot(draft, rxa, 15, 16), _place(draft, rxa)):
        draft.append("note", {"text": words} if words else None)
    for dosage in dosages_from(draft, rxa, RXA, order, []):
        draft.put("dosage", _as_given(dosage))
    return context.add(draft)


def dispense_from_rxd(
    context: Context, rxd: Segment, order: Order, patient: Draft, visit: Draft | None, number: Named | None
) -> Draft:
    """MedicationDispense by prescription (RXD-7), else order number, RXD-1 and RXD-3."""
    prescription = rxd.first(7).take(1)
    key = prescription or (number.key if number else patient.id)
    draft = context.draft("MedicationDispense", "\x1f".join((key, rxd.text(2), rxd.text(1), rxd.text(3))))
    draft.append(
        "identifier", number.body if number else None, {"value": prescription} if prescription else None
    )
    draft.put("status", "completed")
    draft.assume(f"{rxd.position}-3", "status", "completed")
    put_medicine(draft, rxd, RXD)
    draft.put("subject", patient.link())
    draft.put("context", visit.link() if visit else None)
    for element in rxd.all(10):
        who = practitioner_from_xcn(draft, element, "performer")
        draft.append("performer", {"actor": who} if who else None)
    draft.put("quantity", quantity_from(draft, rxd, 4, 5, "quantity"))
    handed = draft.time(rxd.first(3), "whenHandedOver")
    draft.put("whenHandedOver", handed)
    put_facts(draft, rxd, RXD)
    draft.append("note", annotation_from_ntes(draft, order.notes))
    words = _lot(draft, rxd, 18, 19)
    draft.append("note", {"text": words} if words else None)
    dosages = dosages_from(draft, rxd, RXD, order, [])
    daily = daily_maximum(draft, rxd, 12)
    if daily:
        dosages = [one | {"maxDosePerPeriod": daily} for one in dosages or [{}]]
    draft.put("dosageInstruction", dosages)
    return context.add(draft)


def _effective(draft: Draft, rxa: Segment) -> None:
    period = period_between(draft, (rxa.first(3), 1), (rxa.first(4), 1), "effective")
    moments = list(dict.fromkeys(period.values()))
    if len(moments) == 2:
        draft.put("effectivePeriod", period)
    elif moments:
        draft.put("effectiveDateTime", moments[0])
    else:
        draft.put("effectivePeriod", _ABSENT)


def _as_given(dosage: JSON) -> JSON:
    """A Dosage as the one of an administration: one dose, no range, no timing."""
    made: JSON = {name: dosage[name] for name in ("text", "route", "site", "method") if name in dosage}
    amount = dosage.get("doseAndRate", [{}])[0]
    if "doseQuantity" in amount:
        made["dose"] = amount["doseQuantity"]
    words = [one["text"] for one in dosage.get("additionalInstruction", ())]
    if words:
        made["text"] = "; ".join([*([made["text"]] if "text" in made else []), *words])
    return made


def _lot(draft: Draft, segment: Segment, lot: int, expires: int) -> str:
    """R4 has no batch in these two: in words."""
    numbers = ", ".join(text for element in segment.all(lot) if (text := element.take(1)))
    until = ", ".join(at[:10] for element in segment.all(expires) if (at := draft.time(element, "note")))
    return "; ".join(
        filter(None, (f"Lot: {numbers}" if numbers else "", f"Expires: {until}" if until else ""))
    )


def _place(draft: Draft, rxa: Segment) -> str:
    """R4 has no place in MedicationAdministration: in words."""
    where = location_from_pl(draft, rxa.first(27)) or location_from_la2(draft, rxa.first(11))
    return f"Given at: {where['display']}" if where and where.get("display") else ""
