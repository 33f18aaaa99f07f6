"""What elements are made of: extensions, references, identifiers, codes; and the converter of a table."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from adapters import identity, times
from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4 import usual
from adapters.gp.stu3_to_r4.description import of_description
from adapters.gp.stu3_to_r4.fields import KNOWN, Convert, Field, Fields, Table, choice, flat, many, one
from adapters.gp.unit import ABSENT, Unit
from adapters.reading import Holder, Step, as_list
from adapters.terminology.tables import concept_map

TYPES: dict[str, Convert] = {}
"""Converter of each type that may stand in an `x[x]`; filled by datatypes.py, as types need each other."""
_HL7 = "http://terminology.hl7.org/CodeSystem/"
_A_DAY = len("2020-01-01")
UNRESOLVED = "urn:carepact:unresolved"


def absent(reason: str = "unknown") -> dict[str, Any]:
    """A required element that the source does not give (R4 data-absent-reason)."""
    return {"extension": [{"url": ABSENT, "valueCode": reason}]}


def element_table(rows: Iterable[Field]) -> Table:
    """Rows, and what every element may have beside them: extensions, also those of its primitives."""
    return Table(rows, _ELEMENT, _BESIDE_PRIMITIVES)


def resource_table(own: Fields, rows: Iterable[Field]) -> Table:
    """As `element_table`, for a whole resource: its `id` is no element id. `own`: what all resources have."""
    return Table(rows, (*own, *_EXTENSIONS), _BESIDE_PRIMITIVES)


def compound(*fields: Field | Fields, needs: tuple[str, ...] = ()) -> Convert:
    """Converter of a complex type or backbone element; rows and tuples of rows may be mixed.

    `needs`: members that R4 requires (`_name` for a primitive); their absence is said, not filled.
    """
    build = element_table(flat(fields)).build

    def convert(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
        raw = holder[step]  # type: ignore[index]
        if not isinstance(raw, dict):
            unit.reject(holder, step, "bad-text")
            return None
        made = build(unit, raw)
        for name in needs if made else ():
            if name.removeprefix("_") not in made:
                made.setdefault(name, absent())
        return made or None

    return convert


def _element_id(unit: Unit, holder: Holder, step: Step) -> None:
    unit.drop(holder, step, "structural")


def _later(name: str) -> Convert:
    """A type that is defined further down: types refer to each other."""

    def convert(unit: Unit, holder: Holder, step: Step) -> Any:
        return globals()[name](unit, holder, step)

    return convert


def system(unit: Unit, holder: Holder, step: Step) -> str | None:
    """URI of a code or identifier system, moved from its STU3 address to today's by stu3_systems.csv."""
    text = p.uri(unit, holder, step)
    if text is None:
        return None
    return _today().get(text, text)


@cache
def _today() -> dict[str, str]:
    return {old: new.system for (of, old), new in concept_map("stu3_systems").items() if not of}


def _usual_system(text: str) -> str | None:
    return _today().get(text) or (text if usual.uri(text) else None)


KNOWN[system] = _usual_system


@cache
def _extension_table() -> Table:
    return Table((many("extension", extension), *choice("value", TYPES)))


