"""Each synthetic patient by what she makes happen (the names are those of the sandbox's scenarios)."""

from collections.abc import Iterator
from dataclasses import replace

from gateway.sandbox.mocks import catalogue as c
from gateway.sandbox.mocks.facts import (
    PSYCHIATRY,
    Allergy,
    Facts,
    Immunisation,
    Letter,
    Medication,
    Patient,
    Problem,
    Report,
    Result,
    Visit,
)
from gateway.sandbox.mocks.full_record import Days, full_record, outline, phq9_report, psychiatry_letter


def describe_patients(days: Days) -> Iterator[Patient]:
    """Every patient of the standing population; numbers and invented names are filled in later."""
    yield full_record(days)
    yield Patient(outline("patient_unknown_everywhere", 2))
    yield Patient(
        outline("patient_known_only_to_gp", 3, gender="male"),
        gp=Facts(problems=(Problem(c.ASTHMA, days.ago(4000)),), warnings=("data-in-transit",)),
    )
    yield _sealed_psychiatry(days)
    yield _no_known_allergies(days)
    yield _conflicting_allergy(days)
    yield _exact_decimals(days)
    yield _partial_dates(days)
    yield _hostile_text(days)
    yield _corrected_result(days)


def describe_records(count: int, days: Days) -> Patient:
    """`patient_with_<count>_records`: `count` facts at each provider, for measuring."""
    if count < 1:
        raise ValueError("a patient needs at least one record")
    problems = tuple(Problem(c.HYPERTENSION, days.ago(100 + n)) for n in range(count // 4))
    kinds = ((c.SODIUM, "14", "mmol/L"), (c.POTASSIUM, "4.", "mmol/L"), (c.CRP, "1.", "mg/L"))
    results = tuple(
        Result(kinds[n % 3][0], kinds[n % 3][1] + str(n % 10), kinds[n % 3][2])
        for n in range(count - len(problems))
    )
    reports = tuple(
        Report(c.ELECTROLYTES, days.at(10 + n), results[n : n + 12]) for n in range(0, len(results), 12)
    )
    facts = Facts(problems=problems, reports=reports)
    letter = Letter("many", "Clinic summary", c.SUMMARY_NOTE, days.at(5), facts, "Stable.")
    # The hospital's stay is a fact too, so that each provider has the same count.
    hospital = replace(facts, problems=problems[1:], visits=(Visit("WARD-9", days.at(12)),))
    person = outline(f"patient_with_{count}_records", 900)
    return Patient(person, gp=facts, hospital=hospital if problems else facts, letters=(letter,))


def _sealed_psychiatry(days: Days) -> Patient:
    """Most of what is known of her is marked; the GP also says that items were withheld."""
    gp = Facts(
        problems=(
            Problem(c.SCHIZOPHRENIA, days.ago(3000), marks=PSYCHIATRY),
            Problem(c.MIGRAINE, days.ago(900)),
        ),
        medications=(Medication(c.CITALOPRAM, days.ago(400), "One tablet each day", marks=PSYCHIATRY),),
        warnings=("confidential-items",),
    )
    hospital = Facts(
        reports=(phq9_report(days, 60, "19", "Psychiatric emergency assessment."),),
        visits=(Visit("WARD-11", days.at(61), days.at(50), marks=PSYCHIATRY),),
    )
    person = outline("patient_with_sealed_psychiatry", 4)
    return Patient(person, gp, hospital, (psychiatry_letter(days),))


def _no_known_allergies(days: Days) -> Patient:
    known = Facts(allergies=(Allergy(None, days.ago(300)),))
    letter = Letter(
        "nil", "Clinic letter", c.CONSULT_NOTE, days.at(30), known, "No allergies known to the patient."
    )
    hospital = replace(known, visits=(Visit("WARD-2", days.at(40), days.at(39)),))
    person = outline("patient_with_no_known_allergies", 5, gender="male")
    return Patient(person, known, hospital, (letter,))


def _conflicting_allergy(days: Days) -> Patient:
    """Active and high at the GP, absent at the hospital, resolved and low at the specialist."""
    active = Allergy(c.PENICILLIN, days.ago(2500), "medication", "high", c.ANAPHYLAXIS, "severe")
    resolved = replace(active, criticality="low", reaction=c.URTICARIA, severity="mild", ended=days.ago(90))
    letter = Letter(
        "delabelled",
        "Allergy clinic letter",
        c.CONSULT_NOTE,
        days.at(90),
        Facts(allergies=(resolved,)),
        "Oral challenge passed; the label may go.",
    )
    hospital = Facts(
        allergies=(Allergy(None, days.ago(70)),), visits=(Visit("WARD-2", days.at(70), days.at(69)),)
    )
    person = outline("patient_with_conflicting_allergy", 6)
    return Patient(person, Facts(allergies=(active,)), hospital, (letter,))


def _exact_decimals(days: Days) -> Patient:
    results = (
        Result(c.POTASSIUM, "4.10", "mmol/L", "3.50", "5.30"),
        Result(c.CREATININE, "1.10", "mg/dL", "0.60", "1.10"),
        Result(c.TSH, "0.00100", "m[IU]/L"),
        Result(c.PLATELETS, "150.00", "10*9/L"),
    )
    facts = Facts(reports=(Report(c.ELECTROLYTES, days.at(25), results),))
    letter = Letter("exact", "Clinic letter", c.CONSULT_NOTE, days.at(24), facts, "As the laboratory wrote.")
    return Patient(outline("patient_with_exact_decimals", 7, gender="male"), facts, facts, (letter,))


def _partial_dates(days: Days) -> Patient:
    facts = Facts(
        problems=(Problem(c.ASTHMA, "1975"), Problem(c.MIGRAINE, "1991-04"), Problem(c.GOUT, days.ago(700))),
        immunisations=(Immunisation(c.PNEUMOCOCCAL_VACCINE, "2014-10"),),
    )
    letter = Letter("partial", "Clinic letter", c.CONSULT_NOTE, days.at(200), facts, "History as told.")
    person = outline("patient_with_partial_dates", 8, born="1970-02")
    return Patient(person, facts, replace(facts, immunisations=()), (letter,))


def _hostile_text(days: Days) -> Patient:
    """Line breaks, HL7 delimiters, markup and a right-to-left override where a name or a note belongs."""
    person = outline(
        "patient_with_hostile_text",
        9,
        family="O'Br|ey^en&</family><script>alert(1)</script>\u202eyelnitsuj",
        given="Zoe\r\nMSH|^~\\&|FORGED ~{{7*7}} \U0001f980",
    )
    note = "Line one\r\nOBX|9|ST|FORGED\r\n<b>bold</b> & 5 < 6 \\.br\\ \u2067isolated\u2069"
    report = Report(c.VITAL_SIGNS, days.at(15), (Result(c.HEART_RATE, "72", "/min"),), note)
    facts = Facts(problems=(Problem(c.ASTHMA, days.ago(500)),), reports=(report,))
    letter = Letter("hostile", "Letter <i>x</i> & more", c.CONSULT_NOTE, days.at(15), facts, note)
    return Patient(person, facts, facts, (letter,))


def _corrected_result(days: Days) -> Patient:
    """Preliminary, then final, then corrected to another value: one Observation in the end."""
    at = days.at(12, "07:45")

    def version(status: str, value: str) -> Report:
        result = Result(c.POTASSIUM, value, "mmol/L", "3.5", "5.3", status=status)
        return Report(c.ELECTROLYTES, at, (result,), status=status)

    first = replace(
        version("preliminary", "6.9"), revisions=(version("final", "6.9"), version("corrected", "4.6"))
    )
    person = outline("patient_with_corrected_result", 10, gender="male")
    return Patient(person, hospital=Facts(reports=(first,), visits=(Visit("WARD-7", days.at(13)),)))
