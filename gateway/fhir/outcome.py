"""OperationOutcome: what went wrong, and what became of each source (FHIR R4 2.37.4, http-api.md 4 and 7)."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors import Problem

ERROR_SYSTEM = "urn:carepact:error"
COMPLETENESS_SYSTEM = "urn:carepact:completeness"
STATEMENT_EXTENSION = "urn:carepact:statement"
SUPPRESSED = "Information may have been withheld. Absence here is not evidence of absence."

_ISSUES = {
    "timed-out": ("warning", "timeout", "did not answer in time"),
    "failed": ("warning", "transient", "could not be asked, or its answer could not be used"),
    "not-available": ("warning", "incomplete", "nothing available"),
    "no-record": ("warning", "incomplete", "does not know the patient"),
    "withheld": ("warning", "incomplete", "did not release anything"),
    "not-asked": ("warning", "informational", "was not asked"),
}


_WARNINGS = {
    "confidential-items": "holds items back as confidential",
    "data-in-transit": "waits for a part of the record from a former practice",
    "data-awaiting-filing": "holds data that are not filed into the record yet",
}
"""What a source may say itself about its own answer."""


def problem_outcome(problem: Problem) -> dict[str, Any]:
    """One issue of the closed table; `expression` and the hint name parameters and commands, never values.

    Where nobody answered, the issues of an answer's outcome entry follow, with the signed statement.
    """
    issue: dict[str, Any] = {
        "severity": "error",
        "code": problem.category.issue,
        "details": {
            "coding": [{"system": ERROR_SYSTEM, "code": problem.category.name}],
            "text": problem.category.text,
        },
    }
    if problem.hint:
        issue["diagnostics"] = problem.hint
    if problem.expression:
        issue["expression"] = [problem.expression]
    if not problem.sources:
        return {"resourceType": "OperationOutcome", "issue": [issue]}
    outcome = completeness_outcome(problem.sources, problem.statement, None)
    return outcome | {"issue": [issue, *outcome["issue"]]}


def completeness_issues(
    sources: Sequence[Mapping[str, Any]], truncated: str = "partial"
) -> list[dict[str, Any]]:
    """One issue per source that is not `answered` in full or warns, and the constant `suppressed` one."""
    issues = [_source_issue(source) for source in sources if source["state"] != "answered"]
    issues += [
        _issue("warning", "incomplete", truncated, f"{_name(source)}: a part of the answer is missing")
        for source in sources
        if source["state"] == "answered" and source.get("truncated")
    ]
    issues += [
        _issue("warning", "incomplete", code, f"{_name(source)} {_WARNINGS[code]}")
        for source in sources
        for code in source.get("incomplete", ())
        if code in _WARNINGS
    ]
    return [*issues, _issue("information", "suppressed", "suppressed", SUPPRESSED)]


def completeness_outcome(
    sources: Sequence[Mapping[str, Any]], statement: bytes | None, id: str | None
) -> dict[str, Any]:
    """The outcome entry of an answer; `statement`: the signed completeness block, base64 in an extension."""
    outcome: dict[str, Any] = {"resourceType": "OperationOutcome"} | ({"id": id} if id else {})
    if statement is not None:
        outcome["extension"] = [
            {"url": STATEMENT_EXTENSION, "valueBase64Binary": base64.b64encode(statement).decode("ascii")}
        ]
    outcome["issue"] = completeness_issues(sources)
    return outcome


def _source_issue(source: Mapping[str, Any]) -> dict[str, Any]:
    severity, code, words = _ISSUES[source["state"]]
    reason = f" ({source['reason']})" if source.get("reason") else ""
    return _issue(severity, code, source["state"], f"{_name(source)} {words}{reason}")


def _name(source: Mapping[str, Any]) -> str:
    return f"{source['org']}/{source['source']}" if source.get("source") else str(source["org"])


def _issue(severity: str, code: str, state: str, text: str) -> dict[str, Any]:
    return {
        "severity": severity,
        "code": code,
        "details": {"coding": [{"system": COMPLETENESS_SYSTEM, "code": state}], "text": text},
    }
