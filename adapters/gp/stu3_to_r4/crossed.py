"""STU3 elements without a place in R4, kept under the extension that FHIR itself defines for that.

FHIR R4 "Extensions for converting between versions": `http://hl7.org/fhir/3.0/StructureDefinition/
extension-<path>` holds an element of STU3 in a resource of another version.
"""

from typing import Any

from adapters.gp.reader import Holder, Step
from adapters.gp.stu3_to_r4.fields import Convert, Field
from adapters.gp.unit import Unit

_BASE = "http://hl7.org/fhir/3.0/StructureDefinition/extension-"


def crossed(path: str, kind: str, convert: Convert, *, many: bool = False) -> Field:
    """Row of the STU3 element `path` (`Observation.related`), whose value is of the FHIR type `kind`."""

    def wrapped(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
        value = convert(unit, holder, step)
        return None if value is None else {"url": _BASE + path, f"value{kind}": value}

    return Field(path.rpartition(".")[2], "extension", wrapped, many, True)
