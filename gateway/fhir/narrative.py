"""Narrative of what we author: escaped text in tables, no links, no styles (FHIR R4 2.4.2)."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_XHTML = "http://www.w3.org/1999/xhtml"
_DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def div(*blocks: str, lang: str = "en") -> str:
    return f'<div xmlns="{_XHTML}" lang="{lang}" xml:lang="{lang}">{"".join(blocks)}</div>'


def paragraph(text: str) -> str:
    return f"<p>{_clean(text)}</p>"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{_clean(h)}</th>" for h in headings)
    body = "".join("<tr>" + "".join(f"<td>{_clean(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def concept_text(concept: Mapping[str, Any] | None) -> str:
    """What a clinician reads of a CodeableConcept: its text, else a display, else a code, else why not."""
    if not concept:
        return ""
    codings = concept.get("coding", [])
    shown = [c["display"] for c in codings if c.get("display")] + [
        c["code"] for c in codings if c.get("code")
    ]
    return str(concept.get("text") or next(iter(shown), "") or _absent(concept))


def quantity_text(quantity: Mapping[str, Any]) -> str:
    """`< 1.10 mmol/L`: comparator, the digits that came, unit."""
    parts = (quantity.get("comparator"), quantity.get("value"), quantity.get("unit") or quantity.get("code"))
    return " ".join(str(part) for part in parts if part not in (None, "")) or _absent(quantity)


def _absent(element: Mapping[str, Any]) -> str:
    """`(masked)`, `(unknown)`: an element that says why it is empty never reads as nothing at all."""
    reasons = (e.get("valueCode") for e in element.get("extension", []) if e.get("url") == _DATA_ABSENT)
    return next((f"({reason})" for reason in reasons if reason), "")


def value_text(observation: Mapping[str, Any]) -> str:
    """`value[x]` of an Observation or of a component, in words; empty if there is none."""
    if "valueQuantity" in observation:
        return quantity_text(observation["valueQuantity"])
    if "valueCodeableConcept" in observation:
        return concept_text(observation["valueCodeableConcept"])
    if "valueRange" in observation:
        ends = (quantity_text(observation["valueRange"].get(end, {})) for end in ("low", "high"))
        return " to ".join(end for end in ends if end)
    if "valueRatio" in observation:
        ratio = observation["valueRatio"]
        return ":".join(quantity_text(ratio[part]) for part in ("numerator", "denominator") if part in ratio)
    for name in ("valueString", "valueDateTime", "valueInteger", "valueBoolean", "valueTime"):
        if name in observation:
            return str(observation[name])
    parts = (f"{concept_text(c.get('code'))} {value_text(c)}" for c in observation.get("component", []))
    return "; ".join(parts)


def _clean(text: str) -> str:
    """Escaped, without the controls and direction marks that could make a reader see something else."""
    kept = "".join(c if c >= " " and not _deceives(c) else " " for c in str(text))
    return escape(" ".join(kept.split()), quote=False)


def _deceives(char: str) -> bool:
    return "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" or "\x7f" <= char <= "\x9f"
