"""`patient_with_full_record`: every source, every resource type, psychiatry marked at each of the three."""

from dataclasses import dataclass
from datetime import date, timedelta

from gateway.sandbox.mocks import catalogue as c
from gateway.sandbox.mocks.facts import (
    PSYCHIATRY,
    Allergy,
    Facts,
    Immunisation,
    Letter,
    Medication,
    Patient,
    Person,
    Problem,
    Report,
    Result,
    Visit,
)


@dataclass(frozen=True, slots=True)
class Days:
    """Dates relative to the sandbox's day, at the precision that is asked for."""

    today: date

    def ago(self, days: int) -> str:
        return (self.today - timedelta(days=days)).isoformat()

    def at(self, days: int, clock: str = "09:30") -> str:
        return f"{self.ago(days)}T{clock}:00+00:00"

    def month(self, days: int) -> str:
        return self.ago(days)[:7]

    def year(self, days: int) -> str:
        return self.ago(days)[:4]


def outline(
    label: str, serial: int, *, gender: str = "female", family: str = "", given: str = "", born: str = ""
) -> Person:
    prefix = "Mrs" if gender == "female" else "Mr"
    return Person(label, serial, "", "", family, given, prefix, gender, born, "", "", "", "")


def phq9_report(days: Days, since: int, score: str, note: str | None = None) -> Report:
    result = Result(c.PHQ9, score, "{score}", "0", "4", "H")
    return Report(c.PHQ9_PANEL, days.at(since, "14:10"), (result,), note, marks=PSYCHIATRY)


def full_record(days: Days) -> Patient:
    gp = Facts(
        problems=(
            Problem(c.HYPERTENSION, days.ago(3900)),
            Problem(c.ASTHMA, days.month(7000), major=False),
            Problem(c.DEPRESSION, days.ago(800), marks=PSYCHIATRY),
        ),
        allergies=(
            Allergy(c.PENICILLIN, days.ago(5200), "medication", "high", c.ANAPHYLAXIS, "severe"),
            Allergy(c.ASPIRIN, days.ago(4100), "medication", "low", c.VOMITING, "mild", days.ago(600)),
        ),
        medications=(
            Medication(
                c.AMLODIPINE, days.ago(900), "One tablet each day", issues=(days.ago(62), days.ago(34))
            ),
            Medication(
                c.CITALOPRAM, days.ago(780), "One tablet each day", issues=(days.ago(34),), marks=PSYCHIATRY
            ),
        ),
        reports=(
            Report(c.VITAL_SIGNS, days.at(34), (Result(c.WEIGHT, "71.50", "kg"),)),
            Report(
                c.BLOOD_COUNT, days.at(90), (Result(c.HBA1C, "39", "mmol/mol", "20", "41"),), "Not diabetic."
            ),
            phq9_report(days, 34, "11"),
        ),
        immunisations=(
            Immunisation(c.INFLUENZA_VACCINE, days.ago(45), "FLU26A"),
            Immunisation(c.PNEUMOCOCCAL_VACCINE, days.ago(1500)),
        ),
        visits=(
            Visit("Surgery consultation", days.at(34), days.at(34, "09:42")),
            Visit("Mental health review", days.at(34, "14:00"), days.at(34, "14:20"), marks=PSYCHIATRY),
        ),
    )
    letters = (_cardiology_letter(days), psychiatry_letter(days))
    return Patient(outline("patient_with_full_record", 1), gp, _hospital_stay(days), letters)


def _hospital_stay(days: Days) -> Facts:
    chemistry = (
        Result(c.SODIUM, "139", "mmol/L", "133", "146"),
        Result(c.POTASSIUM, "5.60", "mmol/L", "3.5", "5.3", "H"),
        Result(c.CREATININE, "88", "umol/L", "45", "84", "H"),
        Result(c.CRP, "114", "mg/L", "0", "5", "HH"),
    )
    blood = (
        Result(c.HAEMOGLOBIN, "128", "g/L", "115", "165"),
        Result(c.LEUKOCYTES, "15.10", "10*9/L", "4.0", "11.0", "H"),
        Result(c.PLATELETS, "301", "10*9/L", "150", "400"),
    )
    assessment = (Result(c.PHQ9, "14", "{score}"), Result(c.GAD7, "9", "{score}"))
    return Facts(
        problems=(Problem(c.PNEUMONIA, days.ago(20)), Problem(c.FIBRILLATION, days.ago(19))),
        allergies=(
            Allergy(c.PENICILLIN, days.ago(20), "medication", "high", c.ANAPHYLAXIS, "severe"),
            Allergy(c.LATEX, days.ago(20), "environment", None, c.URTICARIA, "moderate"),
        ),
        reports=(
            Report(c.ELECTROLYTES, days.at(20, "11:05"), chemistry, "Haemolysed sample, repeat potassium."),
            Report(c.BLOOD_COUNT, days.at(20, "11:05"), blood),
            Report(
                c.PHQ9_PANEL,
                days.at(18, "15:00"),
                assessment,
                "Seen by liaison psychiatry.",
                marks=PSYCHIATRY,
            ),
        ),
        visits=(Visit("WARD-4", days.at(20, "08:15"), days.at(15, "16:40")),),
    )


def _cardiology_letter(days: Days) -> Letter:
    facts = Facts(
        problems=(Problem(c.FIBRILLATION, days.ago(19)), Problem(c.HYPERTENSION, days.year(3900))),
        allergies=(Allergy(c.PENICILLIN, days.year(5200), "medication", "high", c.ANAPHYLAXIS, "severe"),),
        medications=(
            Medication(c.AMLODIPINE, days.ago(900), "One tablet each day"),
            Medication(c.RAMIPRIL, days.ago(8)),
        ),
        reports=(
            Report(
                c.ELECTROLYTES,
                days.at(8, "10:20"),
                (Result(c.POTASSIUM, "4.10", "mmol/L", "3.5", "5.3"), Result(c.TSH, "2.40", "m[IU]/L")),
            ),
        ),
    )
    story = (
        "Reviewed after the stay in hospital. Pulse irregular at 82. No chest pain. Return in three months."
    )
    return Letter("cardiology", "Cardiology clinic letter", c.CONSULT_NOTE, days.at(8), facts, story)


def psychiatry_letter(days: Days) -> Letter:
    facts = Facts(
        problems=(Problem(c.RECURRENT_DEPRESSION, days.month(2200)),),
        medications=(Medication(c.ZOPICLONE, days.ago(6), "One tablet at night", repeat=False),),
        reports=(Report(c.PHQ9_PANEL, days.at(6, "13:00"), (Result(c.PHQ9, "12", "{score}"),)),),
    )
    story = "Mood low since the admission, sleep poor, no thoughts of self-harm. Seen again in four weeks."
    return Letter(
        "psychiatry", "Psychiatry outpatient letter", c.PSYCHIATRY_NOTE, days.at(6), facts, story, PSYCHIATRY
    )
