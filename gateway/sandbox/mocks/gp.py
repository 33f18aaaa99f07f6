"""Mock GP system: GP Connect Access Record Structured 1.6, FHIR STU3.

One operation, `POST /Patient/$gpc.getstructuredrecord`, and `GET /metadata`.

A request is checked in this order, as the specification orders, and the first failure is the answer:
1 interaction headers, 2 the audit token, 3 media type, 4 the Parameters, 5 the NHS number, 6 the patient.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.sandbox.mocks import gp_resources as stu3
from gateway.sandbox.mocks.facts import Facts, Patient
from gateway.sandbox.mocks.faults import Fault
from gateway.sandbox.mocks.files import GivenFile, given_bundle
from gateway.sandbox.mocks.gp_record import record_of, remark_unknown
from gateway.sandbox.mocks.gp_request import Refusal, StructuredRequest, check_headers, read_parameters
from gateway.sandbox.mocks.jsontext import encode_json
from gateway.sandbox.mocks.population import Population, disguise, is_nhs_number
from gateway.sandbox.mocks.provider import Provider
from gateway.sandbox.mocks.server import Reply, Request

OPERATION = "/Patient/$gpc.getstructuredrecord"
_FHIR = "application/fhir+json;charset=utf-8"


class GPMock(Provider):
    """Answers for the population, or with given STU3 Bundles unchanged. Base address: `mock.url`."""

    name = "gp"

    def __init__(self, population: Population, *, port: int = 0, files: Sequence[Path] = ()) -> None:
        super().__init__(population, port=port, files=files)
        self._kept: dict[tuple[str, str, str], bytes] = {}

    def read_file(self, path: Path) -> GivenFile:
        return given_bundle(path)

    async def answer(self, request: Request, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        if request.path == "/metadata" and request.method == "GET":
            return Reply(200, encode_json(_capability()), _FHIR), None
        if request.path.replace("%24", "$") != OPERATION:
            return _refuse(Refusal(404, "not-found", "NO_RECORD_FOUND", "No record found")), None
        if request.method != "POST":
            return _refuse(Refusal(405, "not-supported", "BAD_REQUEST", "Method not allowed")), None
        try:
            check_headers(request)
            asked = read_parameters(request.body)
            return self._record(asked, mixed_up)
        except Refusal as refusal:
            return _refuse(refusal), None

    def _record(self, asked: StructuredRequest, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        if self.files:
            return self._given_record(asked, mixed_up)
        if asked.system != stu3.NHS_NUMBER:
            raise Refusal(400, "value", "INVALID_IDENTIFIER_SYSTEM", "Invalid identifier system")
        if not is_nhs_number(asked.number):
            raise Refusal(400, "value", "INVALID_NHS_NUMBER", "Invalid NHS number")
        patient = self.population.find_by_number(asked.number)
        if patient is None or patient.gp is None:
            raise Refusal(404, "not-found", "PATIENT_NOT_FOUND", "Patient not found")
        shown, facts = self._mix_up(patient, patient.gp, mixed_up)
        return Reply(200, self._rendered(shown, facts, asked), _FHIR), patient.label

    def _rendered(self, shown: Patient, facts: Facts, asked: StructuredRequest) -> bytes:
        """The answer's bytes, kept: a measurement of the node must not measure this mock."""
        key = (shown.label, shown.person.nhs_number, repr((asked.wanted, asked.unknown)))
        if key not in self._kept:
            bundle = record_of(shown, facts, asked.wanted, self.population.today)
            self._kept[key] = encode_json(remark_unknown(bundle, asked.unknown))
        return self._kept[key]

    def _mix_up(self, patient: Patient, facts: Facts, fault: Fault | None) -> tuple[Patient, Facts]:
        """The patient whose record is shown: herself, or under the fault somebody else.

        `disguised`: the other person's record carries the number that was asked for.
        """
        other = self.population.other_than(patient, self.name) if fault is not None else None
        if fault is None or other is None or other.gp is None:
            return patient, facts
        return (disguise(other, patient) if fault.parameters.get("disguised") else other), other.gp

    def _given_record(self, asked: StructuredRequest, mixed_up: Fault | None) -> tuple[Reply, str | None]:
        """The bytes of the file in which the identifier stands, whatever it looks like."""
        usable = [given for given in self.files if given.refused is None]
        for n, given in enumerate(usable):
            if (asked.system, asked.number) in given.identifiers:
                shown = usable[(n + 1) % len(usable)] if mixed_up is not None else given
                return Reply(200, shown.parts[0], _FHIR), given.name
        raise Refusal(404, "not-found", "PATIENT_NOT_FOUND", "Patient not found")


def _refuse(refusal: Refusal) -> Reply:
    """An OperationOutcome with the Spine code (GP Connect, error handling)."""
    coding = {"system": stu3.ERROR_CODES, "code": refusal.code, "display": refusal.display}
    issue = {"severity": "error", "code": refusal.issue, "details": {"coding": [coding]}}
    outcome: dict[str, Any] = {
        "resourceType": "OperationOutcome",
        "meta": stu3.outcome_meta(),
        "issue": [issue | ({"diagnostics": refusal.diagnostics} if refusal.diagnostics else {})],
    }
    return Reply(refusal.status, encode_json(outcome), _FHIR)


def _capability() -> dict[str, Any]:
    operation = {
        "name": "gpc.getstructuredrecord",
        "definition": {
            "reference": "https://fhir.nhs.uk/STU3/OperationDefinition/"
            "GPConnect-GetStructuredRecord-Operation-1/_history/1.21"
        },
    }
    return {
        "resourceType": "CapabilityStatement",
        "version": "1.6.2",
        "status": "active",
        "kind": "instance",
        "fhirVersion": "3.0.1",
        "acceptUnknown": "both",
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "resource": [{"type": "Patient"}], "operation": [operation]}],
    }