def extension(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """Care Connect extensions under their UK Core address (stu3_extensions.csv), all others as they came."""
    raw = holder[step]  # type: ignore[index]
    url = raw.get("url") if isinstance(raw, dict) else None
    if not isinstance(url, str) or not url.strip():
        unit.reject(holder, step, "bad-text")
        return None
    known = concept_map("stu3_extensions").get(("", url.strip()))
    made = _extension_table().build(unit, raw)
    if not made:
        unit.lose(holder, step, "rejected", "bad-text")
        return None
    if "extension" in made and len(made) > 1:  # ext-1: a value or extensions, never both
        unit.lose(raw, "extension", "rejected", "too-many")
        del made["extension"]
    unit.take(raw, "url")
    today = known.system if known else url.strip()
    return of_description({"url": today, **made})


_EXTENSIONS: Fields = (many("extension", extension),)
_ELEMENT: Fields = (one("id", _element_id), *_EXTENSIONS)
_BESIDE_PRIMITIVES = Table(_ELEMENT)


def codeable(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """A CodeableConcept. In HL7's own code systems the source's words for a code are its text.

    Those systems have one display for each code, often another one than in STU3; a wrong one is an error.
    """
    raw = holder[step]  # type: ignore[index]
    made: dict[str, Any] | None = _codeable(unit, holder, step)
    for entry in made.get("coding", ()) if made else ():
        words = entry.get("display")
        if made is not None and words and entry.get("system", "").startswith(_HL7):
            del entry["display"]
            if made.setdefault("text", words) != words:
                _drop_display(unit, raw, words)
    return made


def _drop_display(unit: Unit, concept: dict[str, Any], words: str) -> None:
    for said in as_list(concept.get("coding")):
        if isinstance(said, dict) and str(said.get("display")).strip() == words:
            unit.drop(said, "display", "superseded")


def period(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """A Period that holds per-1: one that ends before it starts loses its end.

    Two times of unlike precision that agree as far as both go cannot be compared (FHIRPath), so per-1 fails:
    the finer one is cut. Neither may go: without its end, what has ended would read as going on.
    """
    raw = holder[step]  # type: ignore[index]
    made: dict[str, Any] | None = _period(unit, holder, step)
    if not made or "start" not in made or "end" not in made:
        return made
    start, end = made["start"], made["end"]
    if _ends_before(start, end):
        del made["end"]
        unit.reject(raw, "end", "bad-date")
        return made
    short = min(len(start), len(end))
    if short <= _A_DAY and len(start) != len(end) and start[:short] == end[:short]:
        unit.alter(raw, "start" if len(start) > len(end) else "end", "precision")
        made |= {"start": start[:short], "end": end[:short]}
    return made


def _ends_before(start: str, end: str) -> bool:
    """At the precision of the coarser of the two."""
    short = min(len(start), len(end))
    if short <= _A_DAY:
        return end[:short] < start[:short]
    if len(start) == len(end) and start[-6:] == end[-6:] and not start.endswith("Z"):
        return end < start  # one offset, one precision: as text
    return times.utc_key(end) < times.utc_key(start)


def reference(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """A reference inside this answer, or a logical one with what came (normalisation.md 1, rule 3)."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, dict):
        unit.reject(holder, step, "bad-reference")
        return None
    words = raw.get("reference")
    if len(raw) == 1 and type(words) is str and (usual := unit.ids.named(words)) is not None:
        unit.take_of(raw, ["reference"], True)
        return {"reference": usual}
    made = _BESIDE.build(unit, raw) if len(raw) > 1 or words is None else {}
    if words is None:
        return made or None
    if not isinstance(words, str) or not words.strip():
        unit.reject(raw, "reference", "bad-reference")
        return made or None
    unit.take(raw, "reference")
    target = unit.target_of(words.strip())
    if target is not None:
        return {"reference": target, **made}
    unit.alter(raw, "reference", "dangling-reference")
    made.setdefault("identifier", {"system": UNRESOLVED, "value": words.strip()})
    return made


_BESIDE = element_table((one("identifier", _later("identifier")), one("display", p.string)))


def identifier(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """An Identifier; a national number with a wrong check digit becomes a local one: it must link nobody."""
    raw = holder[step]  # type: ignore[index]
    made: dict[str, Any] | None = _identifier(unit, holder, step)
    if not made or "system" not in made or "value" not in made:
        return made
    if identity.is_national(made["system"]):
        number = identity.national_number(made["system"], made["value"])
        if number:
            made["value"] = number
        else:
            unit.alter(raw, "system", "check-digit")
            name = made["system"].rstrip("/").rpartition("/")[2]
            made["system"] = identity.local_system(unit.source.custodian, unit.source.id, name)
    return made


coding = compound(
    one("system", system),
    one("version", p.string),
    one("code", p.code),
    one("display", p.string),
    one("userSelected", p.boolean),
)
_codeable = compound(many("coding", coding), one("text", p.string))
_period = compound(one("start", p.date_time), one("end", p.date_time))
_identifier = compound(
    one("use", p.enum("identifier-use")),
    one("type", codeable),
    one("system", system),
    one("value", p.string),
    one("period", period),
    one("assigner", _later("reference")),
)


def kinds(*names: str) -> dict[str, Convert]:
    """Converters of the named types, for `choice`."""
    return {name: TYPES[name] for name in names}
