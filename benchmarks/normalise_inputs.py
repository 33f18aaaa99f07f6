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


def radiology_messages(count: int) -> list[bytes]:
    """A department's feed: in turn a registration, an order, a preliminary and a final report in words."""
    return [_radiology_message(number) for number in range(count)]


def _radiology_message(number: int) -> bytes:
    person, kind = divmod(number, 4)
    event = ("ADT^A04^ADT_A01", "ORM^O01^ORM_O01", "ORU^R01^ORU_R01", "ORU^R01^ORU_R01")[kind]
    at = f"20260601{8 + kind:02d}{person % 60:02d}00-0500"
    doctor, reader = "D7^Consult^Clara^^^Dr^^^SYNTH", "D9&Reader&Rudi&&&&&&SYNTH"
    order = f"P{person}^HIS|F{person}^RIS"
    lines = [
        rf"MSH|^~\&|RIS|SYNTH|GW|RYY|{at}||{event}|R{number}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||M{person}^^^SYNTH_HOSP^MR||Picture^Pia{person % 13}||19700102|F|||"
        "1 Test Street^^Testham^TX^78000^USA^H||^PRN^PH^^1^210^5550100",
        f"PV1|1|O|RAD^CT1^01^SYNTH_HOSP||||{doctor}||||||||||||V{person}^^^SYNTH_HOSP^VN",
    ]
    if kind == 0:
        return "\r".join([lines[0], f"EVN|A04|{at}", *lines[1:]]).encode() + b"\r"
    service = "71250^CT CHEST W/O CONTRAST^C4"
    if kind == 1:
        lines += [
            f"ORC|NW|{order}||||^^^^^R||{at}|||{doctor}",
            f"OBR|1|{order}|{service}" + "|" * 12 + doctor,
        ]
        return "\r".join(lines).encode() + b"\r"
    status = "P" if kind == 2 else "F"
    behind = f"||||||{status}"
    lines += [
        f"ORC|RE|{order}||CM",
        f"OBR|1|{order}|{service}|||{at}" + "|" * 9 + f"{doctor}||||||{at}||RAD|{status}|||||||{reader}",
        f"OBX|1|TX|71250&GDT^Findings||A nodule of {4 + person % 5} mm in the right upper lobe.{behind}",
        f"OBX|2|TX|71250&GDT^Findings||No consolidation, no effusion. Heart of usual size.{behind}",
        f"OBX|3|TX|71250&IMP^Impression||Small nodule; see again in {6 + person % 6} months.{behind}",
    ]
    return "\r".join(lines).encode() + b"\r"


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
