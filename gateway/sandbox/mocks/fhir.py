"""Mock FHIR R4 server: what any vendor's R4 API offers (http.html, search.html, Patient/$everything).

`GET /metadata`; `POST /{type}/_search` (form) by `identifier` for Patient and by `patient` for the rest;
`GET /Patient/{id}/$everything` if it is offered. Searches are paged: `link[next]` is an opaque address of
this server, which shows the rest of the same search. `offers_everything=False` makes a server that has
searches only; `version` one that speaks another FHIR.
"""

from collections.abc import Sequence
from typing import Any

from gateway.sandbox.mocks.facts import Patient
from gateway.sandbox.mocks.faults import Fault
from gateway.sandbox.mocks.fhir_resources import DOCTOR, JSON, NHS_NUMBER, resources_of
from gateway.sandbox.mocks.jsontext import encode_json
from gateway.sandbox.mocks.population import Population, disguise
from gateway.sandbox.mocks.provider import Provider
from gateway.sandbox.mocks.server import Reply, Request

_FHIR = "application/fhir+json; charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
_TYPES = (
    "AllergyIntolerance Condition DiagnosticReport Encounter Immunization MedicationRequest Observation"
).split()


class FHIRMock(Provider):
    """Serves what the GP knows of the population, in R4. Base address: `mock.url`."""

    name = "fhir"

    def __init__(
        self,
        population: Population,
        *,
        port: int = 0,
        offers_everything: bool = True,
        version: str = "4.0.1",
        page: int = 5,
        loops: bool = False,
        elsewhere: str | None = None,
    ) -> None:
        """`page`: most entries on a page, whatever is asked. `loops`: the last page leads to the first.
        `elsewhere`: another origin that the next pages are said to be at.
        """
        super().__init__(population, port=port)
        self._offers_everything = offers_everything
        self._version = version
        self._page = page
        self._loops = loops
        self._elsewhere = elsewhere
        self._pages: dict[str, tuple[JSON, ...]] = {}

    def describe(self) -> dict[str, Any]:
        """The population with its numbers; this server knows whom the GP knows."""
        known = {one.label: one.counts()["gp"] for one in self.population.known_to("gp")}
        described = super().describe()
        return described | {
            "patients": [
                row | {"known": row["label"] in known} | known.get(row["label"], {})
                for row in described["patients"]
            ]
        }

    def can_mix_up(self) -> bool:
        return len(self.population.known_to("gp")) > 1

    async def answer(self, request: Request, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        match request.method, request.path.strip("/").replace("%24", "$").split("/"):
            case "GET", ["metadata"]:
                return Reply(200, encode_json(self._capability()), _FHIR), None
            case "POST", [kind, "_search"]:
                if request.media_type != _FORM:
                    return _outcome(415, "not-supported"), None
                return self._search(kind, dict((*request.query, *request.form)), mixed_up)
            case "GET", ["Patient", key, "$everything"] if self._offers_everything:
                return self._everything(key, mixed_up)
            case "GET", ["pages", token] if token in self._pages:
                return self._shown(self._pages[token]), None
        return _outcome(404, "not-found"), None

    def _search(self, kind: str, query: dict[str, str], mixed_up: Fault | None) -> tuple[Reply, str | None]:
        if kind == "Patient":
            system, _, number = query.get("identifier", "").partition("|")
            patient = self.population.find_by_number(number) if system == NHS_NUMBER else None
            found = [] if patient is None or patient.gp is None else self._record(patient, None)[:1]
            return self._shown(tuple(found)), patient.label if found and patient else None
        if kind not in _TYPES or set(query) - {"patient", "_count", "_include"}:
            return _outcome(400, "not-supported"), None
        patient = self._patient(query.get("patient", "").removeprefix("Patient/"))
        if patient is None:
            return self._shown(()), None
        found = [one for one in self._record(patient, mixed_up) if one["resourceType"] == kind]
        includes = [DOCTOR] if found and query.get("_include", "").startswith(f"{kind}:") else []
        return self._shown((*found, *includes)), patient.label

    def _everything(self, key: str, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        patient = self._patient(key)
        if patient is None:
            return _outcome(404, "not-found"), None
        return self._shown(tuple(self._record(patient, mixed_up))), patient.label

    def _patient(self, key: str) -> Patient | None:
        known = self.population.known_to("gp")
        return next((one for one in known if f"p{one.person.serial}-pat" == key), None)

    def _record(self, patient: Patient, mixed_up: Fault | None) -> Sequence[JSON]:
        """Her record; under the fault somebody else's, `disguised`: with her number on it."""
        other = self.population.other_than(patient, "gp") if mixed_up is not None else None
        shown = patient
        if mixed_up is not None and other is not None:
            shown = disguise(other, patient) if mixed_up.parameters.get("disguised") else other
        return resources_of(shown, shown.gp, self.population.today.isoformat()) if shown.gp else []

    def _shown(self, found: tuple[JSON, ...]) -> Reply:
        """One page, and a `next` while there is more."""
        now, rest = found[: self._page], found[self._page :]
        links = [{"relation": "self", "url": f"{self.url}/"}]
        if rest or (self._loops and found):
            token = self._token(rest or found)
            links.append({"relation": "next", "url": f"{self._elsewhere or self.url}/pages/{token}"})
        bundle: JSON = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
        if now:
            bundle["entry"] = [
                {
                    "fullUrl": f"{self.url}/{one['resourceType']}/{one['id']}",
                    "resource": one,
                    "search": {"mode": "match"},
                }
                for one in now
            ]
        return Reply(200, encode_json(bundle), _FHIR)

    def _token(self, rest: tuple[JSON, ...]) -> str:
        """The address of these results: the same ones are always at the same address."""
        for token, known in self._pages.items():
            if known == rest:
                return token
        token = f"{len(self._pages):x}"
        self._pages[token] = rest
        return token

    def _capability(self) -> JSON:
        patient: JSON = {
            "type": "Patient",
            "interaction": [{"code": "search-type"}],
            "searchParam": [{"name": "identifier", "type": "token"}],
        }
        if self._offers_everything:
            definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
            patient["operation"] = [{"name": "everything", "definition": definition}]
        others = [
            {
                "type": kind,
                "interaction": [{"code": "search-type"}],
                "searchInclude": [f"{kind}:recorder", f"{kind}:requester", f"{kind}:performer"],
                "searchParam": [{"name": "patient", "type": "reference"}],
            }
            for kind in _TYPES
        ]
        return {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": self.population.today.isoformat(),
            "kind": "instance",
            "fhirVersion": self._version,
            "format": ["application/fhir+json"],
            "rest": [{"mode": "server", "resource": [patient, *others]}],
        }


def _outcome(status: int, code: str) -> Reply:
    issue: dict[str, Any] = {"severity": "error", "code": code}
    return Reply(status, encode_json({"resourceType": "OperationOutcome", "issue": [issue]}), _FHIR)
