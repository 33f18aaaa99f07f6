"""Functional and mental status, assessment scales, advance directives, other findings: Observations by shape.

No guide maps these. Their category is the section that they stand in, in the source's own code.
"""

from typing import Any

from adapters.specialist.markup import Element, find, local, peek
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, is_denied, members
from adapters.specialist.sections.kept import keep
from adapters.specialist.sections.observations import grouping, observation
from adapters.specialist.values import concept, present, required_concept

JSON = dict[str, Any]


def assessments(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An observation, or an organizer of such as an Observation that names its members."""
    if peek(act, "moodCode") not in ("EVN", ""):
        return None
    category = concept(record, find(place.section, "code"))
    if local(act) == "observation":
        return None if is_denied(act) else [observation(record, act, place, category)]
    if local(act) != "organizer":
        return None
    inner = [m for m in members(act) if local(m) == "observation"]
    found = [observation(record, m, place, category) for m in inner if not is_denied(m)]
    denied = [keep(record, m, place) for m in inner if is_denied(m)]
    if not found:
        return None
    extra = {"code": required_concept(record, find(act, "code"))} | present(
        category=[category] if category else None
    )
    return [grouping(record, act, place, found, extra), *found, *denied]
