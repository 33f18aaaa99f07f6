"""A patient's facts as HL7 v2.5.1 messages: ADT A01, A08, A03 and ORU R01.

MSH-7 carries an offset and the other times none, as hospitals send them. Control ids depend on seed, serial
and place alone: sending a message again sends the same bytes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.sandbox.mocks.facts import Allergy, Coded, Facts, Patient, Problem, Report, Result, Visit

_SYSTEMS = {"sct": "SCT", "loinc": "LN", "rxnorm": "RXN"}
_STATUS = {"preliminary": "P", "final": "F", "corrected": "C"}
_ALLERGY_TYPE = {"medication": "DA", "food": "FA", "environment": "EA"}
_SEVERITY = {"severe": "SV", "moderate": "MO", "mild": "MI"}
_SEX = {"female": "F", "male": "M"}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_CONSULTANT = "C9999981^Varley^Osric^^^Dr^^^RXX"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `event`: A01, A08, A03 or R01; `control`: MSH-10; `body`: segments that end in CR."""

    event: str
    control: str
    body: bytes


def messages_of(patient: Patient, facts: Facts, seed: int) -> tuple[Message, ...]:
    """The hospital's messages about one patient, in the order of events."""
    return tuple(_Scribe(patient, facts, seed).write())


def escape(text: str) -> str:
    """Text into a field: delimiters by their escape sequences, line breaks as `\\.br\\` (HL7 v2.5.1, 2.7)."""
    lines = re.split(r"\r\n|\r|\n", text)
    return "\\.br\\".join("".join(_ESCAPES.get(char, char) for char in line) for line in lines)


def stamp(date: str) -> str:
    """A FHIR date or instant as an HL7 TS of the same precision, its offset left out."""
    return re.sub(r"[-:T]", "", re.sub(r"([+-]\d\d:\d\d|Z)$", "", date) if "T" in date else date)


def _coded(code: Coded) -> str:
    return f"{code.code}^{escape(code.display)}^{_SYSTEMS[code.system]}"


class _Scribe:
    """Writes the messages of one patient, and numbers them."""

    def __init__(self, patient: Patient, facts: Facts, seed: int) -> None:
        self._person = patient.person
        self._facts = facts
        self._seed = seed
        self._count = 0

    def write(self) -> Iterator[Message]:
        facts = self._facts
        visit = facts.visits[0] if facts.visits else None
        if visit is not None:
            # What the ward learns later is in A08 only: a node that reads the A01 alone has half of it.
            yield self._admission("A01", visit.start, visit, facts.problems[:1], facts.allergies[:1])
        if visit is None and not (facts.problems or facts.allergies):
            pass
        elif visit is None or len(facts.problems) > 1 or len(facts.allergies) > 1:
            when = visit.start if visit is not None else _latest(facts)
            yield self._admission("A08", _later(when, 30), visit, facts.problems, facts.allergies)
        for n, report in enumerate(facts.reports):
            for turn, version in enumerate((report, *report.revisions)):
                yield self._results(n, version, _later(report.at, 60 * (turn + 1)), visit)
        if visit is not None and visit.end is not None:
            yield self._admission("A03", visit.end, visit, facts.problems, ())

    def _message(self, kind: str, event: str, at: str, segments: Sequence[str]) -> Message:
        self._count += 1
        control = f"S{self._seed % 1000:03d}P{self._person.serial:05d}M{self._count:05d}"
        header = (
            f"MSH|^~\\&|PAS|RXX|CAREPACT|NODE|{stamp(at)}+0000||{kind}^{event}^{kind}_{_structure(event)}"
            f"|{control}|P|2.5.1||||||UNICODE UTF-8"
        )
        body = "".join(f"{segment}\r" for segment in (header, *segments))
        return Message(event, control, body.encode("utf-8"))

    def _admission(
        self,
        event: str,
        at: str,
        visit: Visit | None,
        problems: Sequence[Problem],
        allergies: Sequence[Allergy],
    ) -> Message:
        segments = [f"EVN|{event}|{stamp(at)}||||{stamp(at)}", self._pid(), self._pv1(visit, event)]
        if visit is not None and visit.marks:
            # Access restriction of the visit (ARV-2 add, ARV-3 table 0717), taken over from v2.6.
            segments.append("ARV|1|A|" + "~".join(visit.marks))
        segments += [_al1(n, fact) for n, fact in enumerate(allergies, 1)]
        segments += [
            f"DG1|{n}||{_coded(fact.concept)}||{stamp(fact.onset)}|W" for n, fact in enumerate(problems, 1)
        ]
        return self._message("ADT", event, at, segments)

    def _results(self, n: int, report: Report, at: str, visit: Visit | None) -> Message:
        """One order group; a mark of the report is ORC-28 (table 0177)."""
        order = f"{self._person.serial:05d}{n:04d}"
        status = _STATUS[report.status]
        common = ["ORC", "RE", f"P{order}^PAS", f"F{order}^LAB", "", "CM"]
        orc = "|".join(common) + "|" * 7 + _CONSULTANT
        if report.marks:
            orc += "|" * 16 + report.marks[0] + "^^HL70177"
        obr = (
            f"OBR|1|P{order}^PAS|F{order}^LAB|{_coded(report.panel)}|||{stamp(report.at)}"
            f"{'|' * 9}{_CONSULTANT}||||||{stamp(at)}|||{status}"
        )
        segments = [self._pid(), self._pv1(visit, "R01"), orc, obr]
        segments += [_obx(m, result, report.at) for m, result in enumerate(report.results, 1)]
        if report.note is not None:
            segments.append(f"NTE|1|L|{escape(report.note)}")
        return self._message("ORU", "R01", at, segments)

    def _pid(self) -> str:
        person = self._person
        name = f"{escape(person.family)}^{escape(person.given)}^^^{person.prefix}^^L"
        address = f"{escape(person.street)}^^{escape(person.city)}^^{person.postcode}^GBR^H"
        numbers = f"{person.nhs_number}^^^NHS^NH~{person.mrn}^^^RXX^MR"
        return (
            f"PID|1||{numbers}||{name}||{stamp(person.born)}|{_SEX[person.gender]}|||{address}"
            f"||^PRN^PH^^^^^^^^^{person.phone}"
        )

    def _pv1(self, visit: Visit | None, event: str) -> str:
        if visit is None:
            return "PV1|1|N"
        number = f"V{self._person.serial:05d}"
        left = stamp(visit.end) if visit.end is not None and event == "A03" else ""
        return (
            f"PV1|1|I|{visit.kind}^12^A^RXX||||{_CONSULTANT}|||180{'|' * 9}{number}^^^RXX^VN"
            f"{'|' * 25}{stamp(visit.start)}|{left}"
        ).rstrip("|")


