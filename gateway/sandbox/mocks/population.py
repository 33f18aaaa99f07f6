"""The synthetic population: the same seed and the same `today` give the same bytes at every provider.

A patient is named by what she makes happen. New behaviour is a new patient with the next serial: the serial
makes her numbers, so that they never change when the population grows.
"""

import random
from dataclasses import replace
from datetime import date

from gateway.sandbox.mocks.facts import Patient
from gateway.sandbox.mocks.full_record import Days
from gateway.sandbox.mocks.patients import describe_patients, describe_records

_ONSETS = "B Br D F G H K L M N P R S T Tr V W".split()
_MIDDLES = "al an ar el en er il in ol or un ur".split()
_FAMILY_ENDS = "by croft dell ford ham ley mere more stone ton wick worth".split()
_GIVEN_ENDS = {"female": "a ie ina elle is".split(), "male": "o us an ric win".split()}
_STREETS = ("Larkspur Row", "Tannery Lane", "Quayside", "Orchard Bank", "Weir Street")
_CITIES = ("Greenfield", "Northshire", "St Brides", "Harbour Town")


class Population:
    """Everybody that the providers know, by label and by NHS number.

    `records`: also make `patient_with_<n>_records`, with n facts at each of the providers. `nobody`: none,
    for a provider beside others that serve given files.
    """

    def __init__(self, seed: int, today: date, *, records: int | None = None, nobody: bool = False) -> None:
        self.seed = seed
        self.today = today
        days = Days(today)
        outlines = [] if nobody else list(describe_patients(days))
        if records is not None:
            outlines.append(describe_records(records, days))
        self.patients = tuple(self._patient_from_outline(outline) for outline in outlines)
        self._by_label = {patient.label: patient for patient in self.patients}
        self._by_number = {patient.person.nhs_number: patient for patient in self.patients}

    def find(self, label: str) -> Patient | None:
        return self._by_label.get(label)

    def find_by_number(self, nhs_number: str) -> Patient | None:
        return self._by_number.get(nhs_number)

    def known_to(self, provider: str) -> tuple[Patient, ...]:
        """Patients that `gp`, `hospital` or `specialist` has a record of."""
        return tuple(patient for patient in self.patients if provider in patient.counts())

    def other_than(self, patient: Patient, provider: str) -> Patient | None:
        """The next patient of the same provider, for the fault that mixes two people up."""
        known = self.known_to(provider)
        others = [candidate for candidate in known if candidate.label != patient.label]
        after = [candidate for candidate in others if candidate.person.serial > patient.person.serial]
        return next(iter(after or others), None)

    def _patient_from_outline(self, outline: Patient) -> Patient:
        """Fill in what the outline leaves open: the numbers always, the names where it says none."""
        draw = random.Random(f"{self.seed}:{outline.label}")  # noqa: S311 - reproducible, not secret
        person = outline.person
        invented = replace(
            person,
            nhs_number=nhs_number(person.serial),
            mrn=f"RXX{self.seed % 1000:03d}{person.serial:05d}",
            family=person.family or _invent_name(draw, _FAMILY_ENDS),
            given=person.given or _invent_name(draw, _GIVEN_ENDS[person.gender]),
            born=person.born or _invent_birth(draw, self.today),
            street=f"{draw.randint(1, 98)} {draw.choice(_STREETS)}",
            city=draw.choice(_CITIES),
            # XX is no postcode area and 01632 960 a range kept free for fiction: neither reaches anybody.
            postcode=f"XX{draw.randint(1, 9)} {draw.randint(1, 9)}XX",
            phone=f"01632 960{draw.randint(0, 999):03d}",
        )
        return replace(outline, person=invented)


def nhs_number(serial: int) -> str:
    """The test number (999 range) of a serial, with its check digit. ValueError if it has none."""
    body = f"999000{serial:03d}"
    check = check_digit(body)
    if len(body) != 9 or check is None:
        raise ValueError("this serial has no NHS number")
    return body + check


def check_digit(body: str) -> str | None:
    """Modulus 11 over the first nine digits (NHS Data Dictionary); None: no number has these digits."""
    rest = 11 - sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), body, strict=False)) % 11
    return None if rest == 10 else str(rest % 11)


def is_nhs_number(text: str) -> bool:
    return len(text) == 10 and text.isascii() and text.isdigit() and check_digit(text[:9]) == text[9]


def disguise(patient: Patient, asked: Patient) -> Patient:
    """`patient`, but with the numbers of the one that was asked for: a record filed under a wrong number."""
    numbers = asked.person
    return replace(patient, person=replace(patient.person, nhs_number=numbers.nhs_number, mrn=numbers.mrn))


def _invent_name(draw: random.Random, ends: list[str]) -> str:
    return (draw.choice(_ONSETS) + draw.choice(_MIDDLES) + draw.choice(ends)).capitalize()


def _invent_birth(draw: random.Random, today: date) -> str:
    year = today.year - draw.randint(25, 85)
    return date(year, draw.randint(1, 12), draw.randint(1, 28)).isoformat()
