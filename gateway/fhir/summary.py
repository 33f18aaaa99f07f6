"""The International Patient Summary document of a released record (IPS 2.0.0; normalisation.md 9a).

A required section is always there. An empty one says `unavailable`: silence of the sources is never
"nothing known"; only a source that asserted absence makes it so, and then its assertion is an entry.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.fhir.bundle import Entry, document
from gateway.fhir.json import decode_own, encode
from gateway.fhir.narrative import div, paragraph, table
from gateway.fhir.sections import SECTIONS, Section, when

COMPOSITION_PROFILE = "http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips"
BUNDLE_PROFILE = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"
_LOINC = "http://loinc.org"
_NAMESPACE = uuid.UUID("6f2f0c80-6b2a-5f0e-9c57-5e1a4f6d6c11")


@dataclass(frozen=True, slots=True)
class Released:
    """One released resource: its bytes, and the custodian and source that it came from."""

    resource: bytes
    custodian: str
    source: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What the document is about. `patient`: `Patient/<id>` in the released set; `at` FHIR instant."""

    patient: str
    at: str
    node: str
    bundle_id: str
    security: Sequence[dict[str, str]]
    confidentiality: str


def summarise(
    released: Sequence[Released],
    sources: Sequence[Mapping[str, Any]],
    scope: Scope,
    assembly: dict[str, Any],
) -> bytes:
    """The document Bundle. `sources`: rows of the statement; `assembly`: the Provenance that carries it."""
    parsed = [(item, decode_own(item.resource)) for item in released]
    subject = next((r for _, r in parsed if f"{r['resourceType']}/{r['id']}" == scope.patient), None)
    if subject is None:
        raise ValueError("the subject is not among the released resources")
    urls = {name: _urn(name) for name in (f"{r['resourceType']}/{r['id']}" for _, r in parsed)}
    # One document has one subject: every source's Patient of the linked person is that one here.
    urls |= {name: urls[scope.patient] for name in urls if name.startswith("Patient/")}
    chosen: list[dict[str, Any]] = []
    sections = []
    medicines = {f"Medication/{r['id']}": r for _, r in parsed if r["resourceType"] == "Medication"}
    for section in SECTIONS:
        built = _section(section, parsed, medicines, urls, chosen)
        if built:
            sections.append(built)
    sections.append(_sources_section(sources))
    composition = _composition(scope, urls[scope.patient], sections)
    members = [composition, subject, *_closure([*chosen, subject], parsed), _author(scope), assembly]
    entries = [
        Entry(_full_url(m, urls), encode(_relinked(m, urls))) for m in members
    ]  # fmt: skip
    identifier = _urn(f"ips/{scope.node}/{scope.patient}")
    return document(
        entries, id=scope.bundle_id, identifier=identifier, timestamp=scope.at, security=scope.security
    )


def _section(
    section: Section,
    parsed: Sequence[tuple[Released, dict[str, Any]]],
    medicines: Mapping[str, dict[str, Any]],
    urls: Mapping[str, str],
    chosen: list[dict[str, Any]],
) -> dict[str, Any] | None:
    found = sorted(
        ((item, r) for item, r in parsed if section.matches(r)),
        key=lambda pair: (when(pair[1]), pair[1]["id"]),
        reverse=True,
    )
    shown = found[: section.limit] if section.limit else found
    if not shown and not section.required:
        return None
    built: dict[str, Any] = {"title": section.title, "code": _code(section.code)}
    if not shown:
        built["text"] = _generated(
            paragraph("No information is available here. This is not a statement of absence.")
        )
        built["emptyReason"] = _empty("unavailable")
        return built
    rows = [(*section.line(_with_medicine(r, medicines)), item.custodian) for item, r in shown]
    more = [paragraph(f"{len(found) - len(shown)} more exist.")] if len(found) > len(shown) else []
    built["text"] = _generated(table((*section.headings, "Source"), rows), *more)
    built["entry"] = [{"reference": urls[f"{r['resourceType']}/{r['id']}"]} for _, r in shown]
    chosen.extend(r for _, r in shown if r not in chosen)
    return built


