"""OBR to DiagnosticReport."""

from adapters.hospital.codes import concept_from_cwe, table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.groups import Order
from adapters.hospital.identifiers import Named
from adapters.hospital.message import Element, Segment
from adapters.hospital.people import practitioner_from_xcn
from adapters.hospital.periods import period_between
from adapters.hospital.segments.nte import annotation_from_ntes
from adapters.hospital.segments.obx import status_of
from adapters.hospital.segments.orc import service_of
from adapters.interface import JSON
from adapters.terminology.tables import concept_map

NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
"""R4 has no DiagnosticReport.note: the cross-version extension of R5 carries it."""


def report_key(context: Context, obr: Segment, placer: Named | None, filler: Named | None) -> str:
    """Filler and code, else placer and code, else the message and ordinal (`no-key`: corrections miss it)."""
    number = filler or placer
    if number is not None:
        return f"{number.key}\x1f{service_of(obr)}"
    context.assume(f"{obr.position}-3", "no-key", "", "default")
    return f"no-key\x1f{context.fallback_key}\x1f{obr.ordinal}"


def status_from_obr(draft: Draft, order: Order) -> str | None:
    """OBR-25, else from the OBX; None: the report is none (Y, Z)."""
    assert order.obr is not None
    said = order.obr.segment.first(25)
    known = concept_map("v2_report_status").get(("", said.text(1).upper()))
    if known is not None and not known.code:
        return None
    status = draft.code(said, "v2_report_status", "status")
    status = status or _status_of_results([status_of(result.segment) for result in order.results])
    if status is None:
        status = "unknown"
        draft.assume(f"{order.obr.segment.position}-25", "status", status)
    return status


def _status_of_results(statuses: list[str | None]) -> str | None:
    """All alike: that; some not final yet: partial; else the strongest change among them."""
    said = {status for status in statuses if status and status not in ("cancelled", "entered-in-error")}
    if not said:
        return "cancelled" if "cancelled" in statuses else None
    if len(said) == 1:
        return said.pop()
    if said & {"registered", "preliminary"}:
        return "partial"
    return "corrected" if "corrected" in said else "amended"


def effective_from_obr(draft: Draft, obr: Segment) -> JSON:
    """`effectivePeriod` of OBR-7 and 8, `effectiveDateTime` of OBR-7 alone."""
    period = period_between(draft, (obr.first(7), 1), (obr.first(8), 1), "effective")
    if len(period) == 2:
        return {"effectivePeriod": period}
    return {"effectiveDateTime": period["start"]} if "start" in period else {}


def fill_report(draft: Draft, order: Order, patient: Draft, encounter: Draft | None, effective: JSON) -> None:
    """Everything of OBR that is not key, status, request, specimen or result."""
    assert order.obr is not None
    context, obr = draft.context, order.obr.segment
    for element in obr.all(24):
        draft.append("category", concept_from_cwe(context, element, table("0074")))
    draft.put("code", _code(context, obr))
    draft.put("subject", patient.link())
    draft.put("encounter", encounter.link() if encounter else None)
    draft.body |= effective
    issued = context.time(obr.first(22), "DiagnosticReport.issued", 1, draft.tags)
    if issued and issued.is_instant:
        draft.put("issued", issued.text)
    for field, name in ((32, "resultsInterpreter"), (34, "performer")):
        for element in obr.all(field):
            draft.append(name, _who(draft, element))
    note = annotation_from_ntes(draft, order.notes + order.obr.notes)
    if note:
        draft.append("extension", {"url": NOTE, "valueAnnotation": note})


def _code(context: Context, obr: Segment) -> JSON:
    made = concept_from_cwe(context, obr.first(4))
    return made or {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def _who(draft: Draft, element: Element) -> JSON | None:
    """NDL: a name with id as subcomponents of the first component; in old messages an XCN."""
    if len(element.parts[0]) > 1:
        family, given = element.take(1, 2), element.take(1, 3)
        number = element.take(1, 1)
        words = " ".join(part for part in (given, family) if part)
        if not words and not number:
            return None
        name = {"family": family, "given": [given] if given else None}
        inside: JSON = {"resourceType": "Practitioner"}
        if words:
            inside["name"] = [{k: v for k, v in name.items() if v}]
        if number:
            inside["identifier"] = [{"value": number}]
        return draft.contain(inside, words)
    return practitioner_from_xcn(draft, element, "performer")
