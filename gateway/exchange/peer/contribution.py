"""What a member's verified answer contributes: its records and what it says of its sources. Pure.

1. The signed statement is the member's, about this very Bundle, and every row of it is of its form.
2. A row speaks for the member itself, or for an organisation that no other member answers for.
3. Every record names its source, of a row that says `answered`, is valid R4 and of a type that was asked for;
   rows and records count the same.
4. A Patient who has another number of a system that was asked by is somebody else: all of it is quarantined.
5. Records keep the member's own addresses, all below one base.

Refuses with `BadContribution`: `malformed unverified quarantined refused`; nothing of it is used then.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.boundary import mend
from adapters.boundary.sieve import passes
from adapters.interface import Identifier
from gateway.exchange.completeness import SourceState
from gateway.exchange.peer.rows import state_from_row
from gateway.fhir.json import BadJSON, decode, encode
from gateway.fhir.outcome import STATEMENT_EXTENSION
from keys import jws
from keys.envelope.manifest import FHIR_JSON
from keys.errors import StatementRefused
from keys.jws import Resolve
from keys.syntax import SyntaxRefused, parse_object

_SOURCE = re.compile(r"urn:carepact:source:([a-z0-9.-]{3,128}):([A-Za-z0-9._-]{1,64})#([^#]{0,128})\Z")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_BASE = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,255}(/[A-Za-z0-9._~/-]{0,255})?\Z")
_CODE = re.compile(r"[A-Z0-9-]{2,32}\Z")
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


class BadContribution(Exception):
    """`reason`: a word of the completeness statement."""

    def __init__(self, reason: str) -> None:
        super().__init__("an answer that cannot be used")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Received:
    """One record as it came: `body` is as the member released it, `full_url` the member's own name for it."""

    ref: str
    body: bytes = field(repr=False)
    resource: dict[str, Any] = field(repr=False)
    custodian: str
    source: str
    intake: str
    full_url: str


@dataclass(frozen=True, slots=True)
class Contributed:
    """All that one member answered. `obligations` travel with what leaves of it."""

    member: str
    states: tuple[SourceState, ...]
    received: tuple[Received, ...] = field(default=(), repr=False)
    obligations: tuple[str, ...] = ()
    base: str = ""
    md: bytes = b""
    jws: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answer is held against. `speaks_for`: whether the member may speak for an organisation."""

    member: str
    resolve: Resolve
    identifiers: tuple[Identifier, ...]
    types: frozenset[str]
    asked: int
    speaks_for: Callable[[str], bool]


def contributed(typ: str, content: bytes, expected: Expected) -> Contributed:
    """The contribution in a verified answer's content. Raises `BadContribution`."""
    try:
        said = decode(content) if typ == FHIR_JSON else None
    except BadJSON:
        said = None
    if not isinstance(said, dict):
        raise BadContribution("malformed")
    if said.get("resourceType") == "OperationOutcome":
        block = _carried(said)
        if block is None:
            raise BadContribution("refused")
        _, states = _stated(block, expected)
        if any(state.state == "answered" for state in states):
            raise BadContribution("malformed")
        return Contributed(expected.member, states)
    return _from_bundle(said, expected)


def _from_bundle(bundle: dict[str, Any], expected: Expected) -> Contributed:
    entries = bundle.get("entry")
    if bundle.get("resourceType") != "Bundle" or not (isinstance(entries, list) and entries):
        raise BadContribution("malformed")
    if not all(isinstance(one, dict) and isinstance(one.get("resource"), dict) for one in entries):
        raise BadContribution("malformed")
    block = _carried(entries[0]["resource"])
    if block is None:
        raise BadContribution("unverified")
    exchange, states = _stated(block, expected)  # 1
    if bundle.get("id") != exchange:
        raise BadContribution("unverified")
    received = tuple(_received(one, expected) for one in entries if _is_match(one))
    _require_counts(received, states)  # 3
    _require_subject(received, expected.identifiers)  # 4
    return Contributed(expected.member, states, received, _obligations(bundle), _one_base(received))


def _is_match(entry: Mapping[str, Any]) -> bool:
    search = entry.get("search")
    return isinstance(search, dict) and search.get("mode") == "match"


