"""A medicine and how it is taken: what orders and administrations share."""

from typing import Any

from adapters.specialist.markup import Element, find, peek
from adapters.specialist.quantities import quantity, ranged
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import INSTRUCTION, first_words
from adapters.specialist.sections.timing import rhythms, timing
from adapters.specialist.values import absent, concept, material_concept, present, string

JSON = dict[str, Any]
_SIG = "2.16.840.1.113883.10.20.22.4.147"


def medicine(record: Record, product: Element | None, owner: JSON) -> JSON:
    """A manufactured product; with a batch or a maker it is a contained Medication."""
    material = find(product, "manufacturedMaterial")
    code = material_concept(record, material) or absent(record, find(material, "code"))
    maker = string(record, find(product, "manufacturerOrganization/name"))
    batch = string(record, find(material, "lotNumberText"))
    if not (maker or batch):
        return {"medicationCodeableConcept": code}
    medication = {"resourceType": "Medication", "id": "medication"} | present(
        code=code,
        manufacturer=present(display=maker),
        batch=present(lotNumber=batch),
    )
    owner.setdefault("contained", []).append(medication)
    display = code.get("text") or next((c.get("display") for c in code.get("coding", [])), None)
    return {"medicationReference": {"reference": "#medication"} | present(display=display)}


def dosage(record: Record, act: Element) -> JSON:
    rate = present(
        doseQuantity=quantity(record, find(act, "doseQuantity")),
        rateQuantity=quantity(record, find(act, "rateQuantity")),
    )
    if "doseQuantity" not in rate:
        rate |= present(doseRange=ranged(record, find(act, "doseQuantity")))
    if "rateQuantity" not in rate:
        rate |= present(rateRange=ranged(record, find(act, "rateQuantity")))
    limit = find(act, "maxDoseQuantity")
    most = present(
        numerator=quantity(record, find(limit, "numerator")),
        denominator=quantity(record, find(limit, "denominator")),
    )
    return present(
        text=" ".join(words for words in (_sig(record, act), rhythms(record, act)) if words),
        patientInstruction=first_words(record, act, INSTRUCTION),
        timing=timing(record, act),
        site=concept(record, find(act, "approachSiteCode")),
        route=concept(record, find(act, "routeCode")),
        doseAndRate=[rate] if rate else None,
        maxDosePerPeriod=most if len(most) == 2 else None,
    ) | _as_needed(record, act)


def _sig(record: Record, act: Element) -> str | None:
    """The free-text instruction: its own template, else the narrative that the act's text names."""
    found = first_words(record, act, _SIG)
    if found:
        return found
    text = find(act, "text")
    reference = peek(find(text, "reference"), "value")
    return (record.referred(reference) if reference else None) or string(record, text)


def _as_needed(record: Record, act: Element) -> JSON:
    """A precondition: taken if needed, for what if it says so."""
    condition = find(act, "precondition")
    if condition is None:
        return {}
    reason = concept(record, find(condition, "criterion/value")) or concept(
        record, find(condition, "criterion/code")
    )
    return {"asNeededCodeableConcept": reason} if reason else {"asNeededBoolean": True}
