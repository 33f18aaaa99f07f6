"""DiagnosticReport and Specimen."""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.datatypes import attachment, note, simple_quantity
from adapters.gp.stu3_to_r4.elements import absent, codeable, compound, identifier, kinds, reference
from adapters.gp.stu3_to_r4.fields import choice, listed, many, one
from adapters.gp.stu3_to_r4.references import encounter, wrapped
from adapters.gp.stu3_to_r4.resource import supply, supply_subject, table
from adapters.gp.unit import Unit
from adapters.interface import JSON


def _finish_report(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply(unit, r4, "status", "unknown")
    r4.setdefault("code", absent())
    supply_subject(unit, r4)


def _finish_specimen(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    supply_subject(unit, r4, required=False)


DIAGNOSTIC_REPORT = table(
    "DiagnosticReport",
    many("identifier", identifier),
    many("basedOn", reference),
    one("status", p.enum("DiagnosticReport.status")),
    listed("category", codeable),
    one("code", codeable),
    one("subject", reference),
    one("context", encounter, "encounter"),
    choice("effective", kinds("DateTime", "Period")),
    one("issued", p.instant),
    many("performer", wrapped("actor")),
    many("specimen", reference),
    many("result", reference),
    many("imagingStudy", reference),
    many("image", compound(one("comment", p.string), one("link", reference), needs=("link",)), "media"),
    one("conclusion", p.string),
    many("codedDiagnosis", codeable, "conclusionCode"),
    many("presentedForm", attachment),
    finish=_finish_report,
)
_collection = compound(
    one("collector", reference),
    choice("collected", kinds("DateTime", "Period")),
    one("quantity", simple_quantity),
    one("method", codeable),
    one("bodySite", codeable),
)
_processing = compound(
    one("description", p.string),
    one("procedure", codeable),
    many("additive", reference),
    choice("time", kinds("DateTime", "Period")),
)
_container = compound(
    many("identifier", identifier),
    one("description", p.string),
    one("type", codeable),
    one("capacity", simple_quantity),
    one("specimenQuantity", simple_quantity),
    choice("additive", kinds("CodeableConcept", "Reference")),
)
SPECIMEN = table(
    "Specimen",
    many("identifier", identifier),
    one("accessionIdentifier", identifier),
    one("status", p.enum("Specimen.status")),
    one("type", codeable),
    one("subject", reference),
    one("receivedTime", p.date_time),
    many("parent", reference),
    many("request", reference),
    one("collection", _collection),
    many("processing", _processing),
    many("container", _container),
    many("note", note),
    finish=_finish_specimen,
)
