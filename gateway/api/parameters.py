"""Query and form parameters, read strictly: unknown or repeated ones are refused (http-api.md 1.8)."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from adapters.interface import Identifier
from gateway.api.negotiate import media_type
from gateway.config import Limits
from gateway.errors import Problem

_ALWAYS = frozenset({"_format", "_pretty"})
FORM = "application/x-www-form-urlencoded"
_SPECIAL = re.compile(r"\\([\\|,$])|[|,]")
_MAX_CHARS = 512


async def parameters(request: Request, allowed: Collection[str], limits: Limits) -> Mapping[str, str]:
    """Single-valued parameters of a GET query or a `_search` form. Raises `invalid`, `unknown_parameter`."""
    pairs = _pairs(request.scope["query_string"], limits)
    if request.method == "POST":
        if media_type(request) != FORM:
            raise Problem("unsupported_media", expression="Content-Type", hint=FORM)
        pairs += _pairs(await request.body(), limits)
    return _single(pairs, allowed)


def query(request: Request, allowed: Collection[str], limits: Limits) -> Mapping[str, str]:
    """Single-valued parameters of the address alone, whatever the body is. Raises as `parameters`."""
    return _single(_pairs(request.scope["query_string"], limits), allowed)


def identifier_from(parameter: str, text: str) -> Identifier:
    """`system|value` as a FHIR token (R4 3.1.1.4.10); both parts are needed here. Raises `invalid`.

    A comma means OR, which is not offered: taken as part of a value it would find nobody, and say so.
    """
    parts, last = [""], 0
    for special in _SPECIAL.finditer(text):
        parts[-1] += text[last : special.start()] + (special.group(1) or "")
        last = special.end()
        if special.group() == "|":
            parts.append("")
        elif special.group() == ",":
            raise Problem("invalid", expression=parameter, hint="use system|value")
    parts[-1] += text[last:]
    if len(parts) != 2:
        raise Problem("invalid", expression=parameter, hint="use system|value")
    return business_identifier(parameter, parts[0], parts[1])


def business_identifier(element: str, system: object, value: object) -> Identifier:
    """An identifier of its two parts. Raises `invalid`, naming the parameter or element."""
    if not (isinstance(system, str) and isinstance(value, str)):
        raise Problem("invalid", expression=element)
    found = Identifier(system.strip(), value.strip())
    whole = found.system + found.value
    if not (found.system and found.value) or len(whole) > _MAX_CHARS or not whole.isprintable():
        raise Problem("invalid", expression=element, hint="a system and a value are needed")
    return found


def _single(pairs: list[tuple[str, str]], allowed: Collection[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed and name not in _ALWAYS:
            raise Problem("unknown_parameter", hint="allowed: " + ", ".join(sorted(allowed)))
        if name in found:
            raise Problem("invalid", expression=name)
        found[name] = value
    return found


def _pairs(raw: bytes, limits: Limits) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, max_num_fields=limits.parameters, errors="strict"
        )
    except ValueError:
        raise Problem("malformed", hint="parameters could not be read") from None
