"""Mock specialist: a CDA document server as in IHE MHD (ITI-67 and ITI-68, FHIR R4).

`POST /DocumentReference/_search` (form) or `GET /DocumentReference`, both with
`patient.identifier=system|value` and `status=current`, give a searchset; `GET /documents/{id}`
the XML. `_count` pages the search, `link[next]` leads on.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from gateway.sandbox.mocks.cda import CLINIC_OID
from gateway.sandbox.mocks.cda_document import MRN_OID, document_id, document_of
from gateway.sandbox.mocks.facts import Patient
from gateway.sandbox.mocks.faults import Fault
from gateway.sandbox.mocks.files import NHS_NUMBER, GivenFile, given_document
from gateway.sandbox.mocks.jsontext import encode_json
from gateway.sandbox.mocks.population import disguise
from gateway.sandbox.mocks.provider import Provider
from gateway.sandbox.mocks.server import Reply, Request

_FHIR = "application/fhir+json; charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
_TYPES = {"code": "11488-4", "display": "Consult note"}


@dataclass(frozen=True, slots=True)
class _Document:
    """One document: its address at the server, its bytes, and what the search says of it."""

    key: str
    body: bytes
    owner: str
    title: str
    kind: dict[str, str]
    at: str | None
    marks: tuple[str, ...] = ()


class SpecialistMock(Provider):
    """Serves the letters of the population, or given documents unchanged. Base address: `mock.url`."""

    name = "specialist"

    def read_file(self, path: Path) -> GivenFile:
        return given_document(path)

    async def answer(self, request: Request, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        match request.method, request.path:
            case "GET", "/DocumentReference":
                return self._search(request.query)
            case "POST", "/DocumentReference/_search":
                if request.media_type != _FORM:
                    return _outcome(415, "not-supported", "a search by POST is a form"), None
                return self._search((*request.query, *request.form))
        if request.path.startswith("/documents/") and request.method == "GET":
            return self._retrieve(request.path.removeprefix("/documents/"), mixed_up)
        return _outcome(404, "not-found", "no such address"), None

    def _search(self, pairs: tuple[tuple[str, str], ...]) -> tuple[Reply, str | None]:
        query = dict(pairs)
        system, bar, value = query.get("patient.identifier", "").partition("|")
        if not bar or not value:
            return _outcome(400, "required", "patient.identifier must be system|value"), None
        found = list(self._documents(system, value))
        owner = found[0].owner if found else None
        if query.get("status", "current") != "current":
            found = []
        try:
            count, start = int(query.get("_count", "100")), int(query.get("_offset", "0"))
        except ValueError:
            count, start = 0, 0
        if count < 1 or start < 0:
            return _outcome(400, "invalid", "_count must be a positive number"), None
        bundle = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "link": self._links(query, count, start, len(found)),
            "entry": [
                {
                    "fullUrl": f"{self.url}/DocumentReference/{document.key}",
                    "resource": self._reference(document, system, value),
                    "search": {"mode": "match"},
                }
                for document in found[start : start + count]
            ],
        }
        if not bundle["entry"]:
            del bundle["entry"]
        return Reply(200, encode_json(bundle), _FHIR), owner

    def _links(self, query: dict[str, str], count: int, start: int, total: int) -> list[dict[str, str]]:
        """`self`, and `next` while there is more. The next page is a GET, as FHIR paging is."""
        links = [{"relation": "self", "url": f"{self.url}/DocumentReference"}]
        if start + count < total:
            further = urlencode(query | {"_count": str(count), "_offset": str(start + count)})
            links.append({"relation": "next", "url": f"{self.url}/DocumentReference?{further}"})
        return links

    def _reference(self, document: _Document, system: str, value: str) -> dict[str, Any]:
        digest = hashlib.sha1(document.body, usedforsecurity=False).digest()
        attachment = {
            "contentType": "text/xml",
            "url": f"{self.url}/documents/{document.key}",
            "size": len(document.body),
            "hash": base64.b64encode(digest).decode("ascii"),
            "title": document.title,
        }
        layout = {
            "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
            "code": "urn:hl7-org:sdwg:ccda-structuredBody:2.1",
        }
        resource: dict[str, Any] = {
            "resourceType": "DocumentReference",
            "id": document.key,
            "masterIdentifier": {"system": f"urn:oid:{CLINIC_OID}", "value": document.key},
            "status": "current",
            "type": {"coding": [{"system": "http://loinc.org", **document.kind}]},
            "subject": {"identifier": {"system": system, "value": value}},
            "content": [{"attachment": attachment, "format": layout}],
        }
        if document.at is not None:
            resource["date"] = document.at
        else:
            # A given file has an id of its own inside, which this server does not know.
            del resource["masterIdentifier"]
        if document.marks:
            labels = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]
            resource["securityLabel"] = [{"coding": [label]} for label in labels]
        return resource

    def _retrieve(self, key: str, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        """The bytes of a document; under the fault those of somebody else's, at the same address."""
        every = list(self._every)
        for document in every:
            if document.key == key:
                shown = self._mix_up(document, every, mixed_up) if mixed_up is not None else document
                return Reply(200, shown.body, "text/xml; charset=utf-8"), document.owner
        return _outcome(404, "not-found", "no such document"), None

    def _mix_up(self, document: _Document, every: list[_Document], fault: Fault) -> _Document:
        """`disguised`: the other person's document carries the numbers of the one that was asked for."""
        patient = self.population.find(document.owner)
        other = self.population.other_than(patient, self.name) if patient is not None else None
        if patient is not None and other is not None and fault.parameters.get("disguised"):
            return next(self._letters(disguise(other, patient)))
        position = every.index(document)
        turned = every[position:] + every[:position]
        return next((candidate for candidate in turned if candidate.owner != document.owner), document)

    def _documents(self, system: str, value: str) -> Iterator[_Document]:
        """The documents of whoever has this identifier."""
        for n, given in enumerate(self.files):
            if (system, value) in given.identifiers:
                yield _given(n, given)
        for patient in () if self.files else self.population.known_to(self.name):
            own = ((NHS_NUMBER, patient.person.nhs_number), (f"urn:oid:{MRN_OID}", patient.person.mrn))
            if (system, value) in own:
                yield from (document for document in self._every if document.owner == patient.label)

    @cached_property
    def _every(self) -> tuple[_Document, ...]:
        """All documents, written once: a measurement of the node must not measure this mock."""
        given = tuple(_given(n, given) for n, given in enumerate(self.files) if given.refused is None)
        known = () if self.files else self.population.known_to(self.name)
        return given + tuple(document for patient in known for document in self._letters(patient))

    def _letters(self, patient: Patient) -> Iterator[_Document]:
        for letter in patient.letters:
            yield _Document(
                document_id(patient.person, letter),
                document_of(patient.person, letter),
                patient.label,
                letter.title,
                {"code": letter.kind.code, "display": letter.kind.display},
                letter.at,
                letter.marks,
            )


def _given(n: int, given: GivenFile) -> _Document:
    return _Document(f"file-{n}", given.parts[0], given.name, "Document", _TYPES, None)


def _outcome(status: int, code: str, text: str) -> Reply:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return Reply(status, encode_json({"resourceType": "OperationOutcome", "issue": [issue]}), _FHIR)
