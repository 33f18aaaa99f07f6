"""FHIR Consent at the door: what is admitted, and how the node's own staff write one (consent.md 14, 17).

What was received is kept byte for byte; the model is a view. What a decision could not compute is refused
loudly, with the element's path, and nothing is stored.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent.errors import Uncomputable
from consent.instants import instant_text, interval, micros
from consent.provision import Provision
from consent.record import ConsentView, consent_from_json
from consent.references import typed
from consent.vocabulary import (
    ACT_CODE,
    ACT_REASON,
    CONFIDENTIALITY,
    CONSENT_SCOPE,
    LADDER,
    PARTICIPATION,
    PURPOSE_UP,
    RESOURCE_TYPES,
    SENSITIVITY_UP,
)

_CATEGORY = {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}


def document_from_bytes(document: bytes) -> dict[str, Any]:
    """JSON of one Consent; a member that stands twice is refused. Raises `Uncomputable`."""
    try:
        value = json.loads(document, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Uncomputable("Consent", "is no JSON object without duplicate members") from error
    if not isinstance(value, dict):
        raise Uncomputable("Consent", "must be an object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


def admit(
    document: bytes, *, resolves: Callable[[str], bool] | None = None, subject: str | None = None
) -> ConsentView:
    """The view of a document that can be computed whole. Raises `Uncomputable` with the path of the first
    fault.

    `resolves`: whether a reference (`Organization/x`, `Practitioner/y`, `Group/z`) is somebody; not asked if
    None. `subject`: `Patient/<index id>` where the node knows who it is; `patient` may then be an identifier.
    """
    view = consent_from_json(document_from_bytes(document), patient=subject)
    for fault in view.faults:
        raise Uncomputable(fault.path, fault.why)
    for path, reference in _somebody(view):
        if reference.startswith("#") or (resolves is not None and not resolves(reference)):
            raise Uncomputable(path, "is a reference that resolves to nobody")
    return view


def _somebody(view: ConsentView) -> Iterator[tuple[str, str]]:
    for org in sorted(view.organizations):
        yield "Consent.organization", typed("Organization", org)
    for node in _nodes(view.root):
        for place, actor in enumerate(node.actors or ()):
            if actor.reference is not None and not actor.reference.startswith("PractitionerRole/"):
                yield f"Consent.{node.path}.actor[{place}].reference", actor.reference


def _nodes(root: Provision) -> Iterator[Provision]:
    yield root
    for child in root.children:
        yield from _nodes(child)


@dataclass(frozen=True, slots=True)
class Excepted:
    """What a consent leaves out: `label` (PSY, R), `class` (a resource type) or `code` (system and code)."""

    kind: str
    code: str
    system: str = ""


def excepted_from_text(text: str) -> Excepted:
    """`label:PSY`, `class:Observation`, `code:http://loinc.org|718-7`. Raises `Uncomputable`."""
    kind, _, rest = text.partition(":")
    if kind == "label" and (rest in SENSITIVITY_UP or (len(rest) == 1 and rest in LADDER)):
        return Excepted(kind, rest)
    if kind == "class" and rest[:1].isupper() and rest.isalpha():
        return Excepted(kind, rest)
    if kind == "code" and rest.count("|") == 1 and all(rest.split("|")):
        system, _, code = rest.partition("|")
        return Excepted(kind, code, system)
    raise Uncomputable("except", "must be label:CODE, class:TYPE or code:SYSTEM|CODE")


def consent_document(
    *,
    id: str,
    patient: str,
    at: datetime,
    permit: Sequence[str] = (),
    deny: Sequence[str] = (),
    to: Sequence[str] = (),
    excepted: Sequence[Excepted] = (),
    data_from: str | None = None,
    data_to: str | None = None,
    until: str | None = None,
    performer: str | None = None,
    custodians: Sequence[str] = (),
    policy: Sequence[str] = (),
    evidence: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A Consent as the desk records it. Raises `Uncomputable` for no purpose or date, or if nothing is said.

    `permit`, `deny`: purposes; with both, the refusals are exceptions of the permit. `to`: organisation ids,
    also of the exceptions, so that a consent says nothing of others. `custodians`: whose records it is about
    (all if empty). `patient`, `performer`: references. Dates: FHIR dates. `evidence`: an Attachment.
    """
    if not permit and not deny:
        raise Uncomputable("permit", "or deny must name a purpose")
    purposes = _purposes(permit or deny)
    provision: dict[str, Any] = {"type": "permit" if permit else "deny"}
    provision |= _period("period", {"end": until})
    provision |= {"actor": _actors(to)} if to else {}
    provision["purpose"] = purposes
    provision |= _period("dataPeriod", {"start": data_from, "end": data_to})
    children = [_exception(item, to if permit else ()) for item in excepted]
    if permit and deny:
        children.append(
            {"type": "deny", **({"actor": _actors(to)} if to else {}), "purpose": _purposes(deny)}
        )
    if not permit:
        children = [{**child, "type": "permit"} for child in children]
    if children:
        provision["provision"] = children
    document: dict[str, Any] = {
        "resourceType": "Consent",
        "id": id,
        "status": "active",
        "scope": {"coding": [{"system": CONSENT_SCOPE, "code": "patient-privacy"}]},
        "category": [_CATEGORY],
        "patient": {"reference": patient},
        "dateTime": instant_text(at),
    }
    if performer:
        document["performer"] = [{"reference": performer}]
    if custodians:
        document["organization"] = [{"reference": typed("Organization", org)} for org in custodians]
    if policy:
        document["policy"] = [{"uri": uri} for uri in policy]
    if evidence:
        document["sourceAttachment"] = dict(evidence)
    document["provision"] = provision
    return document


