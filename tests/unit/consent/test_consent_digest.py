"""The facts of a resource: what is derived, how it is stored, and whom it is about."""

from typing import Any

import pytest

from consent.digest import INLINE_LABEL, ResourceContext, digest
from consent.facts import facts_from_bytes, facts_to_bytes
from consent.instants import interval
from consent.labels import labels_from_security
from consent.vocabulary import LADDER, system_name

HERE = ResourceContext("gp-fern")
V3 = "http://terminology.hl7.org/CodeSystem/v3-"


def level(security: Any, **context: Any) -> str:
    return LADDER[labels_from_security(security, **context).confidentiality]


@pytest.mark.parametrize(("security", "labelled", "want"), [
    (None, True, "N"), (None, False, "V"), ([], False, "V"),
    ([{"system": V3 + "Confidentiality", "code": "L"}], True, "L"),
    ([{"system": V3 + "Confidentiality", "code": "L"}, {"system": V3 + "Confidentiality", "code": "V"}], True, "V"),
    ([{"system": V3 + "Confidentiality", "code": "SECRET"}], True, "V"),
    ([{"system": V3 + "Confidentiality"}], True, "V"),
    ([{"system": V3 + "ActCode", "code": "PSY"}], True, "R"),
    ([{"system": V3 + "ActCode", "code": "NODSCLCD"}], True, "N"),
    ([{"system": V3 + "ActReason", "code": "TREAT"}], True, "N"),
    ([{"system": V3 + "ObservationValue", "code": "REDACTED"}], True, "N"),
    ([{"system": "urn:ours", "code": "hush"}], True, "R"),
    ([{"display": "hush"}], True, "R"),
    (["hush"], True, "V"), ("R", True, "V"), ({"code": "R"}, True, "V"),
    ([{"system": "urn:oid:2.16.840.1.113883.5.25", "code": "V"}], True, "V"),
])  # fmt: skip
def test_confidentiality_is_the_highest_and_unreadable_is_high(
    security: Any, labelled: bool, want: str
) -> None:
    """The highest label counts; what is unknown raises it; without the labeller's pass nothing is normal."""
    assert level(security, labelled=labelled) == want


def test_sensitivities_and_tags_are_told_apart() -> None:
    """Privacy-law codes are tags whatever their system; obligations are nothing; unknown codes are sensitivities."""
    act = V3 + "ActCode"
    security = [{"system": act, "code": code} for code in ("PSY", "ODD", "DELAU", "OPTOUT", "42CFRPart2")]
    found = labels_from_security([*security, {"system": "urn:x", "code": "HIPAAPsyNotes"}], tags=("local",))
    assert found.sensitivities == ("ODD", "PSY")
    assert found.tags == ("42CFRPart2", "HIPAAPsyNotes", "local")


@pytest.mark.parametrize("system", [
    "http://hl7.org/fhir/v3/ActCode", "http://terminology.hl7.org/CodeSystem/v3-ActCode/",
    "http://terminology.hl7.org/ValueSet/v3-ActCode", "http://hl7.org/fhir/ValueSet/v3-InformationSensitivityPolicy",
    "https://terminology.hl7.org/ValueSet/v3-InformationSensitivityPolicy", "urn:oid:2.16.840.1.113883.5.4",
])  # fmt: skip
def test_spellings_of_a_system_are_one_name(system: str) -> None:
    """Old, value-set and OID spellings compare as the code system."""
    assert system_name(system) == V3 + "ActCode"


def span(text: str) -> tuple[int, int]:
    found = interval(text)
    assert found is not None
    return found


@pytest.mark.parametrize(("members", "want"), [
    ({"effectiveDateTime": "2024"}, (span("2024-01-01")[0], span("2024-12-31")[1])),
    ({"effectivePeriod": {"start": "2024-02"}, "effectiveDateTime": "2020"}, (span("2024-02-01")[0], None)),
    ({"onsetDateTime": "2020", "abatementDateTime": "2021-06"}, (span("2020")[0], span("2021-06")[1])),
    ({"onsetDateTime": "2020", "recordedDate": "2022"}, span("2020")),
    ({"recordedDate": "2022-05-06T07:08:09+02:00"}, (span("2022-05-06T05:08:09Z")[0],) * 2),
    ({"issued": "2022-05-06T07:08:09"}, (span("2022-05-06T07:08:09Z")[0],) * 2),
    ({"effectivePeriod": {}, "issued": "2022"}, None),
    ({"effectiveDateTime": "2022-02-30"}, None),
    ({"effectiveDateTime": "soon"}, None),
    ({"effectivePeriod": {"start": "2023", "end": "2022"}}, None),
    ({"effectivePeriod": ["2023"]}, None),
    ({}, None),
])  # fmt: skip
def test_clinical_interval(members: Any, want: Any) -> None:
    """Whole partial dates, first element by precedence, unbounded sides; what is no date is undated."""
    facts = digest({"resourceType": "Condition", "id": "c", **members}, HERE)
    assert facts.dated == (want is not None)
    assert (facts.start, facts.end) == (want or (None, None))


def test_leap_second_and_short_fractions_are_instants() -> None:
    """A fraction of any length is microseconds, a leap second the second before."""
    assert span("2016-12-31T23:59:60Z") == span("2016-12-31T23:59:59Z")
    assert span("2024-01-01T00:00:00.5Z")[0] - span("2024-01-01")[0] == 500_000
    assert interval("2024-01-01T25:00:00Z") is None
    assert interval("2024-13") is None
    assert interval("0000") is None


