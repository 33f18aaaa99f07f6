"""Two times of a message as a Period that holds per-1: the end not before the start, both comparable."""

from adapters.hospital.context import Draft
from adapters.hospital.message import Element
from adapters.times import utc_key

Place = tuple[Element, int]
"""An element and the component of it that is a time."""


def period_from(draft: Draft, element: Element, first: int, last: int, target: str) -> dict[str, str]:
    """Period of two components of one element."""
    return period_between(draft, (element, first), (element, last), target)


def period_between(
    draft: Draft, start: Place, end: Place, target: str, *, doubted: str = "end"
) -> dict[str, str]:
    """`start` and `end` as far as they are said.

    Reversed: `doubted` of the two is `rejected/bad-date`. Of unlike precision and else equal, the finer is
    cut to the other's (`altered/precision`): FHIRPath cannot compare them, so per-1 would fail.
    """
    places = {"start": start, "end": end}
    made = {name: at for name, (element, comp) in places.items() if (at := draft.time(element, target, comp))}
    if len(made) < 2:
        return made
    if is_reversed(made["start"], made["end"]):
        element, comp = places[doubted]
        element.give_back(comp)
        draft.context.reject(element, "bad-date", f"{draft.type}.{target}", comp)
        del made[doubted]
        return made
    shared = _shared(made["start"], made["end"])
    for name, at in made.items():
        if made["start"] != made["end"] and shared and at != shared:
            element, comp = places[name]
            draft.context.message.account.remark(element.position(comp), "altered", "precision")
    return dict.fromkeys(made, shared) if shared else made


def is_reversed(start: str, end: str) -> bool:
    """Whether the end is before the start, as far as both are precise."""
    if "T" in start and "T" in end:
        return utc_key(end) < utc_key(start)
    days = start.partition("T")[0], end.partition("T")[0]
    size = min(map(len, days))
    return days[1][:size] < days[0][:size]


def _shared(start: str, end: str) -> str:
    """What both say, if one of them is less precise and says no more than that; else empty."""
    coarse, fine = sorted((start, end), key=len)
    return coarse if "T" not in coarse and len(coarse) < len(fine) and fine.startswith(coarse) else ""
