"""Patient: by identifier, `$everything`, `$summary` (FHIR R4, IPS operation `summary`)."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from adapters.identity import is_fhir_id
from adapters.interface import Identifier
from gateway.api.authenticate import require, require_scope, serves
from gateway.api.negotiate import ENVELOPE, accepted, seal_to
from gateway.api.parameters import identifier_from, parameters
from gateway.api.services import services
from gateway.authn.caller import Caller
from gateway.errors import Problem
from gateway.exchange.request import Ask, Reach, Shape
from gateway.exchange.types import CLINICAL, PATIENT_ONLY

_SUMMARY_PROFILE = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"


async def search(request: Request) -> Response:
    """`GET Patient?identifier=`, `POST Patient/_search`: one entry for each source that knows the person."""
    caller = await require(request, "Patient", "s")
    node = services(request)
    found = await parameters(request, {"identifier", "reach"}, node.settings.limits)
    if "identifier" not in found:
        raise Problem("too_costly", expression="identifier", hint="search by identifier=system|value")
    subject = identifier_from("identifier", found["identifier"])
    return await _answer(request, found, caller, subject, PATIENT_ONLY, "patients", "Patient")


async def everything(request: Request) -> Response:
    """`$everything` of one Patient, narrowed by `_type` and by the caller's scopes."""
    caller = await require(request, "Patient", "r")
    node = services(request)
    found = await parameters(request, {"_type", "reach"}, node.settings.limits)
    types = _types(caller, found.get("_type"))
    id = _patient_id(request)
    return await _answer(request, found, caller, id, types, "everything", "Patient/$everything")


async def everything_of(request: Request) -> Response:
    """`POST Patient/$everything` by `patient.identifier`: of somebody whom this node itself need not know."""
    caller = await require(request, "Patient", "r")
    node = services(request)
    found = await parameters(request, {"patient.identifier", "_type", "reach"}, node.settings.limits)
    if "patient.identifier" not in found:
        raise Problem("too_costly", expression="patient.identifier", hint="one identifier, as system|value")
    subject = identifier_from("patient.identifier", found["patient.identifier"])
    types = _types(caller, found.get("_type"))
    return await _answer(request, found, caller, subject, types, "everything", "Patient/$everything")


async def summary(request: Request) -> Response:
    """`$summary`: an International Patient Summary document."""
    caller = await require(request, "Patient", "r")
    require_scope(caller, "Composition", "r")
    node = services(request)
    found = await parameters(request, {"profile", "reach"}, node.settings.limits)
    if found.get("profile", _SUMMARY_PROFILE) != _SUMMARY_PROFILE:
        raise Problem("invalid", expression="profile")
    types = _types(caller, None)
    id = _patient_id(request)
    return await _answer(request, found, caller, id, types, "summary", "Patient/$summary")


async def _answer(
    request: Request,
    found: Mapping[str, str],
    caller: Caller,
    subject: Identifier | str,
    types: tuple[str, ...],
    shape: Shape,
    route: str,
) -> Response:
    node = services(request)
    at = node.clock()
    media = accepted(request, found)
    body = await request.body()
    ask = Ask(
        exchange=node.new_id(),
        caller=caller,
        subject=subject,
        types=types,
        shape=shape,
        at=at,
        deadline=_deadline(request),
        self_url=f"{node.base}/{route}",
        seal=seal_to(request, caller, media, node.settings.node.id, body, int(at.timestamp())),
        reach=_reach(caller, found.get("reach", "local")),
    )
    answer = await node.exchange(ask)
    kind = ENVELOPE if ask.seal else f"{media}; fhirVersion=4.0"
    return Response(answer.body, media_type=kind, headers={"Exchange-Id": answer.exchange})


def _reach(caller: Caller, asked: str) -> Reach:
    """How far the question goes: as far as it says, and no further than the registration allows."""
    if asked not in ("local", "federation"):
        raise Problem("invalid", expression="reach")
    if asked == "federation" and caller.reach != "federation":
        raise Problem("forbidden", hint="this client is registered for --reach local")
    return "federation" if asked == "federation" else "local"


def _patient_id(request: Request) -> str:
    id: str = request.path_params["id"]
    if not is_fhir_id(id):
        raise Problem("not_found")
    return id


def _types(caller: Caller, asked: str | None) -> tuple[str, ...]:
    """Types asked for and in scope (`r`); one that is not carried is `invalid`, one out of scope dropped."""
    wanted = asked.split(",") if asked else CLINICAL
    if any(kind not in CLINICAL for kind in wanted):
        raise Problem("invalid", expression="_type")
    granted = tuple(kind for kind in CLINICAL if kind in wanted and serves(caller, kind, "r"))
    if not granted:
        raise Problem("forbidden", hint="none of these types is in scope")
    return granted


def _deadline(request: Request) -> float:
    """`Prefer: wait=<s>`, bounded by `limits.deadline_max`; else `limits.deadline`."""
    limits = services(request).settings.limits
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "wait":
            if not value.isdigit() or len(value) > 4 or int(value) < 1:
                raise Problem("invalid", expression="Prefer")
            return min(float(value), limits.deadline_max)
    return limits.deadline
