"""A decision told to the patient: who asked, for what, what happened, which of her choices decided.

And the notice that she gets of an emergency, without what those who looked said about her.
"""

from collections.abc import Mapping

from consent.catalogue import CATALOGUE
from consent.decision import Decision, Permit
from consent.errors import Uncomputable
from consent.explain import consent_words
from consent.instants import Micros, datetime_from_micros
from consent.notice import Notice
from consent.vocabulary import STAGES

_GROUPS = (
    ("implied:", "implied"),
    ("mandate:", "mandate"),
    ("proxy-not", "proxy"),
    ("proxy-suspended", "proxy"),
    ("proxy-excluded", "proxy"),
    ("onward-sharing-forbidden", "onward"),
    ("purpose-missing", "question"),
    ("btg-undeclared", "question"),
)
_OF_LAYER = {"L1": "law", "L2": "agreement", "L4": "source"}


def languages() -> tuple[str, ...]:
    """Languages that the catalogue speaks."""
    return tuple(CATALOGUE)


def for_patient(decision: Decision, *, org: str, purpose: str, custodian: str, language: str = "en") -> str:
    """Plain sentences, one a line; a language like `de-CH` is its base. Raises `Uncomputable` for another.

    Never whom a hold of the source protects: all holds read the same.
    """
    words = _words(language)
    key = sentence_key(decision)
    said = [
        words["asked"].format(org=org, purpose=_purpose(words, purpose)),
        f"{words[decision.effect]} {words[key]}",
    ]
    consent = _deciding(decision)
    if consent:
        said.append(words["choice"].format(consent=consent))
    change = words.get(f"{key}.change")
    return "\n".join([*said, *([change] if change else []), words["ask"].format(whom=custodian)])


def reader_to_patient(permit: Permit, *, org: str, purpose: str, language: str = "en") -> str:
    """One who may see a record, and why, in one line. Raises `Uncomputable` for another language."""
    words = _words(language)
    who = words["who"].format(org=org, purpose=_purpose(words, purpose))
    return f"{who} {words[permit.effect]} {words[sentence_key(permit)]}"


def nobody_to_patient(language: str = "en") -> str:
    """That nobody else may. Raises `Uncomputable` for another language."""
    return _words(language)["nobody"]


def notice_to_patient(notice: Notice, *, me: str, language: str = "en") -> str:
    """The letter of one notice: who opened her record, when and how often, why, and what she can do.

    `me`: whom to ask. Days are UTC. Raises `Uncomputable` for another language.
    """
    words, count = _words(language), len(notice.exchanges)
    first, last = (_day(at) for at in (notice.opened, notice.last))
    said = words["notice.once" if count < 2 else "notice.often"]
    return "\n".join([
        said.format(org=notice.org, count=count, first=first, last=last),
        words["notice.why"], words["notice.right"].format(me=me), words["notice.change"],
    ])  # fmt: skip


def _day(at: Micros) -> str:
    return datetime_from_micros(at).date().isoformat()


def _words(language: str) -> Mapping[str, str]:
    found = CATALOGUE.get(language.partition("-")[0].lower())
    if found is None:
        raise Uncomputable("language", f"is none of {', '.join(languages())}")
    return found


def sentence_key(decision: Decision) -> str:
    """The entry of the catalogue that tells why."""
    reason = decision.reason
    for start, key in _GROUPS:
        if reason.startswith(start):
            return key
    if reason in STAGES:
        return "agreement"
    if reason in CATALOGUE["en"]:
        return reason
    return _OF_LAYER.get(decision.layer, "question")


def _purpose(words: Mapping[str, str], code: str) -> str:
    return words.get(f"purpose.{code}") or words["purpose"].format(code=code)


def _deciding(decision: Decision) -> str:
    """Her own consent, where one decided."""
    entries = [one for one in decision.trace if one["layer"] == decision.layer == "L3" and "consent" in one]
    return consent_words(entries[-1]) if entries else ""
