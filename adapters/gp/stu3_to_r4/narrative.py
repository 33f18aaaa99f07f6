"""Narrative as it came, if it is XHTML of the subset that FHIR allows; else it is listed, never repaired."""

from typing import Any

from adapters.gp.unit import Unit
from adapters.reading import Holder, Step
from adapters.xhtml import is_safe_xhtml


def narrative(unit: Unit, holder: Holder, step: Step) -> dict[str, Any] | None:
    """`Narrative` of FHIR R4 (2.4.0): status and a div of safe XHTML."""
    raw = holder[step]  # type: ignore[index]
    if not isinstance(raw, dict):
        unit.reject(holder, step, "bad-text")
        return None
    div, status = raw.get("div"), raw.get("status")
    if not isinstance(div, str) or status not in ("generated", "extensions", "additional", "empty"):
        unit.reject(holder, step, "bad-text")
        return None
    if not is_safe_xhtml(div):
        unit.reject(holder, step, "bad-text")
        return None
    unit.take(raw, "div")
    unit.take(raw, "status")
    return {"status": status, "div": div}
