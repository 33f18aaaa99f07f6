"""Statements that are no fact about the patient: of a mood that has not happened, or about a relative.

Each is kept as it came, and no mapping sees it: a goal must never read as a result, nor a mother's diabetes
as the patient's (CDA R2 4.3.6.1 moodCode, 4.3.8.4 subject).
"""

from adapters.specialist.markup import Element, find, local, peek
from adapters.specialist.tree import ACTS

INTENDED = frozenset({"INT", "RQO", "PRP", "PRMS", "ARQ", "APT"})
"""Moods of what is planned, proposed or ordered."""
HAPPENED = frozenset({"EVN", ""})
_FINDINGS = frozenset({"observation", "organizer"})


def is_stray(act: Element) -> bool:
    """Whether a statement inside of another is no fact about the patient."""
    mood = peek(act, "moodCode")
    if mood not in HAPPENED and (mood not in INTENDED or local(act) in _FINDINGS):
        return True
    return names_relative(act)


def names_relative(holder: Element) -> bool:
    """Whether an act or section says itself that it is about somebody else than the patient."""
    subject = find(holder, "subject")
    relative = find(subject, "relatedSubject") if subject is not None else None
    return relative is not None and peek(find(relative, "code"), "code") != "ONESELF"


def is_of_relative(section: Element) -> bool:
    """Whether a section, or one that holds it, is about a relative."""
    return names_relative(section) or any(
        names_relative(above) for above in section.above() if local(above) == "section"
    )


def strays_by_act(acts: list[Element]) -> dict[Element, list[Element]]:
    """Outermost strays by the outermost statement that they stand in; `acts` in document order."""
    found: dict[Element, list[Element]] = {}
    strays: set[Element] = set()
    for act in acts:
        if not is_stray(act):
            continue
        around = [above for above in act.above() if local(above) in ACTS]
        if around and not strays.intersection(around):
            found.setdefault(around[-1], []).append(act)
            strays.add(act)
    return found
