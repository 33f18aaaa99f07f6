"""FHIR datatypes that STU3 and R4 share, and the tables of the few that changed (Dosage: dosage.py)."""

from collections.abc import Callable
from typing import Any

from adapters import identity
from adapters.gp.reader import Holder, Step
from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.fields import Convert, Fields, build, choice, many, one
from adapters.gp.unit import ABSENT, Unit
from adapters.terminology.tables import concept_map

UNRESOLVED = "urn:carepact:unresolved"


def element(unit: Unit, stu3: dict[str, Any], fields: Fields, *, root: bool = False) -> dict[str, Any]:
    """`build` plus what every element may have: extensions, also those of its primitives.

    `root`: a resource, whose `id` is no element id.
    """
    made = build(unit, stu3, (*(_EXTENSIONS if root else _ELEMENT), *fields))
    for row in fields:
        shadow = stu3.get(f"_{row.source}")
        if isinstance(shadow, dict) and not row.many_out:
            inner = build(unit, shadow, _ELEMENT)
            if inner:
                made[f"_{row.target}"] = inner
    return made


def absent(reason: str = "unknown") -> dict[str, Any]:
    """A required element that the source does not give (R4 data-absent-reason)."""
    return {"extension": [{"url": ABSENT, "valueCode": reason}]}


def compound(*fields: Any, needs: tuple[str, ...] = ()) -> Convert:
    """Converter of a complex type or backbone element; rows and tuples of rows may be mixed.

    `needs`: members that R4 requires (`_name` for a primitive); their absence is said, not filled.
    """
    rows: Fields = tuple(row for item in fields for row in (item if isinstance(item, tuple) else (item,)))

    def convert(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
        raw = holder[step]  # type: ignore[index]
        if not isinstance(raw, dict):
            unit.reject(holder, step, "bad-text")
            return None
        made = element(unit, raw, rows)
        for name in needs if made else ():
            if name.removeprefix("_") not in made:
                made.setdefault(name, absent())
        return made or None

    return convert


def _element_id(unit: Unit, holder: Holder, step: Step) -> None:
    unit.drop(holder, step, "structural")


def _later(name: str) -> Convert:
    """A type that is defined further down: types refer to each other."""

    def convert(unit: Unit, holder: Holder, step: Step) -> Any:
        return globals()[name](unit, holder, step)

    return convert


def system(unit: Unit, holder: Holder, step: Step) -> str | None:
    """URI of a code or identifier system, moved from its STU3 address to today's by stu3_systems.csv."""
    text = p.uri(unit, holder, step)
    if text is None:
        return None
    known = concept_map("stu3_systems").get(("", text))
    return known.system if known else text


def extension(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """Care Connect extensions under their UK Core address (stu3_extensions.csv), all others as they came."""
    raw = holder[step]  # type: ignore[index]
    url = raw.get("url") if isinstance(raw, dict) else None
    if not isinstance(url, str) or not url.strip():
        unit.reject(holder, step, "bad-text")
        return None
    known = concept_map("stu3_extensions").get(("", url.strip()))
    made = build(unit, raw, (many("extension", extension), *_values()))
    if not made:
        unit.lose(holder, step, "rejected", "bad-text")
        return None
    if "extension" in made and len(made) > 1:  # ext-1: a value or extensions, never both
        unit.lose(raw, "extension", "rejected", "too-many")
        del made["extension"]
    unit.take(raw, "url")
    return {"url": known.system if known else url.strip(), **made}


_EXTENSIONS: Fields = (many("extension", extension),)
_ELEMENT: Fields = (one("id", _element_id), *_EXTENSIONS)


def reference(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """A reference inside this answer, or a logical one with what came (normalisation.md 1, rule 3)."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, dict):
        unit.reject(holder, step, "bad-reference")
        return None
    made = element(unit, raw, (one("identifier", identifier), one("display", p.string)))
    words = raw.get("reference")
    if words is None:
        return made or None
    if not isinstance(words, str) or not words.strip():
        unit.reject(raw, "reference", "bad-reference")
        return made or None
    unit.take(raw, "reference")
    target = unit.target_of(words.strip())
    if target is not None:
        return {"reference": target, **made}
    unit.alter(raw, "reference", "dangling-reference")
    made.setdefault("identifier", {"system": UNRESOLVED, "value": words.strip()})
    return made


def identifier(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """An Identifier; a national number with a wrong check digit becomes a local one: it must link nobody."""
    raw = holder[step]  # type: ignore[index]
    made: dict[str, Any] | None = _identifier(unit, holder, step)
    if not made or "system" not in made or "value" not in made:
        return made
    if identity.is_national(made["system"]):
        plain = made["value"].replace(" ", "").replace("-", "").upper()
        if identity.check_digit_holds(made["system"], plain):
            made["value"] = plain
        else:
            unit.alter(raw, "system", "check-digit")
            name = made["system"].rstrip("/").rpartition("/")[2]
            made["system"] = identity.local_system(unit.source.custodian, unit.source.id, name)
    return made


coding = compound(
    one("system", system),
    one("version", p.string),
    one("code", p.code),
    one("display", p.string),
    one("userSelected", p.boolean),
)
codeable = compound(many("coding", coding), one("text", p.string))
period = compound(one("start", p.date_time), one("end", p.date_time))
_identifier = compound(
    one("use", p.enum("identifier-use")),
    one("type", codeable),
    one("system", system),
    one("value", p.string),
    one("period", period),
    one("assigner", _later("reference")),
)


def _quantity(comparator: bool) -> Convert:
    signs: Fields = (one("comparator", p.enum("quantity-comparator")),) if comparator else ()
    plain = compound(
        one("value", p.decimal), signs, one("unit", p.string), one("system", system), one("code", p.code)
    )

    def convert(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
        made: dict[str, Any] | None = plain(unit, holder, step)
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
attachment = compound(
    one("contentType", p.code),
    one("language", p.code),
    one("data", p.base64_text),
    one("url", _later("attachment_address")),
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


def attachment_address(unit: Unit, holder: Holder, step: Step) -> str | None:
    """Where the content is: a Binary of this answer by its new id, else the address as it came."""
    text: str | None = p.uri(unit, holder, step)
    return (unit.target_of(text) or text) if text else None


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


TYPES: dict[str, Convert | Callable[..., Any]] = {
    "Boolean": p.boolean, "Integer": p.integer, "Decimal": p.decimal, "Base64Binary": p.base64_text,
    "Instant": p.instant, "String": p.string, "Uri": p.uri, "Date": p.date, "DateTime": p.date_time,
    "Time": p.clock_time, "Code": p.code, "Oid": p.uri, "Id": p.identifier, "UnsignedInt": p.unsigned,
    "PositiveInt": p.positive, "Markdown": p.string, "Annotation": note, "Attachment": attachment,
    "Identifier": identifier, "CodeableConcept": codeable, "Coding": coding, "Quantity": quantity,
    "Range": quantity_range, "Period": period, "Ratio": ratio, "SampledData": sampled,
    "HumanName": human_name, "Address": address, "ContactPoint": telecom, "Reference": reference, "Age": quantity, "Count": quantity,
    "Distance": quantity, "Duration": quantity, "Money": money,
}  # fmt: skip


def kinds(*names: str) -> dict[str, Convert]:
    """Converters of the named types, for `choice`."""
    return {name: TYPES[name] for name in names}


def _values() -> Fields:
    return choice("value", dict(TYPES))
