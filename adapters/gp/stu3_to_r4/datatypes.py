"""FHIR datatypes that STU3 and R4 share, as tables (Dosage and Timing: dosage.py)."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.elements import (
    TYPES,
    codeable,
    coding,
    compound,
    identifier,
    period,
    reference,
    system,
)
from adapters.gp.stu3_to_r4.fields import Convert, Fields, choice, many, one
from adapters.gp.unit import Unit
from adapters.reading import Holder, Step


def _quantity(comparator: bool) -> Convert:
    signs: Fields = (one("comparator", p.enum("quantity-comparator")),) if comparator else ()
    plain = compound(
        one("value", p.decimal), signs, one("unit", p.string), one("system", system), one("code", p.code)
    )

    def convert(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
        made: dict[str, Any] | None = plain(unit, holder, step)
        raw = holder[step]  # type: ignore[index]
        if comparator and made and raw.get("comparator") and "comparator" not in made:
            unit.reject(raw, "value", "bad-code")  # a bound without its sign would be another value
            return None
        if made and "code" in made and "system" not in made:  # qty-3: a unit's code needs its system
            made.setdefault("unit", made.pop("code"))
            made.pop("code", None)
        return made

    return convert


quantity, simple_quantity = _quantity(True), _quantity(False)
money = compound(one("value", p.decimal), one("code", p.code, "currency"))
quantity_range = compound(one("low", simple_quantity), one("high", simple_quantity))
ratio = compound(one("numerator", quantity), one("denominator", quantity))
sampled = compound(
    one("origin", simple_quantity),
    one("period", p.decimal),
    one("factor", p.decimal),
    one("lowerLimit", p.decimal),
    one("upperLimit", p.decimal),
    one("dimensions", p.positive),
    one("data", p.string),
)


def _address(unit: Unit, holder: Holder, step: Step) -> str | None:
    """Where the content is: a Binary of this answer by its new id, else the address as it came."""
    text: str | None = p.uri(unit, holder, step)
    return (unit.target_of(text) or text) if text else None


attachment = compound(
    one("contentType", p.code),
    one("language", p.code),
    one("data", p.base64_text),
    one("url", _address),
    one("size", p.unsigned),
    one("hash", p.base64_text),
    one("title", p.string),
    one("creation", p.date_time),
)
human_name = compound(
    one("use", p.enum("name-use")),
    one("text", p.string),
    one("family", p.string),
    many("given", p.string),
    many("prefix", p.string),
    many("suffix", p.string),
    one("period", period),
)
address = compound(
    one("use", p.enum("address-use")),
    one("type", p.enum("address-type")),
    one("text", p.string),
    many("line", p.string),
    one("city", p.string),
    one("district", p.string),
    one("state", p.string),
    one("postalCode", p.string),
    one("country", p.string),
    one("period", period),
)
telecom = compound(
    one("system", p.enum("contact-point-system")),
    one("value", p.string),
    one("use", p.enum("contact-point-use")),
    one("rank", p.positive),
    one("period", period),
)
annotation = compound(
    *choice("author", {"Reference": reference, "String": p.string}),
    one("time", p.date_time),
    one("text", p.string),
)


def note(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """An Annotation; without its text it says nothing, and R4 refuses it."""
    made: dict[str, Any] | None = annotation(unit, holder, step)
    if made is None or "text" in made:
        return made
    unit.reject(holder, step, "bad-text")
    return None


def note_from_text(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """A plain string that R4 keeps as Annotation (Observation.comment)."""
    text = p.string(unit, holder, step)
    return {"text": text} if text else None


TYPES |= {
    "Boolean": p.boolean, "Integer": p.integer, "Decimal": p.decimal, "Base64Binary": p.base64_text,
    "Instant": p.instant, "String": p.string, "Uri": p.uri, "Date": p.date, "DateTime": p.date_time,
    "Time": p.clock_time, "Code": p.code, "Oid": p.uri, "Id": p.identifier, "UnsignedInt": p.unsigned,
    "PositiveInt": p.positive, "Markdown": p.string, "Annotation": note, "Attachment": attachment,
    "Identifier": identifier, "CodeableConcept": codeable, "Coding": coding, "Quantity": quantity,
    "Range": quantity_range, "Period": period, "Ratio": ratio, "SampledData": sampled,
    "HumanName": human_name, "Address": address, "ContactPoint": telecom, "Reference": reference,
    "Age": quantity, "Count": quantity, "Distance": quantity, "Duration": quantity, "Money": money,
}  # fmt: skip
