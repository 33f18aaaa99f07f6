"""What a GP Connect answer means: status, media type and body to how the asking ended (pure).

Error codes are those of the Spine code system `Spine-ErrorOrWarningCode-1`.
"""

from collections.abc import Iterator
from typing import Any

from adapters.fhir_json import Unreadable, decode
from adapters.interface import Fetched, Identifier, Original
from adapters.reading import as_list

_JSON = frozenset(("application/fhir+json", "application/json+fhir", "application/json"))
_NO_RECORD = "PATIENT_NOT_FOUND"
"""Also said of an inactive, sensitive or unregistered patient: they look the same, on purpose."""
_WITHHELD = "NO_PATIENT_CONSENT"
_BUSY = frozenset((408, 425, 429))


def fetched_from_answer(status: int, media_type: str, body: bytes, asked: Identifier) -> Fetched:
    """How it ended. What is not what the protocol says is `malformed`; its bytes are handed on to be kept."""
    original = Original(body, media_type, (asked,))
    resource = _decoded(media_type, body)
    kind = resource["resourceType"] if resource else None
    if resource is not None and kind == "OperationOutcome":
        return _ended(status, set(_codes(resource)), original)
    if status == 200:
        if kind == "Bundle":
            return Fetched("answered", (original,))
        return Fetched("failed", (original,), "malformed")
    return _ended(status, set(), original)


def _decoded(media_type: str, body: bytes) -> dict[str, Any] | None:
    if media_type.partition(";")[0].strip().lower() not in _JSON:
        return None
    try:
        return decode(body)
    except Unreadable:
        return None


def _ended(status: int, codes: set[str], original: Original) -> Fetched:
    if _NO_RECORD in codes:
        return Fetched("no-record")
    if _WITHHELD in codes:
        return Fetched("withheld")
    if status >= 500 or status in _BUSY:
        return Fetched("failed", reason="unreachable")
    if status >= 400:
        return Fetched("failed", reason="refused")
    return Fetched("failed", (original,), "malformed")


def _codes(outcome: dict[str, Any]) -> Iterator[str]:
    for issue in as_list(outcome.get("issue")):
        details = issue.get("details") if isinstance(issue, dict) else None
        for coding in as_list(details.get("coding")) if isinstance(details, dict) else ():
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                yield coding["code"]
