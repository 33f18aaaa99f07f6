"""The SNOMED CT description that somebody chose: its id is an `id` in Care Connect, Identifier in UK Core."""

from typing import Any

_DESCRIPTION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-CodingSCTDescId"
_SNOMED = "http://snomed.info/sct"


def of_description(extension: dict[str, Any]) -> dict[str, Any]:
    """The extension as UK Core defines it (Care Connect to UK Core, CodingSCTDescId); any other as it is."""
    if extension["url"] != _DESCRIPTION or "extension" not in extension:
        return extension
    return extension | {"extension": [_identified(part) for part in extension["extension"]]}


def _identified(part: dict[str, Any]) -> dict[str, Any]:
    if part["url"] != "descriptionId" or "valueId" not in part:
        return part
    made = {name: value for name, value in part.items() if name != "valueId"}
    return made | {"valueIdentifier": {"system": _SNOMED, "value": part["valueId"]}}
