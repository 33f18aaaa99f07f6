"""Procedures (C-CDA on FHIR, CF Procedure). Thin: devices, products and locations stay behind."""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local, peek, templates
from adapters.specialist.quantities import when
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, frame, is_negated, notes, performers_or_author, relations
from adapters.specialist.sections.results import observation
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, required_concept

JSON = dict[str, Any]
_INDICATION = "2.16.840.1.113883.10.20.22.4.19"


def procedures(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """A procedure or act that was done (mood EVN) to Procedure; an observation with a value stays one."""
    if local(act) not in ("procedure", "act", "observation") or peek(act, "moodCode") not in ("EVN", ""):
        return None
    value = find(act, "value")
    valued = value is not None and not peek(value, "nullFlavor") and peek(act, "negationInd") != "true"
    if local(act) == "observation" and valued:
        return [observation(record, act, place, "procedure")]
    owner = frame(record, "Procedure", act)
    sites = [concept(record, e) for e in find_all(act, "targetSiteCode")]
    content = present(
        status="not-done" if is_negated(record, act) else _status(record, act),
        code=required_concept(record, find(act, "code")),
        subject=record.subject,
        performer=[{"actor": a} for a in performers_or_author(record, act, owner)],
        reasonCode=[c for c in (_indication(record, inner) for _, inner in relations(act)) if c],
        bodySite=[s for s in sites if s],
        note=notes(record, act),
    )
    content |= when(record, find(act, "effectiveTime"), "performed")
    return [record.add(owner | content, record.key(act, place.code, place.ordinal))]


def _status(record: Record, act: Element) -> str:
    target = mapped(record, "cda_procedure_status", ACT_STATUS, find(act, "statusCode"))
    if target is None:
        record.assume(act, "status")
    return target.code if target else "unknown"


def _indication(record: Record, inner: Element) -> JSON | None:
    return concept(record, find(inner, "value")) if _INDICATION in templates(inner) else None