def _with_medicine(resource: dict[str, Any], medicines: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """For reading: a medicine that is only referred to, among the entries or contained, has its own name."""
    reference = str(resource.get("medicationReference", {}).get("reference", ""))
    contained = {f"#{inner.get('id')}": inner for inner in resource.get("contained", [])}
    medicine = medicines.get(reference) or contained.get(reference)
    return resource | {"medicationCodeableConcept": medicine.get("code", {})} if medicine else resource


def _sources_section(sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = [(str(s["org"]), str(s.get("source", "")), str(s["state"]), _as_of(s), _why(s)) for s in sources]
    note = paragraph("Information may have been withheld. Absence here is not evidence of absence.")
    return {
        "title": "Sources",
        "code": {"coding": [{"system": "urn:carepact:completeness", "code": "sources"}], "text": "Sources"},
        "text": _generated(table(("Organisation", "System", "State", "As of", "Reason"), rows), note),
    }


def _why(source: Mapping[str, Any]) -> str:
    """Why there is nothing of it, or what it says itself that it lacks."""
    said = [source.get("reason"), *source.get("incomplete", ())]
    return ", ".join(str(word) for word in said if word)


def _as_of(source: Mapping[str, Any]) -> str:
    seconds = source.get("as_of")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds else ""


def _closure(
    chosen: Sequence[dict[str, Any]],
    parsed: Sequence[tuple[Released, dict[str, Any]]],
) -> list[dict[str, Any]]:
    """What `chosen` and all that is released point at, each once, in a stable order; without Patients."""
    by_reference = {f"{r['resourceType']}/{r['id']}": r for _, r in parsed if r["resourceType"] != "Patient"}
    members: dict[str, dict[str, Any]] = {}
    waiting = list(chosen)
    while waiting:
        resource = waiting.pop(0)
        name = f"{resource['resourceType']}/{resource['id']}"
        if name in members:
            continue
        members[name] = resource
        waiting.extend(by_reference[ref] for ref in _references(resource) if ref in by_reference)
    return [member for name, member in members.items() if not name.startswith("Patient/")]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [ref for child in node.values() for ref in _references(child)]
    return [ref for child in node for ref in _references(child)] if isinstance(node, list) else []


def _relinked(node: Any, urls: Mapping[str, str]) -> Any:
    """A copy in which references into the document are its `urn:uuid` names; others stay as they are."""
    if isinstance(node, dict):
        return {
            key: urls.get(child, child)
            if key == "reference" and isinstance(child, str)
            else _relinked(child, urls)
            for key, child in node.items()
        }
    return [_relinked(child, urls) for child in node] if isinstance(node, list) else node


def _composition(scope: Scope, patient: str, sections: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "id": _short(f"composition/{scope.patient}/{scope.at}"),
        "meta": {"profile": [COMPOSITION_PROFILE]},
        "text": _generated(paragraph("International Patient Summary")),
        "status": "final",
        "type": _code("60591-5", "Patient summary Document"),
        "subject": {"reference": patient},
        "date": scope.at,
        "author": [{"reference": _urn(f"Organization/{scope.node}")}],
        "title": "International Patient Summary",
        "confidentiality": scope.confidentiality,
        "section": sections,
    }


def _author(scope: Scope) -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "id": _short(f"Organization/{scope.node}"),
        "identifier": [{"system": "urn:carepact:member", "value": scope.node}],
        "name": scope.node,
    }


def _full_url(resource: Mapping[str, Any], urls: Mapping[str, str]) -> str:
    name = f"{resource['resourceType']}/{resource['id']}"
    if resource["resourceType"] == "Organization" and name not in urls:
        return _urn(f"Organization/{resource['name']}")
    return urls.get(name, _urn(name))


def _urn(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, name)}"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:26]


def _generated(*blocks: str) -> dict[str, str]:
    return {"status": "generated", "div": div(*blocks)}


def _code(code: str, display: str | None = None) -> dict[str, Any]:
    return {"coding": [{"system": _LOINC, "code": code} | ({"display": display} if display else {})]}


def _empty(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": code}]}