def _carried(resource: Mapping[str, Any]) -> bytes | None:
    extensions = resource.get("extension")
    for one in extensions if isinstance(extensions, list) else ():
        if isinstance(one, dict) and one.get("url") == STATEMENT_EXTENSION:
            try:
                return base64.b64decode(str(one.get("valueBase64Binary")), validate=True)
            except ValueError:
                return None
    return None


def _stated(block: bytes, expected: Expected) -> tuple[str, tuple[SourceState, ...]]:
    """1 and 2: exchange id and rows of the member's signed statement."""
    try:
        statement = parse_object(jws.verify(block, jws.COMPLETENESS, expected.resolve).payload)
    except (StatementRefused, SyntaxRefused):
        raise BadContribution("unverified") from None
    rows = statement.get("sources")
    if statement.get("iss") != expected.member or not isinstance(rows, list) or not rows:
        raise BadContribution("unverified")
    states = tuple(state_from_row(row, asked=expected.asked) for row in rows)
    if any(state is None for state in states):
        raise BadContribution("malformed")
    known = tuple(state for state in states if state is not None)
    places = {(state.org, state.source) for state in known}
    if len(places) != len(known) or not all(expected.speaks_for(state.org) for state in known):
        raise BadContribution("unverified")
    return str(statement.get("exchange")), known


def _received(entry: dict[str, Any], expected: Expected) -> Received:
    """3 and 5, of one entry."""
    resource: dict[str, Any] = entry["resource"]
    kind, id, url = resource.get("resourceType"), resource.get("id"), entry.get("fullUrl")
    meta = resource.get("meta")
    source = _SOURCE.match(str(meta.get("source"))) if isinstance(meta, dict) else None
    if kind not in expected.types or not isinstance(id, str) or not _ID.match(id) or source is None:
        raise BadContribution("malformed")
    if not isinstance(url, str) or not url.endswith(f"/{kind}/{id}"):
        raise BadContribution("malformed")
    if not passes(resource) and mend(resource).resource is not resource:
        raise BadContribution("malformed")
    return Received(
        f"{kind}/{id}", encode(resource), resource, source.group(1), source.group(2), source.group(3), url
    )


def _require_counts(received: tuple[Received, ...], states: tuple[SourceState, ...]) -> None:
    found: dict[tuple[str, str], Counter[str]] = {}
    for one in received:
        found.setdefault((one.custodian, one.source), Counter())[one.ref.partition("/")[0]] += 1
    told = {(s.org, s.source): dict(s.counts) for s in states if s.state == "answered"}
    if {place: dict(counts) for place, counts in found.items()} != told:
        raise BadContribution("unverified")
    if len({one.ref for one in received}) != len(received):
        raise BadContribution("malformed")


def _require_subject(received: tuple[Received, ...], asked: tuple[Identifier, ...]) -> None:
    """4. What an agreement masks says nothing; another number of the same system does."""
    for one in received:
        if one.ref.startswith("Patient/") and _is_another(one.resource, asked):
            raise BadContribution("quarantined")


def _is_another(patient: Mapping[str, Any], asked: tuple[Identifier, ...]) -> bool:
    named = {
        (one.get("system"), one.get("value"))
        for one in patient.get("identifier", [])
        if isinstance(one, dict) and one.get("use") != "old" and one.get("value") is not None
    }
    systems = {system for system, _ in named}
    return any(one.system in systems and (one.system, one.value) not in named for one in asked)


def _one_base(received: tuple[Received, ...]) -> str:
    bases = {one.full_url[: -len(one.ref) - 1] for one in received}
    if len(bases) > 1 or not all(_BASE.match(base) for base in bases):
        raise BadContribution("malformed")
    return bases.pop() if bases else ""


def _obligations(bundle: Mapping[str, Any]) -> tuple[str, ...]:
    meta = bundle.get("meta")
    security = meta.get("security") if isinstance(meta, dict) else None
    codes = {
        str(one.get("code"))
        for one in (security if isinstance(security, list) else ())
        if isinstance(one, dict) and one.get("system") == _ACT_CODE
    }
    if not all(_CODE.match(code) for code in codes):
        raise BadContribution("malformed")
    return tuple(sorted(codes))


def verified_by(one: Contributed, md: bytes, signed: bytes) -> Contributed:
    """The same with what proves it: digest and bytes of the signed manifest."""
    manifest = base64.urlsafe_b64encode(md).rstrip(b"=").decode("ascii")
    states = tuple(replace(state, manifest=manifest) for state in one.states)
    return replace(one, states=states, md=md, jws=signed)
