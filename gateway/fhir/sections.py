"""Which resource belongs into which section of a patient summary, and how its line reads (IPS 2.0.0)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.fhir.narrative import concept_text, value_text

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """`required` sections are always there; `matches` decides what goes in; `line` gives its table cells."""

    code: str
    title: str
    required: bool
    headings: tuple[str, ...]
    matches: Callable[[Resource], bool]
    line: Callable[[Resource], tuple[str, ...]]
    limit: int | None = None


def _codes(concept: Resource | None) -> set[str]:
    return {c["code"] for c in (concept or {}).get("coding", []) if "code" in c}


def _wrong(resource: Resource) -> bool:
    return resource.get("status") == "entered-in-error" or "entered-in-error" in _codes(
        resource.get("verificationStatus")
    )


def _problem(r: Resource) -> bool:
    return r["resourceType"] == "Condition" and not _wrong(r) and not (
        _codes(r.get("clinicalStatus")) & {"inactive", "resolved", "remission"}
    )  # fmt: skip


def _past_problem(r: Resource) -> bool:
    return r["resourceType"] == "Condition" and not _wrong(r) and not _problem(r)


def _allergy(r: Resource) -> bool:
    return r["resourceType"] == "AllergyIntolerance" and not _wrong(r) and not (
        _codes(r.get("clinicalStatus")) & {"inactive", "resolved"}
    )  # fmt: skip


def _medication(r: Resource) -> bool:
    return (
        r["resourceType"] in ("MedicationStatement", "MedicationRequest")
        and not _wrong(r)
        and r.get("status") not in ("cancelled", "draft", "not-taken")
    )


def _categories(r: Resource) -> set[str]:
    return {code for concept in r.get("category", []) for code in _codes(concept)}


def _result(r: Resource) -> bool:
    if _wrong(r) or r["resourceType"] not in ("Observation", "DiagnosticReport"):
        return False
    return not _categories(r) & {"vital-signs", "social-history", "survey", "exam"}


def _vital(r: Resource) -> bool:
    return r["resourceType"] == "Observation" and not _wrong(r) and "vital-signs" in _categories(r)


def _immunisation(r: Resource) -> bool:
    return r["resourceType"] == "Immunization" and not _wrong(r)


def when(r: Resource) -> str:
    """The clinical date that a reader looks for; empty if there is none."""
    for name in (
        "effectiveDateTime", "onsetDateTime", "occurrenceDateTime", "performedDateTime", "authoredOn",
        "recordedDate", "dateAsserted", "issued", "date",
    ):  # fmt: skip
        if r.get(name):
            return str(r[name])
    for name in ("effectivePeriod", "onsetPeriod", "performedPeriod", "period"):
        if r.get(name):
            return str(r[name].get("start", ""))
    return ""


def _status(r: Resource) -> str:
    """Clinical status, or status; and how sure it is, unless confirmed: what is refuted reads so."""
    sure = sorted(_codes(r.get("verificationStatus")) - {"confirmed"})
    return ", ".join(filter(None, [concept_text(r.get("clinicalStatus")) or str(r.get("status", "")), *sure]))


def _said_of_result(r: Resource) -> str:
    """Interpretations, and the status of what is not simply final."""
    flags = [concept_text(i) for i in r.get("interpretation", [])]
    status = str(r.get("status", ""))
    return ", ".join(filter(None, [*flags, "" if status == "final" else status]))


def _problem_line(r: Resource) -> tuple[str, ...]:
    return concept_text(r.get("code")), when(r), _status(r)


def _allergy_line(r: Resource) -> tuple[str, ...]:
    reactions = [concept_text(m) for x in r.get("reaction", []) for m in x.get("manifestation", [])]
    return (
        concept_text(r.get("code")),
        "; ".join(filter(None, reactions)),
        r.get("criticality", ""),
        _status(r),
    )


def _medication_line(r: Resource) -> tuple[str, ...]:
    name = concept_text(r.get("medicationCodeableConcept"))
    name = name or str(r.get("medicationReference", {}).get("display", ""))
    name = f"DO NOT GIVE: {name}" if r.get("doNotPerform") else name
    doses = r.get("dosage", r.get("dosageInstruction", []))
    return name, "; ".join(str(d.get("text") or d.get("patientInstruction") or "") for d in doses), _status(r)


def _result_line(r: Resource) -> tuple[str, ...]:
    absent = concept_text(r.get("dataAbsentReason"))
    value = value_text(r) or str(r.get("conclusion", "")) or (f"no value ({absent})" if absent else "")
    return concept_text(r.get("code")), value, _said_of_result(r), when(r)


def _immunisation_line(r: Resource) -> tuple[str, ...]:
    return concept_text(r.get("vaccineCode")), when(r), _status(r)


_VACCINE_HEADINGS = ("Vaccine", "Date", "Status")
_RESULT_HEADINGS = ("Test", "Result", "Flag", "Date")
SECTIONS = (
    Section("11450-4", "Problems", True, ("Problem", "Since", "Status"), _problem, _problem_line),
    Section(
        "48765-2", "Allergies and intolerances", True,
        ("Substance", "Reaction", "Criticality", "Status"), _allergy, _allergy_line,
    ),
    Section("10160-0", "Medication", True, ("Medicine", "Dose", "Status"), _medication, _medication_line),
    Section("11369-6", "Immunisations", False, _VACCINE_HEADINGS, _immunisation, _immunisation_line),
    Section("30954-2", "Results", False, _RESULT_HEADINGS, _result, _result_line, limit=5),
    Section("8716-3", "Vital signs", False, _RESULT_HEADINGS, _vital, _result_line, limit=5),
    Section("11348-0", "Past problems", False, ("Problem", "Since", "Status"), _past_problem, _problem_line),
)  # fmt: skip
