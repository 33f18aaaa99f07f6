"""The ledger told to the patient: one or two plain sentences for each entry, in her language.

What was withheld is told as such, never why: a hold of a source protects somebody (consent.md 13).
`consent explain --for patient` tells the reasons of one exchange, record by record.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.audit.interface import Disclosure

_EN = {
    "deliver": "{who} asked to see your record for {purpose}.",
    "all": "It was shown to them.",
    "part": "Part of it was shown to them, part was not.",
    "none": "None of it was shown to them.",
    "receive": "Your record came from {who}.",
    "ask": "{me} asked {who} for your record, for {purpose}.",
    "answer": "{who} answered for your record.",
    "consent": "A choice of yours was recorded by {by}: {what}.",
    "breakglass": "Emergency access to your record, by {by}: {what}.",
    "told": "You were told of an emergency access to your record, by {by}.",
    "erase": "Part of your record was erased for good, by {by}.",
    "report": "{by} read what is logged about you.",
    "consents": "{by} took a copy of your choices.",
    "receipt": "{by} made your receipt.",
    "original": "{by} read a message about you as it came in.",
    "other": "Something was done with your record by {by}.",
    "as": "{user} of {organisation}",
}
_DE = {
    "deliver": "{who} wollte Ihre Akte sehen, für: {purpose}.",
    "all": "Sie wurde gezeigt.",
    "part": "Ein Teil wurde gezeigt, ein Teil nicht.",
    "none": "Nichts davon wurde gezeigt.",
    "receive": "Ihre Akte kam von {who}.",
    "ask": "{me} fragte {who} nach Ihrer Akte, für: {purpose}.",
    "answer": "{who} antwortete zu Ihrer Akte.",
    "consent": "Eine Entscheidung von Ihnen wurde von {by} festgehalten: {what}.",
    "breakglass": "Notfallzugriff auf Ihre Akte, durch {by}: {what}.",
    "told": "Ihnen wurde ein Notfallzugriff auf Ihre Akte mitgeteilt, durch {by}.",
    "erase": "Ein Teil Ihrer Akte wurde von {by} endgültig gelöscht.",
    "report": "{by} hat gelesen, was über Sie protokolliert ist.",
    "consents": "{by} hat Ihre Entscheidungen kopiert.",
    "receipt": "{by} hat Ihren Beleg ausgestellt.",
    "original": "{by} hat eine Nachricht über Sie gelesen, wie sie ankam.",
    "other": "Mit Ihrer Akte ist etwas geschehen, durch {by}.",
    "as": "{user} von {organisation}",
}
_KINDS = frozenset(("deliver", "receive", "ask", "answer", "consent", "breakglass", "erase", "report"))
WORDS: Mapping[str, Mapping[str, str]] = {"en": _EN, "de": _DE}
LANGUAGES = tuple(WORDS)


def sentences(one: "Disclosure", me: str, language: str) -> str:
    """What one entry of the ledger means for her; `me`: the node that logged it."""
    words, detail = WORDS[language], one.detail
    said = words[_key(one)].format(
        who=_who(one, words),
        me=me,
        purpose=_purpose(str(detail.get("purpose", "")), language),
        by=detail.get("by") or _who(one, words) or me,
        what=detail.get("consent") or detail.get("action") or detail.get("grant") or "-",
    )
    return f"{said} {words[_extent(detail)]}" if one.kind == "deliver" else said


def _key(one: "Disclosure") -> str:
    view = one.detail.get("view")
    if one.kind == "report" and view not in ("accessed", "events"):
        return str(view) if view in ("consents", "receipt", "original") else "other"
    if one.detail.get("action") == "notice-tell":
        return "told"
    return one.kind if one.kind in _KINDS else "other"


def _extent(detail: Mapping[str, object]) -> str:
    if not detail.get("permitted"):
        return "none"
    return "part" if detail.get("denied") else "all"


def _who(one: "Disclosure", words: Mapping[str, str]) -> str:
    """The user and her organisation where the request named one."""
    organisation = str(one.detail.get("organisation") or one.peer)
    user = str(one.detail.get("practitioner") or "").rpartition("|")[2]
    return words["as"].format(user=user, organisation=organisation) if user else organisation


def _purpose(code: str, language: str) -> str:
    from consent.catalogue import CATALOGUE

    words = CATALOGUE[language]
    return words.get(f"purpose.{code}") or words["purpose"].format(code=code)
