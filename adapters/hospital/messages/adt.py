"""ADT of one patient: A01 and every event that shares its structure, and two of them that swap beds (A17)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from adapters.hospital.context import Context, Draft
from adapters.hospital.groups import Person
from adapters.hospital.message import Segment
from adapters.hospital.messages.person import BASE, Known, attempt_in, map_relatives
from adapters.hospital.segments.al1 import allergy_from_al1
from adapters.hospital.segments.dg1 import condition_from_dg1
from adapters.hospital.segments.iam import allergy_from_iam
from adapters.hospital.segments.in1 import coverage_from_in1
from adapters.hospital.segments.obx import Setting, equals_of, observation_from_obx
from adapters.hospital.segments.pr1 import procedure_from_pr1

EVENTS = frozenset(
    """
    A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A11 A12 A13 A14 A15 A16 A17 A21 A22 A23 A25 A26 A27 A28 A29 A31
    A32 A33 A38 A52 A53 A54 A55 A60
    """.split()
)
SEGMENTS = BASE | {"NK1", "AL1", "IAM", "DG1", "PR1", "IN1", "OBX"}


def map_clinical(context: Context, person: Person, known: Known) -> None:
    """NK1, AL1, DG1 and the OBX that stand outside of any order."""
    map_facts(context, person, known)
    _observations(context, person, known)


def map_facts(context: Context, person: Person, known: Known) -> None:
    """NK1, AL1, IAM, DG1, PR1 and IN1, wherever they stand."""
    map_relatives(context, person, known)
    patient, visit = known.patient, known.encounter
    builders: tuple[tuple[str, Callable[[Segment], Draft | None]], ...] = (
        ("AL1", lambda one: allergy_from_al1(context, one, patient)),
        ("IAM", lambda one: allergy_from_iam(context, one, patient)),
        ("DG1", lambda one: condition_from_dg1(context, one, patient, visit)),
        ("PR1", lambda one: procedure_from_pr1(context, one, patient, visit)),
        ("IN1", lambda one: coverage_from_in1(context, one, patient)),
    )
    for name, build in builders:
        for segment in person.all(name):
            attempt_in(context, patient, segment, partial(build, segment))


def _observations(context: Context, person: Person, known: Known) -> None:
    visit = known.encounter
    setting = Setting(known.patient, visit, "\x1f".join((known.patient.id, visit.id if visit else "")))
    seen: dict[tuple[str, str, str], int] = {}
    for result in person.results:
        same = (*equals_of(result.segment), result.segment.raw_field(14))
        seen[same] = seen.get(same, 0) + 1
        at = replace(setting, key=f"{setting.key}\x1f{same[2]}")
        build = partial(observation_from_obx, context, result, at, seen[same])
        attempt_in(context, known.patient, result.segment, build)