def withdrawn(document: Mapping[str, Any]) -> dict[str, Any]:
    """The next version of a withdrawn consent. Its `dateTime` stays: a later one would supersede newer
    consents.
    """
    return {**document, "status": "inactive"}


def ending(document: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The next version of a consent that is withdrawn from an instant on: it is silent after it.

    Equal to the document where it ends before anyway. It stays the newest of its key: nothing older returns.
    """
    root = document.get("provision", {})
    span = interval(str(root.get("period", {}).get("end", "")))
    if span is not None and span[1] <= micros(at):
        return dict(document)
    period = {**root.get("period", {}), "end": instant_text(at)}
    return {**document, "provision": {**root, "period": period}}


def narrowed(document: Mapping[str, Any], item: Excepted) -> dict[str, Any]:
    """The next version of a permit that no longer covers some data: one more exception, for everybody.

    Equal to the document where that is excepted already.
    Raises `Uncomputable` for a consent that is not a permit: there is nothing to narrow.
    """
    root = document.get("provision", {})
    if root.get("type") != "permit":
        raise Uncomputable("Consent.provision.type", "only a permit can be withdrawn in part")
    held = root.get("provision", [])
    told = _exception(item, ())
    # The desk writes an exception for the same recipients as its permit: that leaves out the same.
    if told in held or (root.get("actor") and {**told, "actor": root["actor"]} in held):
        return dict(document)
    exceptions = [*held, told]
    return {**document, "provision": {**root, "provision": exceptions}}


def document_to_bytes(document: Mapping[str, Any]) -> bytes:
    """Compact UTF-8 JSON of a document that we wrote."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _purposes(codes: Sequence[str]) -> list[dict[str, str]]:
    for code in codes:
        if code not in PURPOSE_UP:
            raise Uncomputable("purpose", "is not in the vocabulary")
    return [{"system": ACT_REASON, "code": code} for code in codes]


def _actors(orgs: Sequence[str]) -> list[dict[str, Any]]:
    role = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}
    return [{"role": role, "reference": {"reference": typed("Organization", org)}} for org in orgs]


def _period(name: str, ends: Mapping[str, str | None]) -> dict[str, dict[str, str]]:
    stated = {side: written for side, written in ends.items() if written is not None}
    spans = [interval(written) for written in stated.values()]
    if any(span is None for span in spans):
        raise Uncomputable(name, "is no date")
    if len(spans) == 2 and spans[0] and spans[1] and spans[0][0] > spans[1][1]:
        raise Uncomputable(name, "starts after its end")
    return {name: stated} if stated else {}


def _exception(item: Excepted, to: Sequence[str]) -> dict[str, Any]:
    child: dict[str, Any] = {"type": "deny"}
    if to:
        child["actor"] = _actors(to)
    if item.kind == "label":
        system = ACT_CODE if item.code in SENSITIVITY_UP and item.code not in LADDER else CONFIDENTIALITY
        child["securityLabel"] = [{"system": system, "code": item.code}]
    elif item.kind == "class":
        child["class"] = [{"system": RESOURCE_TYPES, "code": item.code}]
    else:
        child["code"] = [{"coding": [{"system": item.system, "code": item.code}]}]
    return child
