"""Order groups of any family: each is a unit that fails alone, marked by its ORC-28."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Order, Person
from adapters.hospital.labels import labels_of_field
from adapters.hospital.message import Segment
from adapters.hospital.messages.person import Known, attempt_in
from adapters.hospital.segments.obx import Setting, equals_of, observation_from_obx
from adapters.hospital.segments.spm import specimen_from_spm

_NOBODYS = frozenset({"Patient", "Encounter", "Practitioner", "Organization", "Location"})


def map_orders(
    context: Context, person: Person, known: Known, build: Callable[[Context, Order, Known], None]
) -> None:
    """Run `build` over the order groups of a patient; a defect in one tags the Patient, the rest goes on."""
    for order in person.orders:
        before, defects = set(context.drafts), context.defects
        context.attempt(order.segments, partial(build, context, order, known))
        _mark(context, order, before)
        if context.defects > defects:
            known.patient.incomplete.add("section-failed")


def specimens_of(context: Context, order: Order, patient: Draft, key: str) -> dict[int, Draft]:
    """SPM of an order group by the index of their segment, each a unit."""
    made = {}
    for spm in order.specimens:
        specimen = attempt_in(context, patient, spm, partial(specimen_from_spm, context, spm, patient, key))
        if specimen is not None:
            made[spm.index] = specimen
    return made


def observations_of(
    context: Context, order: Order, known: Known, request: Draft, specimens: dict[int, Draft]
) -> list[Draft]:
    """OBX sent with an order, each a unit: facts that belong to it and are no results."""
    setting = Setting(known.patient, known.encounter, request.id)
    seen: Counter[tuple[str, str]] = Counter()
    made = []
    for result in order.results:
        same = equals_of(result.segment)
        seen[same] += 1
        spm = order.specimen_of.get(result.segment.index)
        at = replace(setting, specimen=specimens.get(spm.index) if spm is not None else None)
        build = partial(observation_from_obx, context, result, at, seen[same])
        observation = attempt_in(context, request, result.segment, build)
        if observation is not None:
            made.append(observation)
    return made


def remember(context: Context, made: Draft, *segments: Segment | None) -> None:
    """What these segments became, for the PRT that follow them."""
    for segment in segments:
        if segment is not None:
            context.made[segment.index] = made


def _mark(context: Context, order: Order, before: set[str]) -> None:
    """ORC-28: on all of the order group."""
    labels = labels_of_field(order.orc, 28) if order.orc else []
    if not labels:
        return
    for reference, draft in context.drafts.items():
        if reference not in before and draft.type not in _NOBODYS:
            draft.labels += labels
