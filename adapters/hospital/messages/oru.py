"""ORU: order groups to ServiceRequest, Specimen, DiagnosticReport and Observation."""

from dataclasses import replace
from functools import partial

from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Order, Person
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.adt import map_clinical
from adapters.hospital.messages.order import map_orders, remember, specimens_of
from adapters.hospital.messages.person import Known, attempt_in
from adapters.hospital.segments.obr import effective_from_obr, fill_report, report_key, status_from_obr
from adapters.hospital.segments.obx import Setting, equals_of, observation_from_obx
from adapters.hospital.segments.orc import order_number, request_from_order
from adapters.hospital.segments.request import fill_request

EVENTS = frozenset("R01 R30 R31 R32 R40".split())
SEGMENTS = PATIENT_SEGMENTS | {"ORC", "OBR", "NTE", "SPM", "TQ1"}


def map_results(context: Context, person: Person, known: Known) -> None:
    """All order groups of a patient, each a unit; the rest as in ADT."""
    map_clinical(context, person, known)
    map_orders(context, person, known, _order)


def _order(context: Context, order: Order, known: Known) -> None:
    scratch = context.scratch("ServiceRequest")
    placer = order_number(scratch, order, 2, "PLAC")
    filler = order_number(scratch, order, 3, "FILL")
    request = request_from_order(context, order, known.patient, known.encounter, placer, filler)
    if request is not None:
        request.tags |= scratch.tags
        remember(context, request, order.orc)
        fill_request(request, order)
    if order.obr is None:
        _loose_results(context, order, known, request)
        return
    key = report_key(context, order.obr.segment, placer, filler)
    report = context.draft("DiagnosticReport", key)
    report.tags |= scratch.tags
    remember(context, report, order.obr.segment)
    report.append("identifier", *(named.body for named in (placer, filler) if named))
    report.put("basedOn", [request.link()] if request else None)
    status = status_from_obr(report, order)
    report.put("status", status)
    effective = effective_from_obr(report, order.obr.segment)
    fill_report(report, order, known.patient, known.encounter, effective)
    specimens = specimens_of(context, order, known.patient, key)
    setting = Setting(
        known.patient,
        known.encounter,
        key,
        _observation_status(status),
        effective,
        frozenset(report.tags & {"zone"}),
        request,
    )
    observations = _results(context, order, setting, specimens, report)
    if status is not None:
        report.put("specimen", [specimen.link() for specimen in specimens.values()])
        report.put("result", [observation.link() for observation in observations])
        remember(context, context.add(report), order.obr.segment)


def _loose_results(context: Context, order: Order, known: Known, request: Draft | None) -> None:
    """OBX after an ORC without OBR: observations of their own."""
    key = request.id if request else f"no-key\x1f{context.fallback_key}"
    setting = Setting(known.patient, known.encounter, key, request=request)
    specimens = specimens_of(context, order, known.patient, key)
    _results(context, order, setting, specimens, known.patient)


def _results(
    context: Context, order: Order, setting: Setting, specimens: dict[int, Draft], parent: Draft
) -> list[Draft]:
    seen: dict[tuple[str, str], int] = {}
    made = []
    only = next(iter(specimens.values())) if len(specimens) == 1 else None
    for result in order.results:
        same = equals_of(result.segment)
        seen[same] = seen.get(same, 0) + 1
        spm = order.specimen_of.get(result.segment.index)
        specimen = specimens.get(spm.index) if spm is not None else only
        at = replace(setting, specimen=specimen) if specimen else setting
        build = partial(observation_from_obx, context, result, at, seen[same])
        observation = attempt_in(context, parent, result.segment, build)
        if observation is not None:
            made.append(observation)
    return made


def _observation_status(status: str | None) -> str | None:
    """A report status as that of an Observation, for an empty OBX-11."""
    return {"partial": "preliminary"}.get(status, status) if status else None
