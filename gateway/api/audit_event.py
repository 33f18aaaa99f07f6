"""AuditEvent: the access report of one patient, computed from the ledger (FHIR R4, IHE BALP).

For the patient herself (purpose PATRQT) or the role `privacy-officer`; anybody else is `forbidden`, whoever
is asked about (http-api.md 5.4). Every reading is a leaf of its own, which the next reading shows.
"""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapters.identity import is_fhir_id
from adapters.interface import Identifier
from consent.instants import interval
from gateway.api.authenticate import require
from gateway.api.negotiate import accepted_in_clear
from gateway.api.parameters import identifier_from, parameters
from gateway.api.services import services
from gateway.authn.caller import Caller
from gateway.errors import Problem
from gateway.exchange.audit_events import OfPerson, events_of
from gateway.fhir.bundle import Entry, searchset
from gateway.fhir.json import encode

PRIVACY_OFFICER = "privacy-officer"
MAX_COUNT = 1000
_PARAMETERS = frozenset(("patient", "patient.identifier", "date", "agent", "_count"))
_PREFIXES: Mapping[str, Callable[[int, int, int], bool]] = {
    "eq": lambda at, first, last: first <= at < last,
    "ge": lambda at, first, last: at >= first,
    "gt": lambda at, first, last: at >= last,
    "le": lambda at, first, last: at < last,
    "lt": lambda at, first, last: at < first,
}


async def search(request: Request) -> Response:
    """Newest first. About an unknown patient, and about one whom the caller may not ask for: no entries."""
    caller = await _reader(request, "s")
    node = services(request)
    found = await parameters(request, _PARAMETERS, node.settings.limits)
    media = accepted_in_clear(request, found, caller)
    wanted = _subject(found)
    within, count = _within(found.get("date")), _count(found.get("_count"))
    events = await events_of(node.audited, wanted, _own(caller), by=caller.client)
    chosen = [one for one in reversed(events) if within(one) and _has_agent(one, found.get("agent"))]
    entries = [Entry(f"{node.base}/AuditEvent/{one['id']}", encode(one), "match") for one in chosen[:count]]
    body = searchset(
        entries,
        id=node.new_id(),
        timestamp=node.clock().isoformat(),
        self_url=f"{node.base}/AuditEvent",
        total=len(chosen),
    )
    return Response(body, media_type=media)


async def read(request: Request) -> Response:
    """One event by its id, which follows from the leaf."""
    caller = await _reader(request, "r")
    node = services(request)
    media = accepted_in_clear(request, await parameters(request, (), node.settings.limits), caller)
    id = request.path_params["id"]
    events = await events_of(node.audited, OfPerson(event=id), _own(caller), by=caller.client)
    event = next((one for one in events if one["id"] == id), None)
    if event is None:
        raise Problem("not_available")
    return Response(encode(event), media_type=media)


async def _reader(request: Request, letter: str) -> Caller:
    caller = await require(request, "AuditEvent", letter)
    if caller.person is None and PRIVACY_OFFICER not in caller.roles:
        raise Problem("forbidden", hint=f"needs purpose PATRQT, or the role {PRIVACY_OFFICER}")
    return caller


def _own(caller: Caller) -> Identifier | None:
    """Whose report alone a self token opens."""
    if caller.person is None:
        return None
    system, _, value = caller.person.partition("|")
    return Identifier(system, value)


def _subject(found: Mapping[str, str]) -> OfPerson:
    if ("patient" in found) == ("patient.identifier" in found):
        raise Problem("too_costly", expression="patient", hint="search by patient or patient.identifier")
    if "patient.identifier" in found:
        return OfPerson(identifier=identifier_from("patient.identifier", found["patient.identifier"]))
    id = found["patient"].removeprefix("Patient/")
    if not is_fhir_id(id):
        raise Problem("invalid", expression="patient")
    return OfPerson(id=id)


def _within(date: str | None) -> Callable[[dict[str, Any]], bool]:
    """A date or instant with one of the prefixes `eq ge gt le lt`; a space is read as the `+` that it was."""
    if date is None:
        return lambda event: True
    prefix = date[:2] if date[:2] in _PREFIXES else "eq"
    span = interval(date.removeprefix(prefix).replace(" ", "+"))
    if span is None:
        raise Problem("invalid", expression="date")
    holds = _PREFIXES[prefix]

    def inside(event: dict[str, Any]) -> bool:
        recorded = interval(event["recorded"])
        return recorded is not None and holds(recorded[0], span[0], max(span[1], span[0] + 1))

    return inside


def _count(text: str | None) -> int:
    if text is None:
        return MAX_COUNT
    if not text.isdigit() or len(text) > 4 or int(text) < 1:
        raise Problem("invalid", expression="_count")
    return min(int(text), MAX_COUNT)


def _has_agent(event: dict[str, Any], wanted: str | None) -> bool:
    """`agent`: the identifier of one of its agents, as `system|value` or the value alone."""
    if wanted is None:
        return True
    system, bar, value = wanted.rpartition("|")
    named = [agent["who"].get("identifier", {}) for agent in event["agent"]]
    return any(one.get("value") == value and (not bar or one.get("system") == system) for one in named)
