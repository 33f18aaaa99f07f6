"""DG1 to Condition, and its place in Encounter.diagnosis."""

from adapters.hospital.codes import concept_from_cwe, concept_from_table, system_from_coding_name, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.identifiers import identifier_from_ei
from adapters.hospital.message import Segment
from adapters.hospital.people import practitioner_from_xcn

_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_METHODS = {"I9": "I9C", "I9C": "I9C", "I10": "I10", "ICD10": "I10", "ICD9": "I9C"}


def condition_from_dg1(
    context: Context, dg1: Segment, patient: Draft, encounter: Draft | None
) -> Draft | None:
    """Condition by DG1-20, else patient, encounter, code and type; None if it names no diagnosis."""
    scratch = context.scratch("Condition")
    identifier = identifier_from_ei(scratch, dg1.first(20))
    code = concept_from_cwe(context, dg1.first(3), _method_system(context, dg1))
    words = dg1.first(4).take(1)
    if code is None and not words:
        return None
    code = code or {}
    if words:
        code = code | {"text": words}
    key = identifier.key if identifier else _key(dg1, patient, encounter, code)
    draft = context.draft("Condition", key)
    draft.tags = scratch.tags
    draft.put("identifier", [identifier.body] if identifier else None)
    if dg1.text(21).upper() == "D":
        dg1.first(21).take(1)
        draft.put("verificationStatus", {"coding": [{"system": _VERIFICATION, "code": "entered-in-error"}]})
    if encounter is not None:
        draft.put("category", [{"coding": [{"system": _CATEGORY, "code": "encounter-diagnosis"}]}])
    draft.put("code", code)
    draft.put("subject", patient.link())
    draft.put("encounter", encounter.link() if encounter else None)
    draft.put("onsetDateTime", draft.time(dg1.first(5), "onsetDateTime"))
    draft.put("recordedDate", draft.time(dg1.first(19), "recordedDate"))
    draft.put("asserter", practitioner_from_xcn(draft, dg1.first(16), "asserter"))
    made = context.add(draft)
    if encounter is not None:
        _diagnosis(encounter, made, dg1)
    return made


def _method_system(context: Context, dg1: Segment) -> str | None:
    """DG1-2 names the code system in old versions."""
    method = dg1.first(2)
    known = _METHODS.get(method.text(1).upper())
    if known is None:
        return None
    method.take(1)
    return system_from_coding_name(context, known)


def _key(dg1: Segment, patient: Draft, encounter: Draft | None, code: dict[str, object]) -> str:
    named = dg1.text(3) or str(code.get("text", "")).casefold()
    return "\x1f".join((patient.id, encounter.id if encounter else "", named, dg1.text(6)))


def _diagnosis(encounter: Draft, condition: Draft, dg1: Segment) -> None:
    entry: dict[str, object] = {"condition": condition.link()}
    use = concept_from_table(condition.context, dg1.first(6), "v2_diagnosis_type", table("0052"))
    if use:
        entry["use"] = use
    rank = dg1.text(15)
    if rank.isascii() and rank.isdigit() and len(rank) < 4 and int(rank) > 0:
        dg1.first(15).take(1)
        entry["rank"] = int(rank)
    encounter.append("diagnosis", entry)
