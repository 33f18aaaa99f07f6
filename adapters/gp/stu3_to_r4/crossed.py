"""STU3 elements without a place in R4, kept in the resource itself: `urn:carepact:kept` with path and value.

FHIR's own addresses for them (`http://hl7.org/fhir/3.0/StructureDefinition/extension-<path>`) have no
definition that a reader without the cross-version packages could find: it would refuse the resource.
"""

from typing import Any

from adapters.gp.stu3_to_r4.fields import Convert, Field
from adapters.gp.unit import Unit
from adapters.kept import KEPT
from adapters.reading import Holder, Step


def crossed(path: str, kind: str, convert: Convert, *, many: bool = False) -> Field:
    """Row of the STU3 element `path` (`Observation.related`), whose value is of the FHIR type `kind`."""

    def wrapped(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
        value = convert(unit, holder, step)
        if value is None:
            return None
        parts = [{"url": "position", "valueString": path}, {"url": "value", f"value{kind}": value}]
        return {"url": KEPT, "extension": parts}

    return Field(path.rpartition(".")[2], "extension", wrapped, many, True)
