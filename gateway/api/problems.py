"""Errors as FHIR OperationOutcome, and the headers that every reply carries (http-api.md 1 and 7)."""

from starlette.responses import Response

from gateway.errors import Problem
from gateway.fhir.json import encode
from gateway.fhir.outcome import problem_outcome

FHIR_JSON = "application/fhir+json; fhirVersion=4.0"


def problem_response(problem: Problem, *, allow: str | None = None) -> Response:
    """The one rendering: 401 names the scheme, 405 the methods that exist, 503 when to come back."""
    headers = {}
    if problem.category.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if allow:
        headers["Allow"] = allow
    if problem.category.status in (429, 503):
        headers["Retry-After"] = "5"
    return Response(
        encode(problem_outcome(problem)),
        status_code=problem.category.status,
        media_type=FHIR_JSON,
        headers=headers,
    )
