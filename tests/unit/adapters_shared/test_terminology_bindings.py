"""Targets of our tables against the R4 definitions: every FHIR code exists, every required binding holds."""

import csv
import json
import tarfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "adapters" / "terminology"
PACKAGE = ROOT.parent / "shared" / "fhir-packages" / "hl7.fhir.r4.core-4.0.1.tgz"

pytestmark = pytest.mark.skipif(
    not PACKAGE.exists(), reason="the R4 definitions are not at ../shared/fhir-packages"
)

ELEMENTS = {
    "cda_address_use": "Address.use",
    "cda_allergy_category": "AllergyIntolerance.category",
    "cda_allergy_status": "AllergyIntolerance.clinicalStatus",
    "cda_allergy_type": "AllergyIntolerance.type",
    "cda_concern_status": "Condition.clinicalStatus",
    "cda_criticality": "AllergyIntolerance.criticality",
    "cda_dispense_status": "MedicationDispense.status",
    "cda_gender": "Patient.gender",
    "cda_immunization_status": "Immunization.status",
    "cda_medication_course": "MedicationRequest.status",
    "cda_medication_intent": "MedicationRequest.intent",
    "cda_medication_status": "MedicationRequest.status",
    "cda_name_use": "HumanName.use",
    "cda_problem_status": "Condition.clinicalStatus",
    "cda_procedure_status": "Procedure.status",
    "cda_report_status": "DiagnosticReport.status",
    "cda_result_status": "Observation.status",
    "cda_severity": "AllergyIntolerance.reaction.severity",
    "cda_telecom_use": "ContactPoint.use",
    "v2_address_type": "Address.type",
    "v2_address_use": "Address.use",
    "v2_administrative_sex": "Patient.gender",
    "v2_allergy_category": "AllergyIntolerance.category",
    "v2_allergy_severity": "AllergyIntolerance.reaction.severity",
    "v2_allergy_type": "AllergyIntolerance.type",
    "v2_encounter_event": "Encounter.status",
    "v2_encounter_status": "Encounter.status",
    "v2_name_use": "HumanName.use",
    "v2_observation_status": "Observation.status",
    "v2_order_control": "ServiceRequest.status",
    "v2_order_status": "ServiceRequest.status",
    "v2_report_status": "DiagnosticReport.status",
}
"""Tables whose target goes into an element as it is. `v2_telecom_*` are handled together (`mobile` is a use)."""

RENAMED = {
    "Appointment.required": "Appointment.participant.required",
    "Device.udi.entryType": "Device.udiCarrier.entryType",
    "FamilyMemberHistory.gender": "Patient.gender",
}
"""Elements that `stu3_codes` names by the words of STU3, or in short; the sex of a relative is bound loosely, and kept strict here."""


def rows(name):
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def maps():
    header = "source_system,source_code,target_system"
    return sorted(p.stem for p in FOLDER.glob("*.csv") if p.read_text("utf-8").startswith(header))


@cache
def definitions():
    """(resource type, url or id) to resource, of the code systems, value sets and structures of the package."""
    found = {}
    with tarfile.open(PACKAGE) as package:
        for member in package:
            kind = Path(member.name).name.partition("-")[0]
            if kind in ("CodeSystem", "ValueSet", "StructureDefinition"):
                resource = json.load(package.extractfile(member))
                found[kind, resource["url"]] = resource
    return found


def codes_of_system(url):
    system = definitions().get(("CodeSystem", url))
    if system is None or system.get("content") != "complete":
        return None
    found, left = set(), list(system.get("concept", []))
    while left:
        concept = left.pop()
        found.add(concept["code"])
        left += concept.get("concept", [])
    return found


@cache
def codes_of_binding(element):
    """Codes of the required value set of an element; fails if its binding is not required."""
    kind = element.partition(".")[0]
    structure = definitions()["StructureDefinition", f"http://hl7.org/fhir/StructureDefinition/{kind}"]
    (found,) = [one for one in structure["snapshot"]["element"] if one["path"] == element]
    assert found["binding"]["strength"] == "required", element
    value_set = definitions()["ValueSet", found["binding"]["valueSet"].partition("|")[0]]
    codes = set()
    for part in value_set["compose"]["include"]:
        listed = {one["code"] for one in part.get("concept", [])}
        codes |= listed or codes_of_system(part["system"])
    return codes


@pytest.mark.parametrize("name", sorted(ELEMENTS))
def test_each_target_is_in_the_required_value_set_of_its_element(name):
    """R4's own definitions decide, not a list of ours."""
    targets = {row["target_code"] for row in rows(name)} - {""}
    assert targets and targets <= codes_of_binding(ELEMENTS[name])


def test_the_codes_of_the_older_version_go_into_todays_value_sets():
    """`stu3_codes` names its element itself: every row of a required binding stays inside it."""
    checked = 0
    for row in rows("stu3_codes"):
        if "." in row["source_system"] and row["target_code"]:
            element = RENAMED.get(row["source_system"], row["source_system"])
            assert row["target_code"] in codes_of_binding(element), row
            checked += 1
    assert checked > 100


@pytest.mark.parametrize("name", maps())
def test_each_target_exists_in_the_code_system_it_names(name):
    """No misspelt code: of every code system that R4 defines in full, and in every table there is."""
    for row in rows(name):
        known = codes_of_system(row["target_system"]) if row["target_code"] else None
        assert known is None or row["target_code"] in known, (name, row["source_code"], row["target_code"])


def test_every_correction_has_a_reason_and_is_in_its_table():
    """`v2_overrides.csv`: a row without effect or without reason is a mistake."""
    for row in rows("v2_overrides"):
        assert row["reason"].strip(), row
        (made,) = [one for one in rows(row["map"]) if one["source_code"] == row["source_code"]]
        assert made["origin"] == f"override: {row['reason']}"
        assert made["target_code"] == row["target_code"]
