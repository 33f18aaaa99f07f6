"""What a resource with defects loses, and when it cannot stay at all (normalisation.md 1, rules 6 and 12).

A bad optional element goes. One that R4 demands takes `unknown` where its value set has that word, else a
data-absent-reason. Two things are never mended that way: a defect in an element that changes the meaning of
its holder (a modifier, a security label) condemns the holder, and so does a lack of whom or what it is about.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from adapters.boundary.defect import Defect, Step
from adapters.boundary.invariants import unknown
from adapters.boundary.shapes import Shape, defects, shape
from adapters.boundary.table import Element, codes, resource_types
from adapters.reading import scalars

ASSUMED = "urn:carepact:assumed"
ROUNDS = 16
"""A removal may uncover a lack one level higher; deeper than this no R4 type is."""
_ABOUT = frozenset("subject patient beneficiary individual target".split())
_STATUS = frozenset({"status", "clinicalStatus"})
_WHOLE = frozenset({"xhtml", "Resource", "attribute"})
"""Types that cannot say that they are not known."""
Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One remark of the mending: what was lost (`assumed` False) or supplied at these steps."""

    steps: Steps
    items: int
    reason: str
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Mended:
    """`resource` None: it cannot stay; `lines` then has the one reason for it."""

    resource: dict[str, Any] | None
    lines: tuple[Line, ...] = ()


class _Condemned(Exception):
    """Nothing above the defect may go without the whole resource."""

    def __init__(self, reason: str) -> None:
        super().__init__("a resource cannot stay")
        self.reason = reason


def mend(resource: dict[str, Any]) -> Mended:
    """The resource as it may pass; the very same object if nothing is wrong with it. Changes no argument."""
    found = defects(resource)
    if not found:
        return Mended(resource)
    work = deepcopy(resource)
    lines: list[Line] = []
    try:
        for _ in range(ROUNDS):
            for defect in reversed(found):  # later list places first, so that earlier ones keep theirs
                _apply(work, defect, lines)
            found = defects(work)
            if not found:
                return Mended(work, tuple(sorted(lines, key=lambda line: str(line.steps))))
    except _Condemned as why:
        return Mended(None, (Line((), scalars(resource), why.reason),))
    return Mended(None, (Line((), scalars(resource), found[0].reason),))


def _apply(work: dict[str, Any], defect: Defect, lines: list[Line]) -> None:
    """One defect; nothing if an earlier repair of this round took what it is about."""
    trail = _trail(work, defect.path)
    if trail is None:
        return
    if defect.put is not None:
        _put(work, trail[-1][0], defect.path, *defect.put, lines)
    elif defect.missing:
        _supply(work, trail, defect, lines)
    else:
        _remove(work, trail, defect, lines)


def _trail(work: dict[str, Any], path: Steps) -> list[tuple[Any, Shape | None, Element | None]] | None:
    """(value, its shape, the element that it is) from the resource down to the defect; None if it is gone."""
    trail: list[tuple[Any, Shape | None, Element | None]] = [(work, _shape_of(work, "Resource"), None)]
    for step in path:
        value, within, element = trail[-1]
        if isinstance(value, dict) and isinstance(step, str) and step in value:
            member = within.member(step) if within is not None else None
            inner = _shape_of(value[step], member.type) if member else None
            trail.append((value[step], inner, member.element if member else None))
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            item = value[step]
            inner = _shape_of(item, "Resource") if element and element.types == ("Resource",) else within
            trail.append((item, inner, element))
        else:
            return None
    return trail


def _shape_of(value: Any, words: str) -> Shape | None:
    """Shape of a value that the table calls `words`; None for a primitive."""
    name = words.partition("(")[0].partition("!")[0].removeprefix("@")
    if name == "Resource":
        kind = value.get("resourceType") if isinstance(value, dict) else None
        return shape(kind) if isinstance(kind, str) and kind in resource_types() else None
    return shape(name) if name[:1].isupper() else None


def _supply(work: dict[str, Any], trail: list[Any], defect: Defect, lines: list[Line]) -> None:
    """An element that R4 demands and that is not there."""
    holder, within, _ = trail[-1]
    required = within.required if within is not None else ()
    element = next((one for _, one in required if one.name == defect.missing), None)
    value = _stand_in(element) if element is not None else None
    if value is None:
        _remove(work, trail, defect, lines)
        return
    _put(work, holder, defect.path, *value, lines)


def _stand_in(element: Element) -> tuple[str, Any] | None:
    """The member that says "not known", or None where nothing may stand in for the value."""
    words = element.types[0]
    plain, _, bound = words.partition("!")
    if plain == "code" and bound and "unknown" in codes(bound):
        return element.name, "unknown"
    if element.modifier or element.name in _ABOUT or plain.startswith("@") or plain in _WHOLE:
        return None
    plain = plain.partition("(")[0]
    name = element.name[:-3] + plain[0].upper() + plain[1:] if element.choice else element.name
    absent: Any = [unknown()] if element.many else unknown()
    return (f"_{name}" if plain[0].islower() else name), absent


def _put(
    work: dict[str, Any], holder: dict[str, Any], path: Steps, name: str, value: Any, lines: list[Line]
) -> None:
    if name in holder:  # put there by another defect of this round
        return
    holder[name] = deepcopy(value)
    if name in _STATUS:
        lines.append(Line((*path, name), 0, "status", assumed=True))
        _tag(work, "status")
    else:
        lines.append(Line((*path, name.lstrip("_")), 0, "bad-text"))


def _tag(work: dict[str, Any], code: str) -> None:
    meta = work.setdefault("meta", {})
    tags = meta.setdefault("tag", []) if isinstance(meta, dict) else []
    tag = {"system": ASSUMED, "code": code}
    if isinstance(tags, list) and tag not in tags:
        tags.append(tag)


def _remove(work: dict[str, Any], trail: list[Any], defect: Defect, lines: list[Line]) -> None:
    """Take the value out, or the nearest thing around it that may go."""
    path, depth = defect.path, len(defect.path)
    if defect.missing and depth == 0:
        raise _Condemned("mapping-defect")
    while depth and not _may_go(trail, path, depth):
        depth -= 1
    if depth == 0:
        raise _Condemned(defect.reason)
    holder, step = trail[depth - 1][0], path[depth - 1]
    lines.append(Line(path[:depth], scalars([trail[depth][0]]), defect.reason))
    del holder[step]
    if holder == [] and depth > 1:
        del trail[depth - 2][0][path[depth - 2]]
    elif isinstance(step, int):
        _keep_aligned(trail[depth - 2][0], str(path[depth - 2]), step)


def _may_go(trail: list[Any], path: Steps, depth: int) -> bool:
    """Whether what is `depth` steps down may be left out without changing what its holder says."""
    if path[:2] == ("meta", "security"):
        return False
    element = trail[depth][2]
    if element is None or not element.modifier:
        return True
    # Without a readable clinical status a problem stays one, and an allergy counts as active (ait-1).
    if path == ("clinicalStatus",) and trail[0][0]["resourceType"] in ("AllergyIntolerance", "Condition"):
        return True
    # A bad word of a status gives way to `unknown`; a bad extension that modifies is never left out.
    return path[depth - 1] == element.name and _stand_in(element) is not None and element.required


def _keep_aligned(holder: dict[str, Any], name: str, place: int) -> None:
    """A list of primitives and the list of their extensions go in step."""
    other = holder.get(name[1:] if name.startswith("_") else f"_{name}")
    if isinstance(other, list) and place < len(other):
        del other[place]
