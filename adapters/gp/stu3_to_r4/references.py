"""References that R4 narrows: what STU3 let point at more types, or wrapped in a backbone element."""

from typing import Any

from adapters.gp.stu3_to_r4.crossed import crossed
from adapters.gp.stu3_to_r4.elements import reference
from adapters.gp.stu3_to_r4.fields import Convert, Table, one
from adapters.gp.unit import Unit
from adapters.reading import Holder, Step


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


def wrapped(name: str, behalf: str = "") -> Convert:
    """A backbone element that R4 reduced to its one reference (`requester.agent`, `performer.actor`).

    `behalf`: path of the STU3 member beside it that says for whom somebody acted; it stays as extension.
    """
    rows = Table((one(name, reference), *((crossed(behalf, "Reference", reference),) if behalf else ())))

    def convert(unit: Unit, holder: Holder, step: Step) -> Any:
        raw = holder[step]  # type: ignore[index]
        if not isinstance(raw, dict):
            unit.reject(holder, step, "bad-reference")
            return None
        made = rows.build(unit, raw)
        found = made.get(name)
        if "extension" in made:
            found = {**(found or {}), "extension": [*(found or {}).get("extension", []), *made["extension"]]}
        return found

    return convert
