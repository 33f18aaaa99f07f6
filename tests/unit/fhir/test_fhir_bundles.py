"""Bundles spliced from stored bytes, outcomes, and what a capability statement says."""

import json

import pytest

from gateway.errors import CATEGORIES, Problem
from gateway.fhir.bundle import Entry, document, searchset
from gateway.fhir.capability import capability_statement
from gateway.fhir.json import joined_array, spliced
from gateway.fhir.outcome import completeness_issues, completeness_outcome, problem_outcome

RAW = b'{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.10,"x":1e-7,"y":0.00100,"z":100.0}}'


def test_stored_bytes_leave_as_they_are():
    """A resource stands in the Bundle byte by byte: decimals keep their digits, members their order."""
    bundle = searchset(
        [Entry("http://x/Observation/o", RAW, "match")],
        id="b", timestamp="2026-01-01T00:00:00Z", self_url="http://x/Observation", total=1,
    )  # fmt: skip
    assert RAW in bundle
    value = json.loads(bundle)
    assert value["entry"][0]["search"] == {"mode": "match"}
    assert value["entry"][0]["fullUrl"] == "http://x/Observation/o"


def test_an_empty_bundle_has_no_empty_list():
    """FHIR has no empty arrays; without a total there is no count either."""
    value = json.loads(searchset([], id="b", timestamp="t", self_url="u"))
    assert "entry" not in value
    assert "total" not in value
    assert "meta" not in value


def test_a_document_has_identifier_and_timestamp_and_no_search():
    """FHIR R4 3.3: a document is no search result."""
    value = json.loads(document([Entry("urn:uuid:1", RAW)], id="b", identifier="urn:uuid:2", timestamp="t"))
    assert value["type"] == "document"
    assert value["identifier"] == {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:2"}
    assert "search" not in value["entry"][0]


@pytest.mark.parametrize("members", [{}, {"a": 1}, {"a": {"b": []}}])
def test_splicing_is_json(members):
    """Whatever comes before, the spliced member is last and the whole is JSON."""
    value = json.loads(spliced(members, 'na"me', joined_array([b"1.10", b"{}"])))
    assert value == members | {'na"me': [1.10, {}]}


def test_every_category_renders_with_its_row():
    """Code, text and category of the closed table; hint and expression only where given."""
    for name, row in CATEGORIES.items():
        (issue,) = problem_outcome(Problem(name))["issue"]
        assert (issue["code"], issue["details"]["text"]) == (row.issue, row.text)
        assert issue["details"]["coding"] == [{"system": "urn:carepact:error", "code": name}]
        assert issue.keys() == {"severity", "code", "details"}
    (issue,) = problem_outcome(Problem("invalid", expression="_type", hint="x"))["issue"]
    assert (issue["expression"], issue["diagnostics"]) == (["_type"], "x")


def test_an_outcome_has_one_issue_for_each_source_that_is_not_answered_in_full():
    """Answered in full: none. Truncated, failed, late, not asked, not available: one each, and the constant."""
    rows = [
        {"org": "a", "source": "s", "state": "answered", "truncated": 0},
        {"org": "b", "source": "s", "state": "answered", "truncated": 2},
        {"org": "c", "source": "s", "state": "failed", "reason": "malformed"},
        {"org": "d", "source": "s", "state": "timed-out"},
        {"org": "e", "source": "s", "state": "not-asked", "reason": "no-dsa"},
        {"org": "f", "source": "s", "state": "not-available"},
    ]
    issues = completeness_issues(rows)
    told = {i["details"]["coding"][0]["code"]: (i["severity"], i["code"]) for i in issues}
    assert told == {
        "partial": ("warning", "incomplete"),
        "failed": ("warning", "transient"),
        "timed-out": ("warning", "timeout"),
        "not-asked": ("warning", "informational"),
        "not-available": ("warning", "incomplete"),
        "suppressed": ("information", "suppressed"),
    }
    assert len(issues) == 6
    assert not any(issue["details"]["text"].startswith("a/s") for issue in issues)


def test_outcomes_are_valid_fhir():
    """Both kinds hold as R4 OperationOutcome."""
    from fhir.resources.R4B.operationoutcome import OperationOutcome

    rows = [{"org": "a", "source": "s", "state": "failed", "reason": "malformed"}]
    OperationOutcome.model_validate(completeness_outcome(rows, b"block", "o-1"))
    OperationOutcome.model_validate(
        problem_outcome(Problem("no_source_answered", sources=rows, statement=b"x"))
    )


def test_a_capability_statement_has_only_its_rows():
    """No rows, no resources; an operation is no interaction."""
    made = capability_statement([], base="b", token_url="t", version="1", date="2026-01-01")
    assert made["rest"][0]["resource"] == []
    made = capability_statement(
        [("Patient", "$summary"), ("Patient", "search-type")],
        base="b", token_url="t", version="1", date="2026-01-01",
    )  # fmt: skip
    (patient,) = made["rest"][0]["resource"]
    assert patient["interaction"] == [{"code": "search-type"}]
    assert [operation["name"] for operation in patient["operation"]] == ["summary"]
