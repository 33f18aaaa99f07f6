"""The sections of a specialist's letter: entries, the narrative they point into, and null flavours."""

from collections.abc import Iterator, Sequence

from gateway.sandbox.mocks import cda
from gateway.sandbox.mocks.cda import Element, el
from gateway.sandbox.mocks.cda_entries import Entries, numbered
from gateway.sandbox.mocks.facts import (
    Allergy,
    Coded,
    Facts,
    Immunisation,
    Letter,
    Medication,
    Problem,
)


def sections_of(letter: Letter, serial: int) -> Iterator[Element]:
    """Every section of a letter; the story and what nobody knows are narrative alone."""
    write = _Sections(letter, serial)
    facts = letter.facts
    if letter.marks:
        yield write.privacy()
    if facts.problems:
        yield write.problems(facts.problems)
    if facts.allergies:
        yield write.allergies(facts.allergies)
    if facts.medications:
        yield write.medications(facts.medications)
    if facts.reports:
        yield write.results(facts)
    if facts.immunisations:
        yield write.immunisations(facts.immunisations)
    yield write.story()
    yield write.unknown_procedures()


class _Sections:
    def __init__(self, letter: Letter, serial: int) -> None:
        self._marks = letter.marks
        self._story = letter.story
        self._entries = Entries(letter, serial)

    def _section(
        self, template: str, code: Coded, title: str, text: Element, entries: Sequence[Element]
    ) -> Element:
        """confidentialityCode only where the letter is marked: a section inherits the document's."""
        head = [*cda.template(template), cda.code("code", code), el("title", title), text]
        marked = [cda.confidentiality(self._marks)] if self._marks else []
        wrapped = [el("entry", entry, typeCode="DRIV") for entry in entries]
        return el("section", *head, *marked, *wrapped)

    def privacy(self) -> Element:
        """The privacy markings of the whole document (DS4P, Privacy Markings Section)."""
        return el(
            "section",
            el("templateId", root="2.16.840.1.113883.3.3251.1.5"),
            cda.code("code", Coded("57017-6", "Privacy policy Organization Document", "loinc")),
            el("title", "Security and privacy markings"),
            el("text", el("paragraph", "This letter is restricted: psychiatry.")),
            cda.confidentiality(self._marks),
            el(
                "entry",
                el("templateId", root="2.16.840.1.113883.3.3251.1.9"),
                cda.privacy_annotation(self._marks),
                typeCode="COMP",
            ),
        )

    def problems(self, problems: Sequence[Problem]) -> Element:
        entries = [self._entries.problem(n, fact) for n, fact in enumerate(problems, 1)]
        text = _table(
            ("Problem", "Since"),
            [(f"problem{n}", p.concept.display, p.onset) for n, p in numbered(problems)],
        )
        return self._section("2.5.1", Coded("11450-4", "Problem list", "loinc"), "Problems", text, entries)

    def allergies(self, allergies: Sequence[Allergy]) -> Element:
        rows = [
            (f"allergy{n}", fact.substance.display if fact.substance else "No known allergies", fact.recorded)
            for n, fact in numbered(allergies)
        ]
        entries = [self._entries.allergy(n, fact) for n, fact in numbered(allergies)]
        code = Coded("48765-2", "Allergies and adverse reactions Document", "loinc")
        return self._section("2.6.1", code, "Allergies", _table(("Substance", "Recorded"), rows), entries)

    def medications(self, medications: Sequence[Medication]) -> Element:
        rows = [
            (f"medication{n}", fact.product.display, fact.dose or "not known")
            for n, fact in numbered(medications)
        ]
        entries = [self._entries.medication(n, fact) for n, fact in numbered(medications)]
        code = Coded("10160-0", "History of Medication use Narrative", "loinc")
        return self._section("2.1.1", code, "Medications", _table(("Medication", "Dose"), rows), entries)

    def results(self, facts: Facts) -> Element:
        rows: list[tuple[str, ...]] = []
        entries = []
        for n, report in numbered(facts.reports):
            rows += [
                (f"result{n}-{m}", fact.concept.display, f"{fact.value} {fact.unit or ''}".strip())
                for m, fact in numbered(report.results)
            ]
            entries.append(self._entries.report(n, report))
        code = Coded("30954-2", "Relevant diagnostic tests/laboratory data Narrative", "loinc")
        return self._section("2.3.1", code, "Results", _table(("Test", "Value"), rows), entries)

    def immunisations(self, immunisations: Sequence[Immunisation]) -> Element:
        rows = [(f"vaccine{n}", fact.vaccine.display, fact.given) for n, fact in numbered(immunisations)]
        entries = [self._entries.immunisation(n, fact) for n, fact in numbered(immunisations)]
        code = Coded("11369-6", "History of Immunization note", "loinc")
        return self._section("2.2.1", code, "Immunisations", _table(("Vaccine", "Given"), rows), entries)

    def story(self) -> Element:
        """Narrative alone: what the doctor thinks stands in no entry."""
        code = Coded("51847-2", "Evaluation + Plan note", "loinc")
        text = el("text", el("paragraph", self._story))
        return self._section("2.9", code, "Assessment and plan", text, ())

    def unknown_procedures(self) -> Element:
        section = self._section(
            "2.7.1",
            Coded("47519-4", "History of Procedures Document", "loinc"),
            "Procedures",
            el("text", "No information"),
            (),
        )
        section.set("nullFlavor", "NI")
        return section


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Element:
    """A table of the narrative; the first of each row is the ID of its first cell."""
    head = el("thead", el("tr", *(el("th", name) for name in heads)))
    body = [el("tr", el("td", row[1], ID=row[0]), *(el("td", cell) for cell in row[2:])) for row in rows]
    return el("text", el("table", head, el("tbody", *body)))
