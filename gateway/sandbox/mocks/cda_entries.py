"""The entries of a specialist's letter (C-CDA R2.1 entry templates), with their privacy annotations."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from gateway.sandbox.mocks import cda
from gateway.sandbox.mocks.cda import Element, el
from gateway.sandbox.mocks.facts import (
    Allergy,
    Coded,
    Immunisation,
    Letter,
    Medication,
    Problem,
    Report,
    Result,
)

T = TypeVar("T")
_PROBLEM = Coded("55607006", "Problem")
_DRUG_ALLERGY = Coded("416098002", "Allergy to drug")
_ALLERGY = Coded("419199007", "Allergy to substance")
_ACTIVE, _RESOLVED = Coded("55561003", "Active"), Coded("413322009", "Resolved")
_SEVERITY = {
    "mild": Coded("255604002", "Mild"),
    "moderate": Coded("6736007", "Moderate"),
    "severe": Coded("24484000", "Severe"),
}
_CRITICALITY = {"low": "CRITL", "high": "CRITH"}
_FLAGS = "2.16.840.1.113883.5.83"


class Entries:
    """Writes the entries of one letter; each id is the letter's place and the fact's ordinal."""

    def __init__(self, letter: Letter, serial: int) -> None:
        self._marks = letter.marks
        self._path = (serial, letter.key)

    def _marked(self, marks: Sequence[str]) -> list[Element]:
        return cda.annotated(tuple(dict.fromkeys([*self._marks, *marks])))

    def problem(self, n: int, fact: Problem) -> Element:
        observation = el(
            "observation",
            *cda.template("4.4"),
            cda.ii(*self._path, "problem", n),
            cda.code("code", _PROBLEM, el("translation", code="75326-9", codeSystem="2.16.840.1.113883.6.1")),
            _reference("text", f"problem{n}"),
            el("statusCode", code="completed"),
            cda.interval(fact.onset, fact.ended, open_end=True),
            cda.code("value", fact.concept, _original_text(f"problem{n}"), xsi_type="CD"),
            *self._marked(fact.marks),
            classCode="OBS",
            moodCode="EVN",
        )
        return self._concern("4.3", ("concern", n), fact.onset, fact.ended, observation)

    def _concern(
        self, template: str, path: tuple[object, ...], since: str, ended: str | None, observation: Element
    ) -> Element:
        return el(
            "act",
            *cda.template(template),
            cda.ii(*self._path, *path),
            el("code", code="CONC", codeSystem="2.16.840.1.113883.5.6"),
            el("statusCode", code="active" if ended is None else "completed"),
            cda.interval(since, ended, open_end=True),
            el("entryRelationship", observation, typeCode="SUBJ"),
            classCode="ACT",
            moodCode="EVN",
        )

    def allergy(self, n: int, fact: Allergy) -> Element:
        """No known allergies: the negated observation without a substance (C-CDA R2.1, 3.5)."""
        kind = _DRUG_ALLERGY if fact.category == "medication" and fact.substance else _ALLERGY
        substance = (
            el("code", nullFlavor="NA")
            if fact.substance is None
            else cda.code("code", fact.substance, _original_text(f"allergy{n}"))
        )
        entity = el("playingEntity", substance, classCode="MMAT")
        negated = {"negationInd": "true"} if fact.substance is None else {}
        observation = el(
            "observation",
            *cda.template("4.7", "2014-06-09"),
            cda.ii(*self._path, "allergy", n),
            cda.act_code("code", "ASSERTION"),
            _reference("text", f"allergy{n}"),
            el("statusCode", code="completed"),
            cda.interval(fact.recorded, fact.ended, open_end=True),
            cda.code("value", kind, xsi_type="CD"),
            el("participant", el("participantRole", entity, classCode="MANU"), typeCode="CSM"),
            *self._allergy_details(n, fact),
            *self._marked(fact.marks),
            classCode="OBS",
            moodCode="EVN",
            **negated,
        )
        return self._concern("4.30", ("allergy-concern", n), fact.recorded, fact.ended, observation)

    def _allergy_details(self, n: int, fact: Allergy) -> Iterator[Element]:
        status = _ACTIVE if fact.ended is None else _RESOLVED
        yield _related(
            "SUBJ", _observation("4.28", "2019-06-20", Coded("33999-4", "Status", "loinc"), status)
        )
        if fact.criticality is not None:
            value = el(
                "value",
                xsi_type="CD",
                code=_CRITICALITY[fact.criticality],
                codeSystem="2.16.840.1.113883.5.1063",
            )
            yield _related(
                "SUBJ", _observation("4.145", None, Coded("82606-5", "Criticality", "loinc"), value)
            )
        if fact.reaction is not None:
            reaction = el(
                "observation",
                *cda.template("4.9", "2014-06-09"),
                cda.ii(*self._path, "reaction", n),
                cda.act_code("code", "ASSERTION"),
                el("statusCode", code="completed"),
                cda.code("value", fact.reaction, xsi_type="CD"),
                classCode="OBS",
                moodCode="EVN",
            )
            if fact.severity is not None:
                severity = _observation("4.8", "2014-06-09", None, _SEVERITY[fact.severity])
                reaction.append(_related("SUBJ", severity))
            yield _related("MFST", reaction)

    def medication(self, n: int, fact: Medication) -> Element:
        """A dose that the clinic does not know is a null flavour, not left out."""
        known = fact.dose is not None
        product = cda.code("code", fact.product, _original_text(f"medication{n}"))
        daily = el("effectiveTime", el("period", value="1", unit="d"), xsi_type="PIVL_TS", operator="A")
        return el(
            "substanceAdministration",
            *cda.template("4.16", "2014-06-09"),
            cda.ii(*self._path, "medication", n),
            _reference("text", f"medication{n}"),
            el("statusCode", code="active" if fact.ended is None else "completed"),
            cda.interval(fact.start, fact.ended, xsi_type="IVL_TS"),
            *([daily] if known else []),
            el("doseQuantity", **({"value": "1"} if known else {"nullFlavor": "UNK"})),
            _product("4.23", "2014-06-09", product),
            *self._marked(fact.marks),
            classCode="SBADM",
            moodCode="EVN",
        )

    def report(self, n: int, fact: Report) -> Element:
        results = [self._result(n, m, fact, result) for m, result in numbered(fact.results)]
        return el(
            "organizer",
            *cda.template("4.1"),
            cda.ii(*self._path, "report", n),
            cda.code("code", fact.panel),
            el("statusCode", code="completed"),
            el("effectiveTime", cda.moment("low", fact.at), cda.moment("high", fact.at)),
            *(el("component", result) for result in results),
            classCode="BATTERY",
            moodCode="EVN",
        )

    def _result(self, n: int, m: int, report: Report, fact: Result) -> Element:
        value = (
            el("value", xsi_type="PQ", value=fact.value, unit=fact.unit)
            if fact.unit is not None
            else el("value", fact.value, xsi_type="ST")
        )
        return el(
            "observation",
            *cda.template("4.2"),
            cda.ii(*self._path, "result", n, m),
            cda.code("code", fact.concept),
            _reference("text", f"result{n}-{m}"),
            el("statusCode", code="completed"),
            cda.moment("effectiveTime", report.at),
            value,
            el("interpretationCode", code=fact.flag or "N", codeSystem=_FLAGS),
            *_range(fact),
            *self._marked(report.marks),
            classCode="OBS",
            moodCode="EVN",
        )

    def immunisation(self, n: int, fact: Immunisation) -> Element:
        return el(
            "substanceAdministration",
            *cda.template("4.52"),
            cda.ii(*self._path, "vaccine", n),
            el("statusCode", code="completed"),
            cda.moment("effectiveTime", fact.given),
            _product("4.54", "2014-06-09", cda.code("code", fact.vaccine, _original_text(f"vaccine{n}"))),
            *self._marked(fact.marks),
            classCode="SBADM",
            moodCode="EVN",
            negationInd="false",
        )


def numbered(facts: Sequence[T]) -> list[tuple[int, T]]:
    return list(enumerate(facts, 1))


def _observation(template: str, version: str | None, code: Coded | None, value: Coded | Element) -> Element:
    """A coded observation about its parent. `code` None: the severity code of ActCode."""
    return el(
        "observation",
        *cda.template(template, version),
        cda.code("code", code) if code is not None else cda.act_code("code", "SEV"),
        el("statusCode", code="completed"),
        cda.code("value", value, xsi_type="CD") if isinstance(value, Coded) else value,
        classCode="OBS",
        moodCode="EVN",
    )


def _related(kind: str, child: Element) -> Element:
    return el("entryRelationship", child, typeCode=kind, inversionInd="true")


def _product(template: str, version: str, code: Element) -> Element:
    material = el("manufacturedMaterial", code)
    product = el("manufacturedProduct", *cda.template(template, version), material, classCode="MANU")
    return el("consumable", product)


def _range(fact: Result) -> list[Element]:
    if fact.unit is None or fact.low is None or fact.high is None:
        return []
    low, high = (el(tag, value=v, unit=fact.unit) for tag, v in (("low", fact.low), ("high", fact.high)))
    interpretation = el("interpretationCode", code="N", codeSystem=_FLAGS)
    value = el("value", low, high, xsi_type="IVL_PQ")
    return [el("referenceRange", el("observationRange", value, interpretation))]


def _reference(tag: str, target: str) -> Element:
    return el(tag, el("reference", value=f"#{target}"))


def _original_text(target: str) -> Element:
    return _reference("originalText", target)
