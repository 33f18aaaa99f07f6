"""Results and social history: organizers and observations (C-CDA on FHIR, CF Results)."""

from typing import Any

from adapters.specialist.markup import Element, find, find_all, local
from adapters.specialist.quantities import when
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, encounter_of, frame, performers_or_author
from adapters.specialist.sections.observations import alone, category_of, denied, issued, observation, stated
from adapters.specialist.values import ACT_STATUS, concept, mapped, present, required_concept

JSON = dict[str, Any]
_REPORT = "http://terminology.hl7.org/CodeSystem/v2-0074"
_LABORATORY = category_of("laboratory")
_SOCIAL = category_of("social-history")


def results(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """An organizer: one DiagnosticReport with its Observations; an observation alone: itself."""
    if local(act) == "observation":
        return alone(record, act, place, _LABORATORY)
    if local(act) != "organizer":
        return None
    facts, refused = stated(act), denied(record, act, place)
    if not facts and not refused and record.strays_in(act):
        return None  # a report of goals alone reports nothing
    found = [observation(record, a, place, _LABORATORY) for a in facts]
    return [_report(record, act, place, found), *found, *refused]


def _report(record: Record, organizer: Element, place: Place, found: list[JSON]) -> JSON:
    owner = frame(record, "DiagnosticReport", organizer)
    target = mapped(record, "cda_report_status", ACT_STATUS, find(organizer, "statusCode"))
    if target is None:
        record.assume(organizer, "status")
    content = present(
        status=target.code if target else "unknown",
        category=[{"coding": [{"system": _REPORT, "code": "LAB", "display": "Laboratory"}]}],
        code=required_concept(record, find(organizer, "code")),
        subject=record.subject,
        encounter=encounter_of(record, organizer),
        issued=issued(record, organizer),
        performer=performers_or_author(record, organizer, owner),
        specimen=_specimens(record, organizer, owner),
        result=found,
    )
    moment = when(record, find(organizer, "effectiveTime"), "effective")
    return record.add(owner | content | moment, record.key(organizer, place.code, place.ordinal))


def _specimens(record: Record, organizer: Element, owner: JSON) -> list[JSON]:
    """What was examined, contained: a specimen in CDA has no life outside its report."""
    found: list[JSON] = []
    for role in find_all(organizer, "specimen/specimenRole"):
        kind = concept(record, find(role, "specimenPlayingEntity/code"))
        if kind:
            name = f"specimen{len(found) + 1}"
            specimen = {"resourceType": "Specimen", "id": name, "type": kind, "subject": record.subject}
            owner.setdefault("contained", []).append(specimen)
            found.append({"reference": f"#{name}"})
    return found


def social(record: Record, act: Element, place: Place) -> list[JSON] | None:
    """Social history observations (smoking, pregnancy, any other)."""
    if local(act) != "observation":
        return None
    return alone(record, act, place, _SOCIAL)
