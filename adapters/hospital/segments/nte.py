"""NTE to one Annotation: line breaks kept."""

from adapters.hospital.context import Draft
from adapters.hospital.message import Segment
from adapters.interface import JSON


def annotation_from_ntes(draft: Draft, notes: list[Segment]) -> JSON | None:
    """Several NTE of one place are one Annotation, a line each; time of the first that has one."""
    lines = [element.take(1) for note in notes for element in note.all(3)]
    while lines and not lines[-1]:
        lines.pop()
    if not any(lines):
        return None
    made: JSON = {}
    for note in notes:
        if note.text(6) and "time" not in made:
            moment = draft.time(note.first(6), "note.time")
            if moment:
                made["time"] = moment
    return made | {"text": "\n".join(lines)}
