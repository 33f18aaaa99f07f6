"""AL1 to AllergyIntolerance."""

import re

from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.message import Segment
from adapters.interface import JSON
from adapters.terminology.tables import concept_map

_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_SNOMED = "http://snomed.info/sct"
_ABSENCES = {
    "716186003": "No known allergy",
    "409137002": "No known drug allergy",
    "429625007": "No known food allergy",
    "428607008": "No known environmental allergy",
    "428197003": "No known insect allergy",
    "716184000": "No known latex allergy",
}
_ABSENT_WORDS = (
    (re.compile(r"(no known (drug|medication) allerg(y|ies)|nkda)\Z"), "409137002"),
    (re.compile(r"(no known food allerg(y|ies)|nkfa)\Z"), "429625007"),
    (re.compile(r"(no known (environmental) allerg(y|ies))\Z"), "428607008"),
    (re.compile(r"((no known|no) allerg(y|ies)|nka|no known allergens?)\Z"), "716186003"),
)


def allergy_from_al1(context: Context, al1: Segment, patient: Draft) -> Draft | None:
    """AllergyIntolerance keyed by patient and code or text; None if AL1-3 says nothing."""
    code = concept_from_cwe(context, al1.first(3))
    if code is None:
        return None
    code = absence_of(code) or code
    draft = context.draft("AllergyIntolerance", f"{patient.id}\x1f{key_of(code)}")
    draft.put("clinicalStatus", {"coding": [{"system": _CLINICAL, "code": "active"}]})
    draft.assume(f"{al1.position}-3", "status", "active")
    draft.put("type", type_from(al1))
    category = draft.code(al1.first(2), "v2_allergy_category", "category")
    draft.put("category", [category] if category else None)
    draft.put("code", code)
    draft.put("patient", patient.link())
    draft.put("onsetDateTime", draft.time(al1.first(6), "onsetDateTime"))
    reaction_from(draft, al1)
    return context.add(draft)


def type_from(al1: Segment) -> str | None:
    """Type from AL1-2 without a second line about the same code: the category judges it."""
    found = concept_map("v2_allergy_type").get(("", al1.text(2).upper()))
    return found.code if found and found.code else None


def absence_of(code: JSON) -> JSON | None:
    """A coded or written "no known allergies" as the coded assertion of absence, the sender's words kept."""
    for coding in code.get("coding", ()):
        if coding.get("code") in _ABSENCES:
            return None
    for words in [code.get("text", ""), *(c.get("display", "") for c in code.get("coding", ()))]:
        plain = " ".join(re.sub(r"[^a-z ]", " ", words.lower()).split())
        for pattern, concept in _ABSENT_WORDS:
            if pattern.match(plain):
                coding = {"system": _SNOMED, "code": concept, "display": _ABSENCES[concept]}
                return {"coding": [coding, *code.get("coding", ())]} | (
                    {"text": code["text"]} if "text" in code else {}
                )
    return None


def key_of(code: JSON) -> str:
    """The substance as part of a key: its first code, else its words."""
    for coding in code.get("coding", ()):
        return f"{coding.get('system', '')}|{coding['code']}"
    return str(code["text"]).casefold()


def reaction_from(draft: Draft, al1: Segment) -> None:
    """AL1-5 are manifestations, AL1-4 their severity; severity alone has a manifestation that is unknown."""
    shown = [words for element in al1.all(5) if (words := element.words())]
    severity = draft.code(al1.first(4), "v2_allergy_severity", "reaction.severity")
    if not shown and not severity:
        return
    absent = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    reaction: JSON = {"manifestation": [{"text": words} for words in shown] or [absent]}
    if severity:
        reaction["severity"] = severity
    draft.put("reaction", [reaction])
