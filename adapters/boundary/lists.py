"""Elements that repeat: JSON arrays, and the nulls that keep a list and that of its extensions in step."""

from typing import Any

from adapters.boundary.defect import Contained, Defect, Found, Test


def many(test: Test) -> Test:
    def each(value: Any, ids: Contained) -> Found:
        if type(value) is not list or not value:
            return [Defect("max" if type(value) is not list else "ele-1", "bad-text")]
        found: Found = None
        for place, item in enumerate(value):
            wrong = test(item, ids)
            if wrong:
                found = (found or []) + stepped(wrong, place)
        return found

    return each


def or_null(test: Test) -> Test:
    return lambda value, ids: None if value is None else test(value, ids)


def stepped(found: list[Defect], step: str | int) -> list[Defect]:
    for one in found:
        one.steps.append(step)
    return found


def not_excused(found: list[Defect], holder: dict[str, Any], name: str) -> list[Defect]:
    """Without the nulls of a list whose sibling says something in their place (JSON 2.6.2)."""
    sibling, listed = holder.get(f"_{name}"), holder[name]
    if type(sibling) is not list or type(listed) is not list or len(sibling) != len(listed):
        return found

    def excused(one: Defect) -> bool:
        place = one.steps[0] if len(one.steps) == 1 else None
        return isinstance(place, int) and listed[place] is None and sibling[place] is not None

    return [one for one in found if not excused(one)]
