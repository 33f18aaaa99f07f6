"""Query and form parameters, read strictly: unknown or repeated ones are refused (http-api.md 1.8)."""

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from adapters.interface import Identifier
from gateway.config import Limits
from gateway.errors import Problem

_ALWAYS = frozenset({"_format", "_pretty"})
FORM = "application/x-www-form-urlencoded"


async def parameters(request: Request, allowed: Collection[str], limits: Limits) -> Mapping[str, str]:
    """Single-valued parameters of a GET query or a `_search` form. Raises `invalid`, `unknown_parameter`."""
    pairs = _pairs(request.scope["query_string"], limits)
    if request.method == "POST":
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != FORM:
            raise Problem("unsupported_media", expression="Content-Type", hint=FORM)
        pairs += _pairs(await request.body(), limits)
    found: dict[str, str] = {}
    lenient = "handling=lenient" in request.headers.get("prefer", "")
    for name, value in pairs:
        if name not in allowed and name not in _ALWAYS:
            if lenient:
                continue
            raise Problem("unknown_parameter", hint="allowed: " + ", ".join(sorted(allowed)))
        if name in found:
            raise Problem("invalid", expression=name)
        found[name] = value
    return found


def identifier_from(parameter: str, text: str) -> Identifier:
    """`system|value` as a FHIR token; both parts are needed here. Raises `invalid`."""
    system, bar, value = text.partition("|")
    if not (bar and system and value) or len(text) > 512 or any(c < " " for c in text):
        raise Problem("invalid", expression=parameter, hint="use system|value")
    return Identifier(system.strip(), value.strip())


def _pairs(raw: bytes, limits: Limits) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, max_num_fields=limits.parameters, errors="strict"
        )
    except ValueError:
        raise Problem("malformed", hint="parameters could not be read") from None