def _structure(event: str) -> str:
    """Message structure of MSH-9.3: A08 uses that of A01 (HL7 v2.5.1, table 0354)."""
    return {"A08": "A01"}.get(event, event)


def _al1(n: int, fact: Allergy) -> str:
    substance = fact.substance or Coded("716186003", "No known allergy")
    reaction = escape(fact.reaction.display) if fact.reaction is not None else ""
    severity = _SEVERITY.get(fact.severity or "", "")
    kind = _ALLERGY_TYPE[fact.category]
    return f"AL1|{n}|{kind}|{_coded(substance)}|{severity}|{reaction}|{stamp(fact.recorded[:10])}".rstrip("|")


def _obx(n: int, fact: Result, at: str) -> str:
    numeric = fact.unit is not None and re.fullmatch(r"-?\d+(\.\d+)?", fact.value) is not None
    unit = f"{escape(fact.unit)}^^UCUM" if fact.unit is not None else ""
    limits = f"{fact.low}-{fact.high}" if fact.low and fact.high else ""
    return (
        f"OBX|{n}|{'NM' if numeric else 'ST'}|{_coded(fact.concept)}||{escape(fact.value)}|{unit}|{limits}"
        f"|{fact.flag or ''}|||{_STATUS[fact.status]}|||{stamp(at)}"
    )


def _later(at: str, minutes: int) -> str:
    """An instant some minutes later, on the same day at most: messages follow their facts."""
    if "T" not in at:
        return at
    clock = int(at[11:13]) * 60 + int(at[14:16]) + minutes
    hours, rest = divmod(min(clock, 23 * 60 + 59), 60)
    return f"{at[:11]}{hours:02d}:{rest:02d}{at[16:]}"


def _latest(facts: Facts) -> str:
    """The day of an update that no stay explains: the last day that any fact names."""
    days = [fact.onset for fact in facts.problems] + [fact.recorded for fact in facts.allergies]
    full = [day for day in days if len(day) >= 10]
    return f"{max(full)[:10]}T12:00:00+00:00" if full else "2020-01-01T12:00:00+00:00"