def test_codes_references_and_authors() -> None:
    """Principal codes are those of single concepts; references are plain; meta is left out."""
    facts = digest({
        "resourceType": "Procedure", "id": "p", "meta": {"tag": [{"coding": [{"system": "s", "code": "no"}]}]},
        "subject": {"reference": "https://x/fhir/Patient/p1/_history/2"},
        "code": {"coding": [{"system": "http://snomed.info/sct/", "code": "1"}, {"display": "no code"}]},
        "category": {"coding": [{"code": "2"}]},
        "performer": [{"actor": {"reference": "Practitioner/a"}}], "recorder": {"reference": "Practitioner/b"},
        "contained": [{"resourceType": "Device", "id": "d", "type": {"coding": [{"system": "s", "code": "3"}]}}],
    }, HERE)  # fmt: skip
    assert facts.principal == {"http://snomed.info/sct|1"}
    assert facts.codes == {"http://snomed.info/sct|1", "|2", "s|3"}
    assert facts.patients == ("Patient/p1",)
    assert facts.authors == {"Practitioner/a", "Practitioner/b"}
    assert facts.references == {"Patient/p1", "Practitioner/a", "Practitioner/b"}
    assert not facts.text_only
    assert digest({"resourceType": "Condition", "id": "c", "code": {"text": "x"}}, HERE).text_only


def test_patients_come_from_context_then_subject_then_the_patient_itself() -> None:
    """Nobody is named: nobody is given it."""
    two = ResourceContext("gp-fern", patients=("Patient/a", "Patient/b"))
    assert digest({"resourceType": "Appointment", "id": "x"}, two).patients == ("Patient/a", "Patient/b")
    assert digest({"resourceType": "Patient", "id": "a"}, HERE).patients == ("Patient/a",)
    assert digest({"resourceType": "Organization", "id": "o"}, HERE).patients == ()


def test_elements_with_labels_of_their_own() -> None:
    """Inline labels of elements and primitives, and contained resources with security, are found with their paths."""
    mark = {"url": INLINE_LABEL, "valueCoding": {"system": V3 + "Confidentiality", "code": "V"}}
    facts = digest({
        "resourceType": "Patient", "id": "p", "address": [{"city": "A"}, {"city": "B", "extension": [mark]}],
        "_birthDate": {"extension": [mark]}, "birthDate": "1970",
        "name": [{"given": ["A", "B"], "_given": [None, {"extension": [mark]}]}],
        "contained": [{"resourceType": "Device", "id": "d", "meta": {"security": [mark["valueCoding"]]}}],
    }, HERE)  # fmt: skip
    found = {element.path: LADDER[element.labels.confidentiality] for element in facts.elements}
    assert found == dict.fromkeys(
        ("Patient.address[1]", "Patient.birthDate", "Patient.name[0].given[1]", "Patient.contained[0]"), "V"
    )
    assert LADDER[facts.labels.confidentiality] == "N"


def test_stored_form_is_exact_and_deterministic() -> None:
    """Facts come back equal from their bytes; the same resource gives the same bytes; foreign bytes are refused."""
    resource = {
        "resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}, "status": "final",
        "code": {"coding": [{"system": "s", "code": str(at)} for at in range(20)]}, "effectiveDateTime": "1931",
    }  # fmt: skip
    facts = digest(resource, HERE)
    assert facts_from_bytes(facts_to_bytes(facts)) == facts
    assert facts_to_bytes(digest(dict(resource), HERE)) == facts_to_bytes(facts)
    with pytest.raises(ValueError):
        facts_from_bytes(b"\x93\x01\x02\x03")


def test_source_ids_become_the_index_id_at_decision_time() -> None:
    """`about` swaps patients and references, and leaves all else; an unknown source id stays, and matches nobody."""
    facts = digest({
        "resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/src-7"},
        "performer": [{"reference": "Patient/src-7"}],
    }, HERE)  # fmt: skip
    mapped = facts.about({"Patient/src-7": "Patient/index-1"})
    assert mapped.patients == ("Patient/index-1",)
    assert mapped.authors == mapped.references == {"Patient/index-1"}
    assert facts.about({"Patient/other": "Patient/index-1"}).patients == ("Patient/src-7",)
    person = digest({"resourceType": "Patient", "id": "src-7"}, HERE).about(
        {"Patient/src-7": "Patient/index-1"}
    )
    assert (person.ref, person.patients) == ("Patient/index-1", ("Patient/index-1",))


@pytest.mark.parametrize("resource", [
    None, [], "x", {}, {"resourceType": 3}, {"resourceType": "Patient", "id": "p", "meta": []},
    {"resourceType": "Patient", "id": "p", "x": [[1]]},
])  # fmt: skip
def test_unreadable_resource_has_no_patient(resource: Any) -> None:
    """What cannot be read is about nobody, so nobody is given it."""
    assert digest(resource, HERE).patients == ()


def test_nesting_beyond_any_resource_is_unreadable() -> None:
    """A bomb of brackets ends as a resource without a patient, not as a traceback."""
    bomb: Any = {"resourceType": "Patient", "id": "p"}
    for _ in range(5000):
        bomb = {"resourceType": "Patient", "id": "p", "extension": [bomb]}
    assert digest(bomb, HERE).patients == ()


def test_a_coverage_is_about_its_beneficiary() -> None:
    """A Coverage names her as beneficiary (R4): it is hers, and no longer nobody's, whom nobody may see."""
    coverage = {"resourceType": "Coverage", "id": "c", "beneficiary": {"reference": "Patient/p"}}
    assert digest(coverage, HERE).patients == ("Patient/p",)
