"""Inputs of the normalisation figures: laboratory messages of our own, documents and records of the mocks."""

from datetime import date

from gateway.sandbox.mocks.cda_document import document_of
from gateway.sandbox.mocks.gp_record import record_of
from gateway.sandbox.mocks.jsontext import encode_json
from gateway.sandbox.mocks.population import Population

SEED, TODAY = 7, date(2026, 6, 1)
RESULTS = 10
_PARTS = (
    "includeAllergies includeMedication includeProblems includeImmunisations includeInvestigations "
    "includeConsultations"
).split()
_LOINC = (
    ("718-7", "Haemoglobin", "g/L"),
    ("4544-3", "Haematocrit", "%"),
    ("789-8", "Erythrocytes", "10*12/L"),
    ("6690-2", "Leucocytes", "10*9/L"),
    ("777-3", "Platelets", "10*9/L"),
)


def laboratory_message(number: int, results: int = RESULTS) -> bytes:
    """One ORU^R01 of an invented person: an order, a report and `results` numeric results, version 2.5."""
    lines = [
        rf"MSH|^~\&|LAB|RXX|GW|RYY|20260601{number % 24:02d}3000+0000||ORU^R01^ORU_R01|C{number}|P|2.5",
        f"PID|1||M{number % 997}^^^SYNTH_HOSP^MR||Result-With^Ada{number % 13}||19700102|F|||"
        "1 Test Street^^Testham^^XX1 1XX^GBR||^PRN^PH^^^01632^960001",
        f"PV1|1|O|LAB^^^RXX||||C7^Consult^Clara^^^Dr|||||||||||V{number}^^^SYNTH_HOSP",
        f"ORC|RE|P{number}^LAB|F{number}^LAB||CM||||20260601080000+0000|||C7^Consult^Clara^^^Dr",
        f"OBR|1|P{number}^LAB|F{number}^LAB|58410-2^CBC panel^LN|||20260601080000+0000"
        "|||||||||C7^Consult^Clara||||||20260601093000+0000||LAB|F",
    ]
    for n in range(results):
        code, name, unit = _LOINC[n % len(_LOINC)]
        value = f"{40 + (number + n) % 60}.{n}0"
        lines.append(
            f"OBX|{n + 1}|NM|{code}^{name}^LN|{n // len(_LOINC)}|{value}|{unit}^{unit}^UCUM|40-100|N|||F|||"
            "20260601090000+0000"
        )
    return "\r".join(lines).encode() + b"\r"


def messages(count: int) -> list[bytes]:
    """`count` laboratory messages, all different."""
    return [laboratory_message(number) for number in range(count)]


def documents(facts: int) -> list[bytes]:
    """The letters of a person with `facts` facts, as C-CDA consultation notes."""
    patient = _patient(facts)
    return [document_of(patient.person, letter) for letter in patient.letters]


def record(least: int) -> bytes:
    """A GP Connect structured record of at least `least` bytes, and of not many more."""
    facts, body = 64, b""
    while len(body) < least:
        facts = int(facts * 1.3)
        patient = _patient(facts)
        assert patient.gp is not None
        body = encode_json(record_of(patient, patient.gp, {name: {} for name in _PARTS}, TODAY))
    return body


def _patient(facts: int):  # type: ignore[no-untyped-def]
    found = Population(SEED, TODAY, records=facts).find(f"patient_with_{facts}_records")
    assert found is not None
    return found
