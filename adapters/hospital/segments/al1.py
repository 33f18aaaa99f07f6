"""AL1 to AllergyIntolerance."""

from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.message import Segment
from adapters.interface import JSON
from adapters.terminology.tables import concept_map

_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_SNOMED = "http://snomed.info/sct"
_LOCAL = "urn:carepact:source:"
_ABSENCES = {
    "716186003": "No known allergy",
    "409137002": "No known drug allergy",
    "429625007": "No known food allergy",
    "428607008": "No known environmental allergy",
    "428197003": "No known insect allergy",
    "716184000": "No known latex allergy",
}
_ABSENT_WORDS = {
    "409137002": "no known drug allergy|no known drug allergies|no known medication allergies|nkda",
    "429625007": "no known food allergy|no known food allergies|nkfa",
    "428607008": "no known environmental allergy|no known environmental allergies",
    "716186003": "no known allergy|no known allergies|no allergies|nka|no known allergen|no known allergens",
}
_ABSENT = {words: code for code, listed in _ABSENT_WORDS.items() for words in listed.split("|")}
"""Exact words, but for case, spaces and marks around them."""


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
    """A coded or written "no known allergies" as the coded assertion of absence, the sender's words kept.

    Only where all that is said is the absence: any code or words of something else is a substance.
    """
    codings = code.get("coding", [])
    if any(coding.get("code") in _ABSENCES for coding in codings):
        return None
    if any(not c.get("system", _LOCAL).startswith(_LOCAL) for c in codings):
        return None  # the code of a terminology names what it names, whatever stands beside it
    texts = [code.get("text", ""), *(c.get("display", c["code"]) for c in codings)]
    said = [_ABSENT.get(_plain(words), "") for words in texts if words]
    if not all(said):
        return None
    concept = said[0]
    coding = {"system": _SNOMED, "code": concept, "display": _ABSENCES[concept]}
    return {"coding": [coding, *codings]} | ({"text": code["text"]} if "text" in code else {})


def _plain(words: str) -> str:
    return " ".join(words.casefold().split()).strip(" .,;:!*()[]-")


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
