"""Which format bytes are in, told by the bytes alone (normalisation.md 10, `--format auto`). Pure.

HL7 v2 by its first segment; XML by its root element; JSON as GP Connect by Care Connect or GP Connect
profiles and by what only FHIR STU3 has, else as FHIR R4. A base STU3 resource that uses nothing of its own
cannot be told from R4: name its format.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args

from adapters import codec
from adapters.specialist.markup import CDA, ELEMENTS, SDTC

Format = Literal["hl7v2", "cda", "gp-connect", "fhir-r4"]
FORMATS: tuple[Format, ...] = get_args(Format)

_HL7 = re.compile(r"[\s\x0b\x1c\x00]*(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
_STRAY = re.compile(r"[\r\n][ \t\x0b]*MSH([^A-Za-z0-9\s])[^A-Za-z0-9\s]{1,5}\1")
"""A header behind lines that belong to no message; its own separators prove it."""
_PROLOG = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL)
_ROOT = re.compile(r"<(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)([^>]*)")
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_HEAD = 65_536
_PROFILES = re.compile(r"CareConnect|GPConnect|fhir\.nhs\.uk/STU3/|fhir\.hl7\.org\.uk/STU3/")
_STU3_TYPES = frozenset(
    "BodySite DataElement DeviceComponent EligibilityRequest EligibilityResponse ExpansionProfile "
    "ImagingManifest ProcedureRequest ProcessRequest ProcessResponse ReferralRequest Sequence "
    "ServiceDefinition".split()
)
_STU3_ELEMENTS = {
    "AllergyIntolerance": "assertedDate",
    "Appointment": "indication incomingReferral",
    "CarePlan": "context definition",
    "CareTeam": "context",
    "ClinicalImpression": "context action",
    "Communication": "context notDone definition",
    "CommunicationRequest": "context",
    "Composition": "class",
    "Condition": "context assertedDate",
    "Coverage": "grouping sequence",
    "Device": "udi",
    "DeviceUseStatement": "whenUsed indication",
    "DiagnosticReport": "context codedDiagnosis image",
    "DocumentReference": "class created indexed",
    "Encounter": "incomingReferral reason",
    "FamilyMemberHistory": "notDone definition",
    "Flag": "context",
    "Immunization": "notGiven explanation date vaccinationProtocol",
    "MedicationAdministration": "notGiven reasonNotGiven prescription",
    "MedicationDispense": "notDone notDoneReasonCodeableConcept notDoneReasonReference",
    "MedicationRequest": "context",
    "MedicationStatement": "taken reasonNotTaken",
    "Observation": "context comment related",
    "Patient": "animal",
    "Procedure": "context notDone notDoneReason definition",
    "QuestionnaireResponse": "context parent",
    "RiskAssessment": "context",
    "Task": "context definitionUri definitionReference",
}
_R4_ELEMENTS = {
    "AllergyIntolerance": "recordedDate encounter",
    "Condition": "recordedDate recorder encounter",
    "DiagnosticReport": "encounter resultsInterpreter media",
    "Encounter": "reasonCode",
    "Immunization": "occurrenceDateTime occurrenceString protocolApplied isSubpotent",
    "MedicationAdministration": "statusReason",
    "MedicationRequest": "doNotPerform encounter reportedBoolean reportedReference statusReason",
    "MedicationStatement": "statusReason",
    "Observation": "encounter hasMember derivedFrom focus",
    "Procedure": "encounter statusReason recorder asserter",
}
"""Elements that only R4 has."""
_CODED_IN_R4 = ("clinicalStatus", "verificationStatus")
"""Elements of Condition and AllergyIntolerance that are plain codes in STU3."""


def sniff(body: bytes) -> Format | None:
    """The format of these bytes; None for one that is not taken in. Never raises."""
    head = _text(body[:_HEAD])
    if _HL7.match(head):
        return "hl7v2"
    bare = head.lstrip()
    if bare.startswith("<"):
        return "cda" if _is_cda(bare) else None
    if bare.startswith("{"):
        return _json_format(body)
    return "hl7v2" if _STRAY.search(head) else None


def _text(head: bytes) -> str:
    codec_name = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    return head.decode(codec_name, "replace").removeprefix("\ufeff")


def _is_cda(text: str) -> bool:
    at = 0
    while found := _PROLOG.match(text, at):
        at = found.end()
    root = _ROOT.match(text, at)
    if root is None:
        return False
    prefix, name, attributes = root.groups()
    declared = rf"\sxmlns:{re.escape(prefix)}" if prefix else r"\sxmlns"
    space = re.search(declared + r"""\s*=\s*["']([^"']*)["']""", attributes)
    return space.group(1) in (CDA, SDTC) if space else name in ELEMENTS


def _json_format(body: bytes) -> Format | None:
    try:
        root = codec.decode(body.removeprefix(b"\xef\xbb\xbf"), repeats_apart=True)
    except codec.BadJSON:
        return _broken_format(body)
    if not isinstance(root.get("resourceType"), str):
        return None
    objects = list(_objects(root))
    if any(_is_profiled(one) for one in objects):
        return "gp-connect"
    # A leftover of STU3 in a record that says things as R4 does: read as STU3 it would turn its meaning.
    stu3 = any(_is_stu3(one) for one in objects) and not any(_is_r4(one) for one in objects)
    return "gp-connect" if stu3 else "fhir-r4"


def _broken_format(body: bytes) -> Format | None:
    """What broken JSON was meant to be: its reader says what is wrong with it."""
    if b'"resourceType"' not in body:
        return None
    return "gp-connect" if _PROFILES.search(body.decode("utf-8", "replace")) else "fhir-r4"


def _objects(root: Any) -> Iterator[dict[str, Any]]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _is_stu3(one: dict[str, Any]) -> bool:
    kind = one.get("resourceType")
    if isinstance(kind, str):
        if kind in _STU3_TYPES or any(name in one for name in _STU3_ELEMENTS.get(kind, "").split()):
            return True
        if kind in ("AllergyIntolerance", "Condition") and any(
            isinstance(one.get(name), str) for name in _CODED_IN_R4
        ):
            return True
    return False


def _is_r4(one: dict[str, Any]) -> bool:
    kind = one.get("resourceType")
    if kind in ("AllergyIntolerance", "Condition") and any(
        isinstance(one.get(name), dict) for name in _CODED_IN_R4
    ):
        return True
    return isinstance(kind, str) and any(name in one for name in _R4_ELEMENTS.get(kind, "").split())


def _is_profiled(one: dict[str, Any]) -> bool:
    profiles = one.get("profile")
    stated = profiles if isinstance(profiles, list) else [one.get("url")]
    return any(isinstance(text, str) and _PROFILES.search(text) is not None for text in stated)
