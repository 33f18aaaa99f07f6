"""Pages of a search as they came, and all of them as one original. Pure."""

from dataclasses import dataclass
from typing import Any

from adapters import codec
from adapters.errors import SourceMalformed
from adapters.fhir_r4.record import PAGE_FAILED
from adapters.reading import as_list

_DEPTH = codec.MAX_DEPTH - 4
"""A page stands four levels deep in the original."""
_JSON = frozenset(("application/fhir+json", "application/json+fhir", "application/json"))
_SHORT = ("incomplete", "too-costly", "throttled", "timeout")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its bytes, the Patients on it by id, and the address of the next one."""

    body: bytes
    patients: tuple[str, ...]
    following: str | None
    short: bool = False
    """The server says beside its matches that some are missing."""


def decoded(media_type: str, body: bytes) -> dict[str, Any]:
    """One FHIR resource. Raises `SourceMalformed`."""
    if media_type.partition(";")[0].strip().lower() not in _JSON:
        raise SourceMalformed("the answer was not FHIR JSON")
    try:
        value = codec.decode(body.removeprefix(_BOM), max_depth=_DEPTH, repeats_apart=True)
    except codec.BadJSON:
        raise SourceMalformed("the answer was not FHIR JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise SourceMalformed("the answer was no resource")
    return value


def page_from_answer(media_type: str, body: bytes) -> Page:
    """One page of a searchset. Raises `SourceMalformed`."""
    bundle = decoded(media_type, body)
    if bundle["resourceType"] != "Bundle":
        raise SourceMalformed("the answer was no Bundle")
    resources = [one.get("resource") for one in as_list(bundle.get("entry")) if isinstance(one, dict)]
    patients = [one for one in resources if isinstance(one, dict) and one.get("resourceType") == "Patient"]
    ids = tuple(str(one["id"]) for one in patients if isinstance(one.get("id"), str) and one["id"])
    return Page(body.removeprefix(_BOM), ids, _next(bundle), any(_is_alarm(one) for one in resources))


def original_from_pages(pages: list[bytes], failed: int) -> bytes:
    """A collection of the pages, byte by byte as they came; one remark for each that did not come."""
    parts = [b'{"resource":' + page + b"}" for page in pages]
    parts += [b'{"fullUrl":"' + PAGE_FAILED.encode("ascii") + b'"}'] * failed
    return b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join(parts) + b"]}"


def _is_alarm(resource: Any) -> bool:
    """An OperationOutcome that is more than a remark."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return False
    issues = [one for one in as_list(resource.get("issue")) if isinstance(one, dict)]
    return any(one.get("severity") in ("fatal", "error") or one.get("code") in _SHORT for one in issues)


def _next(bundle: dict[str, Any]) -> str | None:
    for link in as_list(bundle.get("link")):
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None
