"""Observation: results, vital signs, coded entries of a consultation."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import note_from_text, quantity_range, simple_quantity
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, reference
from adapters.gp.stu3_to_r4.fields import Field, Table, choice, listed, many, no_target, one
from adapters.gp.stu3_to_r4.references import encounter
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON
from adapters.reading import Holder, Step

_VALUES = kinds(
    "Quantity", "CodeableConcept", "String", "Boolean", "Integer", "Range", "Ratio", "SampledData", "Time",
    "DateTime", "Period",
)  # fmt: skip
_RELATED = {"has-member": "hasMember", "derived-from": "derivedFrom"}
_EXTENDED = {
    "replaces": "http://hl7.org/fhir/StructureDefinition/observation-replaces",
    "sequel-to": "http://hl7.org/fhir/StructureDefinition/observation-sequelTo",
}

_TARGET = Table((one("target", reference),))
_reference_range = compound(
    one("low", simple_quantity),
    one("high", simple_quantity),
    one("type", codeable),
    many("appliesTo", codeable),
    one("age", quantity_range),
    one("text", p.string),
)
_component = compound(
    one("code", codeable),
    choice("value", _VALUES),
    no_target("valueAttachment"),
    one("dataAbsentReason", codeable),
    listed("interpretation", codeable),
    many("referenceRange", _reference_range),
)


def _relation(raw: Any) -> str:
    said = raw.get("type") if isinstance(raw, dict) else None
    return said.strip() if isinstance(said, str) else ""


def _related(word: str) -> Field:
    """Row for those of `related` that are of this kind and have a member in R4."""

    def convert(unit: Unit, holder: Holder, step: Step) -> Any:
        raw = holder[step]  # type: ignore[index]
        if _relation(raw) != word:
            return None
        unit.take(raw, "type")
        return _TARGET.build(unit, raw).get("target")

    return Field("related", _RELATED[word], convert, True, True)


def _other_relation(unit: Unit, holder: Holder, step: Step) -> Any:
    """Two kinds have an extension of FHIR; the others, and those without a kind, are kept as they came."""
    raw = holder[step]  # type: ignore[index]
    said = _relation(raw)
    if said in _RELATED:
        return None
    if said not in _EXTENDED:
        unit.keep(holder, step)
        return None
    target = _TARGET.build(unit, raw).get("target")
    unit.take(raw, "type")
    return {"url": _EXTENDED[said], "valueReference": target} if target else None


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "unknown")
    supply_subject(unit, r4)
    r4.setdefault("code", absent())
    for component in r4.get("component", ()):
        component.setdefault("code", absent())
        _one_of_value_and_absence(component)
    _one_of_value_and_absence(r4)


def _one_of_value_and_absence(r4: JSON) -> None:
    """obs-6: a reason for absence beside a value contradicts itself; the value stands."""
    if "dataAbsentReason" in r4 and any(name.startswith("value") for name in r4):
        del r4["dataAbsentReason"]


OBSERVATION = table(
    "Observation",
    Field("related", "extension", _other_relation, True, True),
    many("identifier", identifier),
    many("basedOn", reference),
    one("status", p.enum("Observation.status")),
    many("category", codeable),
    one("code", codeable),
    one("subject", reference),
    one("context", encounter, "encounter"),
    choice("effective", kinds("DateTime", "Period")),
    one("issued", p.instant),
    many("performer", reference),
    choice("value", _VALUES),
    no_target("valueAttachment"),
    one("dataAbsentReason", codeable),
    listed("interpretation", codeable),
    listed("comment", note_from_text, "note"),
    one("bodySite", codeable),
    one("method", codeable),
    one("specimen", reference),
    one("device", reference),
    many("referenceRange", _reference_range),
    _related("has-member"),
    _related("derived-from"),
    many("component", _component),
    finish=_finish,
)
