"""SPM to Specimen."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import Context, Draft
from adapters.hospital.identifiers import TYPES, named, system_from_authority
from adapters.hospital.message import Segment
from adapters.hospital.values import number_from
from adapters.interface import JSON


def specimen_from_spm(context: Context, spm: Segment, patient: Draft, group_key: str) -> Draft:
    """Specimen by SPM-2 (filler's id, else placer's), else its group and ordinal."""
    scratch = context.scratch("Specimen")
    identifiers: list[JSON] = []
    keys: list[str] = []
    for comp, kind in ((2, "FILL"), (1, "PLAC")):
        element = spm.first(2)
        if element.text(comp):
            system, namespace = system_from_authority(context, element, ((comp, 2), (comp, 3), (comp, 4)))
            found = named(scratch, element, system, namespace, comp)
            if found:
                found.body["type"] = {"coding": [{"system": TYPES, "code": kind}]}
                identifiers.append(found.body)
                keys.append(found.key)
    draft = context.draft("Specimen", keys[0] if keys else f"{group_key}\x1f{spm.ordinal}")
    draft.tags = scratch.tags
    draft.put("identifier", identifiers)
    draft.put("type", concept_from_cwe(context, spm.first(4), table("0487")))
    draft.put("subject", patient.link())
    draft.put("receivedTime", draft.time(spm.first(18), "receivedTime"))
    draft.put("collection", _collection(draft, spm))
    for element in spm.all(24):
        draft.append("condition", concept_from_cwe(context, element, table("0493")))
    words = "\n".join(text for element in spm.all(14) if (text := element.take(1)))
    draft.put("note", [{"text": words}] if words else None)
    return context.add(draft)


def _collection(draft: Draft, spm: Segment) -> JSON:
    context = draft.context
    made: JSON = {}
    start = draft.time(spm.first(17), "collection.collected", 1)
    end = draft.time(spm.first(17), "collection.collected", 2)
    if start and end:
        made["collectedPeriod"] = {"start": start, "end": end}
    elif start:
        made["collectedDateTime"] = start
    amount = number_from(spm.text(12))
    if amount is not None:
        spm.first(12).take(1)
        unit = spm.first(12).take(2, 1)
        made["quantity"] = {"value": amount} | ({"unit": unit} if unit else {})
    for field, name, number in ((7, "method", "0488"), (8, "bodySite", "0371")):
        concept = concept_from_cwe(context, spm.first(field), table(number))
        if concept:
            made[name] = concept
    return made
