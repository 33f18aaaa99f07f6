"""The patient's voice: every reason has its sentence in every language, and no hold names anybody."""

import pytest

from consent.catalogue import CATALOGUE
from consent.decision import Deny, Permit
from consent.errors import Uncomputable
from consent.vocabulary import REASONS, STAGES
from consent.voices import for_patient, languages, sentence_key

SAID = {"org": "hosp-ash", "purpose": "TREAT", "custodian": "gp-fern"}


def test_every_language_says_the_same_sentences() -> None:
    """No entry is missing, none is left over, and each keeps its places for names."""
    for words in CATALOGUE.values():
        assert words.keys() == CATALOGUE["en"].keys()
        assert all(set_of(words[key]) == set_of(CATALOGUE["en"][key]) for key in words)


def set_of(text: str) -> set[str]:
    return {name for name in ("org", "purpose", "consent", "whom", "code") if f"{{{name}}}" in text}


@pytest.mark.parametrize("language", sorted(CATALOGUE))
@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_is_told(reason: str, language: str) -> None:
    """A closed reason has a sentence: not the one for a malformed request, unless it is that."""
    layer = "L2" if reason in STAGES or reason.startswith("onward") else "L1" if "lawful" in reason else "L3"
    layer = "L4" if reason == "redaction-breaks-resource" else layer
    decision = Deny(layer, reason)  # type: ignore[arg-type]
    told = for_patient(decision, **SAID, language=language)
    assert "hosp-ash" in told
    assert "gp-fern" in told
    assert (sentence_key(decision) == "question") == (
        reason in ("purpose-missing-or-unknown", "btg-undeclared")
    )


def test_a_hold_of_the_source_reads_the_same_whatever_it_is() -> None:
    """Neither its code nor anybody behind it is told; the same for every hold."""
    told = {for_patient(Deny("L4", code, trace=({"layer": "L4", "rule": code, "value": "DENY"},)), **SAID)
            for code in ("safeguarding-hold", "serious-harm", "redaction-breaks-resource")}  # fmt: skip
    assert len(told) == 1
    assert "hold" not in told.pop().replace("hold this", "").replace("holds it", "")


def test_her_own_choice_is_named_where_it_decided() -> None:
    """Which consent and provision, and how to change it; a permit of the law names none."""
    entry = {"layer": "L3", "value": "DENY", "consent": "c2/_history/3", "path": "provision.provision[1]"}
    told = for_patient(Deny("L3", "consent-deny", trace=(entry,)), **SAID)
    assert "c2 v3 provision 2" in told
    assert "withdraw" in told
    implied = for_patient(Permit("L1", "implied:care", redactions=("Patient.name",), trace=(entry,)), **SAID)
    assert "c2" not in implied
    assert "parts left out" in implied
    assert "treatment" in implied
    assert "HQUALIMP" in for_patient(Permit("L1", "mandate:x"), **(SAID | {"purpose": "HQUALIMP"}))
    assert "law does not" in for_patient(Deny("L1", "uk-pds-sensitive"), **SAID)


def test_an_unknown_language_is_refused() -> None:
    """A region is its language; another one is no guess."""
    assert for_patient(Deny("L3", "no-consent"), **SAID, language="de-CH").startswith("hosp-ash wollte")
    with pytest.raises(Uncomputable):
        for_patient(Deny("L3", "no-consent"), **SAID, language="xx")
    assert languages() == ("en", "de")
