"""References that R4 narrows: what STU3 let point at more types, or wrapped in a backbone element."""

from typing import Any

from adapters.gp.reader import Holder, Step
from adapters.gp.stu3_to_r4.elements import reference
from adapters.gp.stu3_to_r4.fields import Convert, build, one
from adapters.gp.unit import Unit


def _narrowed(*types: str) -> Convert:
    def convert(unit: Unit, holder: Holder, step: Step) -> Any:
        raw = holder[step]  # type: ignore[index]
        words = raw.get("reference") if isinstance(raw, dict) else None
        if isinstance(words, str) and not any(kind in words.split("/") for kind in types):
            target = unit.target_of(words)
            if target is None or target.partition("/")[0] not in types:
                unit.drop(holder, step)
                return None
        return reference(unit, holder, step)

    return convert


encounter = _narrowed("Encounter")
"""`context` of STU3: an Encounter stays, an EpisodeOfCare has no place in R4."""


def wrapped(name: str, keep: tuple[str, ...] = ()) -> Convert:
    """A backbone element that R4 reduced to its one reference (`requester.agent`, `performer.actor`).

    `keep`: members beside it that matter and have no place any more.
    """

    def convert(unit: Unit, holder: Holder, step: Step) -> Any:
        raw = holder[step]  # type: ignore[index]
        if not isinstance(raw, dict):
            unit.reject(holder, step, "bad-reference")
            return None
        for other in keep:
            if other in raw:
                unit.keep(raw, other)
        return build(unit, raw, (one(name, reference),)).get(name)

    return convert
