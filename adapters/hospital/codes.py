"""CWE, CE, CNE and plain codes to CodeableConcept and Coding."""

import re

from adapters.hospital.context import Context
from adapters.hospital.message import Element
from adapters.hospital.readings import remembered
from adapters.identity import local_system
from adapters.interface import JSON
from adapters.terminology.tables import concept_map, system_from_name, system_from_oid

_CODE = re.compile(r"[^\s]+(\s[^\s]+)*\Z")
_OID = re.compile(r"[0-2](\.\d+)+\Z")
_LOCAL_PARTS = ((1, 2, 3, 7, 14), (4, 5, 6, 8, 17), (10, 11, 12, 13, 20))
"""Components of the three codings: code (before its others), display, system name, version, system OID."""


def system_from_coding_name(context: Context, name: str) -> str | None:
    """URI of a table 0396 name or an OID; anything else is a namespace of the source. None if empty."""
    if not name:
        return None
    known = concept_map("v2_coding_systems").get(("", name.upper()))
    if known:
        return known.system
    if _OID.match(name):
        return system_from_oid(name)
    if re.match(r"(https?://|urn:)\S+\Z", name):
        return name
    return system_from_name(name) or local_system(context.source.custodian, context.source.id, name)


@remembered
def concept_from_cwe(context: Context, element: Element, default_system: str | None = None) -> JSON | None:
    """All codings and the text of a coded element; None if it says nothing.

    `default_system`: of the field's own HL7 table, when the sender names none.
    """
    if not element.raw:
        return None
    here = len(element.comps)
    codings = [_coding(context, element, at, default_system) for at in _LOCAL_PARTS if at[0] <= here]
    found = [coding for coding in codings if coding]
    text = element.take(9) or next((c["display"] for c in found if "display" in c), "")
    coded = [coding for coding in found if "code" in coding]
    if not text and coded:
        text = coded[0]["code"] if "system" not in coded[0] else ""
    made: JSON = {}
    if coded:
        made["coding"] = coded
    if text:
        made["text"] = text
    return made or None


def _coding(
    context: Context, element: Element, parts: tuple[int, ...], default_system: str | None
) -> dict[str, str] | None:
    code_at, display_at, name_at, version_at, oid_at = parts
    code = element.take(code_at)
    display = element.take(display_at)
    if not code or not _CODE.match(code):
        return {"display": " ".join(filter(None, (code, display)))} if code or display else None
    made: dict[str, str] = {}
    oid = element.text(oid_at)
    system = system_from_oid(oid) if oid and _OID.match(oid) else None
    if system:
        element.take(oid_at)
        element.lose("not-mapped", "superseded", "Coding.system", [(name_at, 1)])
    else:
        system = system_from_coding_name(context, element.text(name_at))
        if system:
            element.take(name_at)
    system = system or (default_system if code_at == 1 else None)
    if system:
        made = {"system": system}
        version = element.take(version_at)
        if version:
            made["version"] = version
    made["code"] = code
    if display:
        made["display"] = display
    return made


@remembered
def concept_from_table(
    context: Context, element: Element, table: str, default_system: str | None = None
) -> JSON | None:
    """A coded element whose HL7 table has a FHIR code: the target in its place, other codings after."""
    code = element.text(1)
    if not code:
        return concept_from_cwe(context, element, default_system)
    target = concept_map(table).get(("", code))
    own = concept_from_cwe(context, element, default_system)
    if target is None or not target.code or own is None:
        return own
    spelled = (None, target.system, default_system)
    rest = [c for c in own.get("coding", []) if c["code"] != code or c.get("system") not in spelled]
    return own | {"coding": [target.coding(), *rest]}


def table(number: str) -> str:
    """URI of an HL7 v2 table by its four digits."""
    return f"http://terminology.hl7.org/CodeSystem/v2-{number}"
