"""A patient's facts as a GP Connect Access Record Structured Bundle (FHIR STU3, Care Connect profiles).

With the flaws of real systems: ids with an underscore (illegal in FHIR), ended allergies contained in their
List, warning codes on Lists. Ids depend on the patient's serial and the fact's place alone.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from gateway.sandbox.mocks import gp_resources as stu3
from gateway.sandbox.mocks.facts import Allergy, Coded, Facts, Medication, Patient, Problem, Report, Visit
from gateway.sandbox.mocks.gp_medication import issue, medication, plan, statement
from gateway.sandbox.mocks.gp_people import administrative
from gateway.sandbox.mocks.gp_resources import JSON, Writer

_WARNING_URL = f"{stu3.NHS_PROFILE}/Extension-CareConnect-GPC-ListWarningCode-1"
_WARNINGS = {
    "confidential-items": "Items excluded due to confidentiality and/or patient preferences.",
    "data-in-transit": "Patient record transfer from previous GP practice not yet complete.",
    "data-awaiting-filing": "Patient data may be incomplete as there is data awaiting review.",
}

ALLERGIES = Coded("886921000000105", "Allergies and adverse reactions")
ENDED_ALLERGIES = Coded("1103671000000101", "Ended allergies")
MEDICATIONS = Coded("933361000000108", "Medications and medical devices")
PROBLEMS = Coded("717711000000103", "Problems")
IMMUNISATIONS = Coded("1102181000000102", "Immunisations")
INVESTIGATIONS = Coded("887191000000108", "Investigations and results")
CONSULTATIONS = Coded("1149501000000101", "List of consultations")

# Nobody of the population has any of these; a real system answers with the empty List, not with nothing.
_ALWAYS_EMPTY = {
    "includeUncategorisedData": Coded("826501000000100", "Miscellaneous record"),
    "includeReferrals": Coded("792931000000107", "Outbound referral"),
}


def record_of(patient: Patient, facts: Facts, wanted: dict[str, dict[str, bool]], today: date) -> JSON:
    """The Bundle that answers a request for `wanted` (parameter name to its boolean parts)."""
    write = Writer(patient.person, today.isoformat())
    entries = administrative(write)
    if "includeAllergies" in wanted:
        resolved = wanted["includeAllergies"].get("includeResolvedAllergies", False)
        entries += _allergies(write, facts.allergies, facts.warnings, with_ended=resolved)
    if "includeMedication" in wanted:
        issues = wanted["includeMedication"].get("includePrescriptionIssues", True)
        entries += _medications(write, facts.medications, facts.warnings, with_issues=issues)
    if "includeProblems" in wanted:
        entries += _problems(write, facts.problems, facts.warnings)
    if "includeImmunisations" in wanted:
        items = [write.immunisation(n, fact) for n, fact in enumerate(facts.immunisations)]
        entries += [*items, _list(write, IMMUNISATIONS, items, facts.warnings)]
    if "includeInvestigations" in wanted:
        entries += _investigations(write, facts.reports, facts.warnings)
    if "includeConsultations" in wanted:
        entries += _consultations(write, facts.visits, facts.warnings)
    for name, code in _ALWAYS_EMPTY.items():
        if name in wanted:
            entries.append(_list(write, code, (), facts.warnings))
    return stu3.bundle(entries)


def _list(
    write: Writer, code: Coded, items: Sequence[JSON], warnings: Sequence[str], contained: Sequence[JSON] = ()
) -> JSON:
    """One List of the record; empty ones say so with the reason code and the standard's note."""
    resource: JSON = {"resourceType": "List", "meta": stu3.meta("List", ())}
    if contained:
        resource["contained"] = list(contained)
    if warnings:
        resource["extension"] = [{"url": _WARNING_URL, "valueCode": code} for code in warnings]
    resource |= {
        "status": "current",
        "mode": "snapshot",
        "title": code.display,
        "code": stu3.concept(code),
        "subject": write.subject,
        "date": f"{write.today}T08:00:00+00:00",
        "orderedBy": {"coding": [{"system": "http://hl7.org/fhir/list-order", "code": "event-date"}]},
    }
    notes = [_WARNINGS[code] for code in warnings]
    references = [f"{item['resourceType']}/{item['id']}" for item in items]
    references += [f"#{item['id']}" for item in contained]
    if references:
        resource["entry"] = [{"item": {"reference": reference}} for reference in references]
    else:
        notes.insert(0, "Information not available")
        resource["emptyReason"] = {
            "coding": [
                {
                    "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-ListEmptyReasonCode-1",
                    "code": "no-content-recorded",
                    "display": "No Content Recorded",
                }
            ]
        }
    if notes:
        resource["note"] = [{"text": text} for text in notes]
    return resource


def _allergies(
    write: Writer, allergies: Sequence[Allergy], warnings: Sequence[str], *, with_ended: bool
) -> list[JSON]:
    numbered = [(fact, write.allergy(n, fact)) for n, fact in enumerate(allergies)]
    active = [resource for fact, resource in numbered if fact.ended is None]
    ended = [resource for fact, resource in numbered if fact.ended is not None]
    entries = [*active, _list(write, ALLERGIES, active, warnings)]
    if with_ended:
        entries.append(_list(write, ENDED_ALLERGIES, (), warnings, contained=ended))
    return entries


def _medications(
    write: Writer, medications: Sequence[Medication], warnings: Sequence[str], *, with_issues: bool
) -> list[JSON]:
    entries: list[JSON] = []
    statements: list[JSON] = []
    for n, fact in enumerate(medications):
        statements.append(statement(write, n, fact))
        entries += [medication(write, n, fact), statements[-1], plan(write, n, fact)]
        if with_issues:
            entries += [issue(write, n, fact, turn, day) for turn, day in enumerate(fact.issues)]
    return [*entries, _list(write, MEDICATIONS, statements, warnings)]


def _problems(write: Writer, problems: Sequence[Problem], warnings: Sequence[str]) -> list[JSON]:
    items = [write.problem(n, fact) for n, fact in enumerate(problems)]
    return [*items, _list(write, PROBLEMS, items, warnings)]


def _investigations(write: Writer, reports: Sequence[Report], warnings: Sequence[str]) -> list[JSON]:
    """A report with its results by id; the List names the reports (GP Connect 1.5, investigations)."""
    entries: list[JSON] = []
    heads: list[JSON] = []
    for n, fact in enumerate(reports):
        results = [write.result(n, turn, fact, result) for turn, result in enumerate(fact.results)]
        heads.append(write.report(n, fact, results))
        entries += [heads[-1], *results]
    return [*entries, _list(write, INVESTIGATIONS, heads, warnings)]


def _consultations(write: Writer, visits: Sequence[Visit], warnings: Sequence[str]) -> list[JSON]:
    items = [write.visit(n, fact) for n, fact in enumerate(visits)]
    return [*items, _list(write, CONSULTATIONS, items, warnings)]


def remark_unknown(bundle: JSON, names: Sequence[str]) -> JSON:
    """The Bundle with an OperationOutcome that names the parameters this server does not know."""
    if not names:
        return bundle
    outcome = {
        "resourceType": "OperationOutcome",
        "meta": stu3.outcome_meta(),
        "issue": [stu3.remark(name) for name in names],
    }
    entries: list[Any] = [*bundle["entry"], {"resource": outcome}]
    return bundle | {"entry": entries}
