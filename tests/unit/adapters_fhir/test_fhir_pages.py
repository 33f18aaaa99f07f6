"""What a server says of itself and on its pages: read for what it declares, never guessed."""

import pytest

from adapters import codec
from adapters.errors import SourceMalformed
from adapters.fhir_r4.capability import Search, capability_from_statement
from adapters.fhir_r4.pages import original_from_pages, page_from_answer

JSON = "application/fhir+json; charset=utf-8"


def statement(*resources, version="4.0.1"):
    return {"fhirVersion": version, "rest": [{"mode": "server", "resource": list(resources)}]}


def kind(name, *parameters, **members):
    return {"type": name, "searchParam": [{"name": one} for one in parameters]} | members


def test_everything_is_asked_only_where_it_is_declared():
    """By the standard's definition, or by its name; another operation is not it."""
    named = kind("Patient", operation=[{"name": "everything"}])
    defined = kind("Patient", operation=[{
        "name": "all", "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything|4.0.1",
    }])  # fmt: skip
    assert capability_from_statement(statement(named)).everything
    assert capability_from_statement(statement(defined)).everything
    assert not capability_from_statement(statement(kind("Patient", operation=[{"name": "match"}]))).everything
    assert not capability_from_statement(
        statement(kind("Encounter", operation=[{"name": "everything"}]))
    ).everything


def test_types_are_searched_by_the_parameter_that_the_server_has():
    """patient before subject before beneficiary; only types that are carried; only includes of a record."""
    found = capability_from_statement(
        statement(
            kind("Condition", "subject", "patient"),
            kind("Composition", "subject"),
            kind("Coverage", "beneficiary"),
            kind("Claim", "patient"),
            kind("Practitioner", "name"),
            kind("Observation", "code"),
            kind("MedicationRequest", "patient",
                 searchInclude=["*", "MedicationRequest:medication", "MedicationRequest:insurance"]),
        )
    ).searches  # fmt: skip
    assert found == (
        Search("Condition", "patient"),
        Search("Composition", "subject"),
        Search("Coverage", "beneficiary"),
        Search("MedicationRequest", "patient", ("MedicationRequest:medication",)),
    )


@pytest.mark.parametrize("version", ["3.0.2", "4.3.0", "5.0.0", "40.1", None, 4])
def test_only_fhir_4_0_is_spoken(version):
    """R4B and R5 are other standards, however near."""
    assert not capability_from_statement(statement(version=version)).speaks_r4
    assert capability_from_statement(statement(version="4.0.0")).speaks_r4


def test_odd_statements_declare_nothing():
    """What is not as the standard has it is not there; no exception."""
    for odd in (
        {},
        {"rest": 5},
        {"rest": [5, {"mode": "client"}]},
        statement(5, {"type": []}, {"searchParam": 1}),
    ):
        capability = capability_from_statement(odd)
        assert not capability.everything and not capability.searches


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("text/html", b"{}"),
        (JSON, b"{"),
        (JSON, b"[]"),
        (JSON, b'{"resourceType":"Patient"}'),
        (JSON, b'{"resourceType":"Bundle","x":' + b"[" * 61 + b"]" * 61 + b"}"),
    ],
)
def test_what_is_no_page_is_malformed(media, body):
    """Another type, no JSON, no Bundle, or nested so deep that it would spoil the pages beside it."""
    with pytest.raises(SourceMalformed):
        page_from_answer(media, body)


def test_a_page_says_what_is_missing():
    """An outcome with an error among the matches makes the page short; a remark does not."""

    def page(severity, code):
        issue = {"severity": severity, "code": code}
        outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
        return page_from_answer(
            JSON, codec.encode({"resourceType": "Bundle", "entry": [{"resource": outcome}]})
        )

    assert page("error", "exception").short
    assert page("warning", "incomplete").short
    assert not page("information", "informational").short


def test_pages_stand_in_the_original_byte_by_byte():
    """What is kept as the original is what came, white space and digits too."""
    pages = [b'{ "resourceType":"Bundle",\n "total": 1.0 }', b'{"resourceType":"Bundle"}']
    original = original_from_pages(pages, 1)
    assert all(page in original for page in pages)
    assert len(codec.decode(original)["entry"]) == 3
