"""Which mapping an entry has: by its templateId root (any extension), else by its section's LOINC code.

Documents of other countries and of before C-CDA have neither template; their sections still have the codes.
In either case the mapping accepts or refuses the shape of the entry.
"""

from collections.abc import Callable
from collections.abc import Mapping as Table
from typing import Any

from adapters.specialist.markup import Element, local, peek, templates
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place
from adapters.specialist.sections.administrations import administrations
from adapters.specialist.sections.allergies import allergies
from adapters.specialist.sections.assessments import assessments
from adapters.specialist.sections.dispenses import dispenses
from adapters.specialist.sections.encounters import encounters
from adapters.specialist.sections.equipment import equipment
from adapters.specialist.sections.families import families
from adapters.specialist.sections.immunizations import immunizations
from adapters.specialist.sections.medications import medications
from adapters.specialist.sections.notes import media_document, note_documents
from adapters.specialist.sections.plans import plans
from adapters.specialist.sections.problems import problems
from adapters.specialist.sections.procedures import procedures
from adapters.specialist.sections.results import results, social
from adapters.specialist.sections.vitals import vitals
from adapters.specialist.strays import HAPPENED, INTENDED, is_of_relative, names_relative

JSON = dict[str, Any]
Mapping = Callable[[Record, Element, Place], list[JSON] | None]
"""Entry act to references of what it became; None: not a shape of this mapping."""

GOAL = "GOL"
"""Mood of a goal: no exchange carries that type, so goals are kept."""
_CCDA = "2.16.840.1.113883.10.20.22.4."

_BY_TEMPLATE: Table[str, Mapping] = {
    _CCDA + number: mapping
    for mapping, numbers in {
        problems: "3 4 33 34 51 65 80 132",
        allergies: "7 30",
        medications: "16 35 36",
        dispenses: "18",
        results: "1 2",
        vitals: "26 27",
        immunizations: "52",
        procedures: "12 13 14",
        social: "38 78 85",
        encounters: "49",
        families: "45",
        equipment: "50 135",
        note_documents: "202",
        assessments: "44 48 66 67 68 69 73 74 75 86 108 109 111 114 124 128 138 144 145 501 505",
    }.items()
    for number in numbers.split()
} | {"2.16.840.1.113883.10.20.15.3.8": social}

_BY_SECTION: Table[str, Mapping] = {
    code: mapping
    for mapping, codes in {
        problems: "11450-4 11348-0 75310-3 46241-6 11535-2 29308-4 10219-4 10218-6 59769-0",
        allergies: "48765-2 10155-0",
        medications: "10160-0 10183-2 42346-7 75311-1",
        administrations: "29549-3",
        results: "30954-2",
        vitals: "8716-3",
        immunizations: "11369-6",
        procedures: "47519-4",
        social: "29762-2",
        encounters: "46240-8",
        families: "10157-6",
        equipment: "46264-8",
        note_documents: "34109-9",
        assessments: "47420-5 10190-7 42348-3 51848-0 10162-6 29545-1",
    }.items()
    for code in codes.split()
}
_INTENDED = frozenset("18776-5 51847-2 62387-6 61146-7 46209-3".split())
"""Sections of what is to come."""


def mapping_of(act: Element, place: Place) -> Mapping | None:
    """The mapping of an entry, if there is one; what is only intended never reads as done."""
    mood = peek(act, "moodCode")
    if local(act) == "observationMedia":
        return media_document
    if mood not in HAPPENED | INTENDED or is_of_relative(place.section):
        return None
    claimed = templates(act)
    found = {t: _BY_TEMPLATE[t] for t in claimed if t in _BY_TEMPLATE}
    by_section = _BY_SECTION.get(place.code)
    substance = local(act) == "substanceAdministration"
    if mood in INTENDED:
        if names_relative(act):
            return None
        ours = by_section or place.code in _INTENDED or any(t.startswith(_CCDA) for t in claimed)
        return (medications if substance else plans) if ours else None
    if by_section is administrations and substance and not names_relative(act):
        return administrations  # it bears the template of any medication activity
    mapping = found[min(found)] if found else by_section
    return families if names_relative(act) else mapping
