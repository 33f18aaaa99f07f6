"""IAM to AllergyIntolerance: AL1 with an identifier, an action and a clinical status (v2-to-FHIR IAM)."""

from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import Context, Draft
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import name_from_xpn, text_of_name
from adapters.hospital.segments.al1 import absence_of, key_of, reaction_from, type_from
from adapters.interface import JSON
from adapters.terminology.tables import concept_map

_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


def allergy_from_iam(context: Context, iam: Segment, patient: Draft) -> Draft | None:
    """AllergyIntolerance by patient and IAM-7 (it numbers her list), else code; None without IAM-3 and 27."""
    code = concept_from_cwe(context, iam.first(3)) or concept_from_cwe(context, iam.first(27))
    if code is None:
        return None
    code = absence_of(code) or code
    scratch = context.scratch("AllergyIntolerance")
    number = identifier_from_ei(scratch, iam.first(7))
    key = f"{patient.id}\x1f{number.key if number else key_of(code)}"
    draft = context.draft("AllergyIntolerance", key)
    draft.tags = scratch.tags
    draft.put("identifier", [number.body] if number else None)
    _statuses(draft, iam)
    draft.put("type", type_from(iam))
    category = draft.code(iam.first(2), "v2_allergy_category", "category")
    draft.put("category", [category] if category else None)
    draft.put("code", code)
    draft.put("patient", patient.link())
    onset = draft.time(iam.first(11), "onsetDateTime")
    if onset:
        draft.put("onsetDateTime", onset)
    else:
        draft.put("onsetString", iam.first(12).take(1))
    draft.put("recordedDate", draft.time(iam.first(13), "recordedDate"))
    _recorder(draft, iam, patient)
    reaction_from(draft, iam)
    return context.add(draft)


def _statuses(draft: Draft, iam: Segment) -> None:
    """IAM-6 D and IAM-17 E are entered-in-error, without clinical status (ait-2); else active (ait-1)."""
    action, said = iam.first(6), iam.first(17)
    if action.text(1).upper() in ("A", "D", "U", "X"):
        action.take(1)
    row = concept_map("v2_allergy_status").get(("", said.text(1).upper()))
    clinical, verification = "active", ""
    stated = False
    if row is not None and row.code:
        said.take(1)
        if row.system == _CLINICAL:
            clinical, stated = row.code, True
        else:
            verification = row.code
    if action.text(1).upper() == "D":
        verification = "entered-in-error"
    if verification:
        draft.put("verificationStatus", {"coding": [{"system": _VERIFICATION, "code": verification}]})
    if verification == "entered-in-error":
        return
    draft.put("clinicalStatus", {"coding": [{"system": _CLINICAL, "code": clinical}]})
    if not stated:
        draft.assume(f"{iam.position}-17", "status", clinical)


def _recorder(draft: Draft, iam: Segment, patient: Draft) -> None:
    """IAM-14 is the patient herself (IAM-15 SEL), a relative (IAM-15) or a clinician."""
    relation = iam.first(15)
    name = name_from_xpn(draft, iam.first(14), "recorder")
    if relation.text(1).upper() == "SEL":
        relation.take(1)
        draft.put("asserter", patient.link(text_of_name(name)))
    elif name and relation:
        kind = concept_from_cwe(draft.context, relation)
        inside: JSON = {"resourceType": "RelatedPerson", "patient": patient.link(), "name": [name]}
        inside |= {"relationship": [kind]} if kind else {}
        draft.put("asserter", draft.contain(inside, text_of_name(name)))
    elif name:
        inside = {"resourceType": "Practitioner", "name": [name]}
        draft.put("recorder", draft.contain(inside, text_of_name(name)))
