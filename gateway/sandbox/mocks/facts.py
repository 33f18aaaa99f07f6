"""Clinical facts of a synthetic patient, before any provider puts them into its own format.

Dates are FHIR strings at the precision that the fact has (`1970`, `1970-02`, `1970-02-14`, or an instant
with offset); numbers are text, so that `1.10` stays `1.10`. `marks` holds v3-ActCode sensitivity codes.
"""

from dataclasses import dataclass, field

PSYCHIATRY = ("PSY",)


@dataclass(frozen=True, slots=True)
class Coded:
    """One concept. `system` is `sct`, `loinc` or `rxnorm`; each provider writes it as its format does."""

    code: str
    display: str
    system: str = "sct"


@dataclass(frozen=True, slots=True)
class Problem:
    concept: Coded
    onset: str
    ended: str | None = None
    major: bool = True
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allergy:
    """`substance` None: the patient is asserted to have no known allergies."""

    substance: Coded | None
    recorded: str
    category: str = "medication"
    criticality: str | None = None
    reaction: Coded | None = None
    severity: str | None = None
    ended: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Medication:
    """`dose` None: the source does not say how much. `issues`: days on which it was issued."""

    product: Coded
    start: str
    dose: str | None = None
    ended: str | None = None
    repeat: bool = True
    issues: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """`value` is text as the laboratory wrote it; `unit` a UCUM code, or None for a value in words."""

    concept: Coded
    value: str
    unit: str | None = None
    low: str | None = None
    high: str | None = None
    flag: str | None = None
    status: str = "final"


@dataclass(frozen=True, slots=True)
class Report:
    """Results that were ordered together. `revisions`: later versions of the same results, oldest first."""

    panel: Coded
    at: str
    results: tuple[Result, ...]
    note: str | None = None
    status: str = "final"
    revisions: tuple["Report", ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Immunisation:
    vaccine: Coded
    given: str
    lot: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """A consultation at the surgery, a stay in hospital, or an outpatient visit."""

    kind: str
    start: str
    end: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What one provider knows. `warnings`: GP Connect List warning codes that the record carries."""

    problems: tuple[Problem, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    medications: tuple[Medication, ...] = ()
    reports: tuple[Report, ...] = ()
    immunisations: tuple[Immunisation, ...] = ()
    visits: tuple[Visit, ...] = ()
    warnings: tuple[str, ...] = ()

    def count(self) -> int:
        """Facts that become a clinical resource each; a report counts as its results."""
        plain = (self.problems, self.allergies, self.medications, self.immunisations, self.visits)
        return sum(len(group) for group in plain) + sum(len(report.results) for report in self.reports)

    def count_marked(self) -> int:
        """Of these, the ones with a sensitivity mark."""
        plain = (self.problems, self.allergies, self.medications, self.immunisations, self.visits)
        marked = sum(1 for group in plain for fact in group if fact.marks)
        return marked + sum(len(report.results) for report in self.reports if report.marks)


@dataclass(frozen=True, slots=True)
class Letter:
    """One document of the specialist. `story` is narrative that no entry repeats; marks cover it all."""

    key: str
    title: str
    kind: Coded
    at: str
    facts: Facts
    story: str
    marks: tuple[str, ...] = ()

    def count(self) -> int:
        return self.facts.count()

    def count_marked(self) -> int:
        return self.facts.count() if self.marks else self.facts.count_marked()


@dataclass(frozen=True, slots=True)
class Person:
    """Who the patient is. `serial` makes her numbers; `born` may be a partial date."""

    label: str
    serial: int
    nhs_number: str
    mrn: str
    family: str
    given: str
    prefix: str
    gender: str
    born: str
    street: str
    city: str
    postcode: str
    phone: str


@dataclass(frozen=True, slots=True)
class Patient:
    """A person and what each of the three providers knows of her; None or empty: unknown there."""

    person: Person
    gp: Facts | None = None
    hospital: Facts | None = None
    letters: tuple[Letter, ...] = field(default=())

    @property
    def label(self) -> str:
        return self.person.label

    def counts(self) -> dict[str, dict[str, int]]:
        """Facts and marked facts per provider that knows her."""
        found: dict[str, dict[str, int]] = {}
        for name, facts in (("gp", self.gp), ("hospital", self.hospital)):
            if facts is not None:
                found[name] = {"facts": facts.count(), "marked": facts.count_marked()}
        if self.letters:
            found["specialist"] = {
                "facts": sum(letter.count() for letter in self.letters),
                "marked": sum(letter.count_marked() for letter in self.letters),
            }
        return found
