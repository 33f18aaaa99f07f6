"""Laws of the decision, over generated questions with all layers in play: deny < permit-redacted < permit."""

import json
import os
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.agreement import Statement, agreement_from_json
from consent.decision import Decision, Deny, Permit
from consent.digest import INLINE_LABEL, ResourceContext, digest
from consent.directory import directory_from_json
from consent.evaluate import evaluate
from consent.explain import Released, for_requester, receipt
from consent.facts import facts_from_bytes, facts_to_bytes
from consent.floor import shipped_floor, shipped_packs
from consent.plan import plan
from consent.record import consent_from_json
from consent.request import AccessRequest, Emergency
from consent.source_rules import source_rules_from_json
from consent.vocabulary import REASONS, TELLABLE

V3 = "http://terminology.hl7.org/CodeSystem/v3-"
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ME, OTHER = "Patient/patient-under-test", "Patient/patient-beside"
REGISTER: dict[str, Any] = {
    "org_parent": {"ward": "hosp", "hosp": "trust", "desk": "gp"},
    "practitioner_orgs": {"dr-a": ["ward"], "dr-b": ["ward"]},
    "groups": {"team": ["dr-a"]},
    "births": {ME: "2014-05"},
    "patient_flags": {ME: ["ndop"]},
    "proxies": [{"proxy": "RelatedPerson/r", "patient": ME, "kind": "parental", "rights": ["view", "consent"],
                 "verified": True}],
}  # fmt: skip
DIRECTORY = directory_from_json(REGISTER)
ORDER = {"deny": 0, "permit-redacted": 1, "permit": 2}
SOURCE_CODES = {"hold", "local"}

CODES = ["TREAT", "ETREAT", "BTG", "HRESCH", "HMARKT", "HLEGAL", "PATRQT"]
labels = st.sampled_from([("Confidentiality", code) for code in "LNRV"] + [("ActCode", code) for code in
                         ("PSY", "MH", "PSYTHPN", "HIV", "SDV", "42CFRPart2", "ODD")])  # fmt: skip
label_codings = labels.map(lambda pair: {"system": V3 + pair[0], "code": pair[1]})
some = lambda strategy: st.lists(strategy, min_size=1, max_size=2)  # noqa: E731
concepts = st.sampled_from(["a", "b", "c"]).map(lambda code: {"coding": [{"system": "s", "code": code}]})
periods = st.sampled_from([{"start": "2025"}, {"end": "2024-06"}, {"start": "2024", "end": "2026"}, {}])
actors = st.builds(
    lambda reference, role: {"reference": {"reference": reference}} | ({"role": {"coding": [{"code": role}]}} if role else {}),
    st.sampled_from(["Organization/trust", "Organization/ward", "Organization/gp", "Practitioner/dr-a", "Group/team",
                     "Group/unknown", "PractitionerRole/doctor", "Practitioner/stray", "Patient/p"]),
    st.sampled_from([None, "IRCP", "CST", "AUT"]),
)  # fmt: skip
ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "period": periods,
    "actor": some(actors),
    "action": some(st.sampled_from(["access", "disclose", "odd"]).map(lambda code: {"coding": [{"code": code}]})),
    "purpose": some(st.sampled_from([*CODES, "ODD"]).map(lambda code: {"system": V3 + "ActReason", "code": code})),
    "class": some(st.sampled_from(["Observation", "Patient"]).map(lambda code: {"code": code})),
    "code": some(concepts),
    "securityLabel": some(label_codings),
    "dataPeriod": periods,
    "data": some(st.sampled_from([("instance", "Observation/o1"), ("related", "Encounter/e"), ("authoredby", "Practitioner/w")])
                 .map(lambda pair: {"meaning": pair[0], "reference": {"reference": pair[1]}})),
}  # fmt: skip


def trees(kinds: list[str], depth: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, Any] = dict(ELEMENTS)
    if depth:
        optional["provision"] = st.lists(st.deferred(lambda: trees(kinds, depth - 1)), min_size=1, max_size=2)
    drawn = st.fixed_dictionaries({"type": st.sampled_from(kinds)}, optional=optional)
    keep = st.sets(st.sampled_from(sorted(optional)), max_size=3)
    return st.builds(
        lambda node, kept: {key: value for key, value in node.items() if key == "type" or key in kept},
        drawn,
        keep,
    )


def consents(kinds: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda id_, status, given_, key, who, by, tree: {
            "resourceType": "Consent", "id": id_, "status": status, "dateTime": given_,
            "patient": {"reference": who}, "policy": [{"uri": key}], "provision": tree,
        } | ({"performer": [{"reference": by}]} if by else {}),
        st.sampled_from(["c1", "c2", "c3"]), st.sampled_from(["active", "active", "active", "inactive", "draft"]),
        st.sampled_from(["2024", "2025-01-01", "2026-02-01"]), st.sampled_from(["k1", "k2"]),
        st.sampled_from([ME, ME, ME, OTHER]), st.sampled_from([None, None, "RelatedPerson/r", "RelatedPerson/x"]),
        trees(kinds),
    )  # fmt: skip


terms = st.fixed_dictionaries(
    {"purposes": some(st.sampled_from(["TREAT", "HRESCH", "HMARKT"]))},
    optional={
        "roles": some(st.sampled_from(["doctor", "nurse"])),
        "data_classes": some(st.sampled_from(["Observation", "Patient"])),
        "exclude_sensitivity": some(st.sampled_from(["MH", "HIV"])),
        "max_confidentiality": st.sampled_from("NRV"),
        "lookback_days": st.sampled_from([30, 5000]),
        "elements_redacted": some(
            st.sampled_from(["Observation.note", "Observation.code", "Observation.issued"])
        ),
        "obligations": some(st.sampled_from(["CPLYPOL", "DELAU"])),
    },
)


def agreements(ids: list[str]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda id_, emergency, onward, listed, signers, way: replace(
            agreement_from_json({
                "id": id_, "version": 1, "providers": way[:1], "recipients": way[1:], "effective": {"start": "2025"},
                "emergency": emergency, "onward": onward, "terms": listed}),
            statements=tuple(Statement(org, "sign", 0) for org in signers)),
        st.sampled_from(ids), st.booleans(), st.sampled_from(["none", "consent", "same-terms"]),
        st.lists(terms, min_size=1, max_size=2),
        st.sampled_from([("gp", "trust"), ("gp", "trust", "hosp"), ("gp",)]),
        st.sampled_from([["gp", "trust"], ["gp", "hosp"], ["trust", "gp"]]),
    )  # fmt: skip


USUAL = agreement_from_json({
    "id": "D0", "version": 1, "providers": ["gp"], "recipients": ["trust"], "effective": {"start": "2025"},
    "emergency": True, "terms": [{"purposes": ["TREAT", "HRESCH"], "max_confidentiality": "V"}],
}, (Statement("gp", "sign", 0), Statement("trust", "sign", 0)))  # fmt: skip

resources = st.builds(
    lambda security, inline, when, code, author: {
        "resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": ME}, "code": code,
        "encounter": {"reference": "Encounter/e"}, "issued": "2024-01-01T00:00:00Z",
        "note": [{"text": "x"} | ({"extension": [{"url": INLINE_LABEL, "valueCoding": inline}]} if inline else {})],
    } | ({"meta": {"security": security}} if security else {}) | ({"effectiveDateTime": when} if when else {})
    | ({"performer": [{"reference": author}]} if author else {}),
    st.lists(label_codings, max_size=2), st.one_of(st.none(), label_codings),
    st.sampled_from([None, "2024", "2025-06-01", "2026"]), st.one_of(concepts, st.just({"text": "x"})),
    st.sampled_from([None, "Practitioner/w", "Practitioner/v"]),
)  # fmt: skip

RULES: list[dict[str, Any]] = [
    {"effect": "deny", "code": "hold", "when": {"label": ["SDV"]}},
    {"effect": "deny", "code": "local", "overridable": True, "when": {"label": ["MH"]}},
    {"effect": "redact", "elements": ["Observation.note"], "when": {"role_not_in": ["doctor"]}},
]


@dataclass(frozen=True)
class Question:
    request: AccessRequest
    resource: dict[str, Any]
    context: ResourceContext
    pack: str
    agreements: tuple[Any, ...]
    consents: tuple[dict[str, Any], ...]
    rules: tuple[dict[str, Any], ...]

    def parts(self) -> tuple[Any, ...]:
        return (
            DIRECTORY, shipped_floor(self.pack), self.agreements,
            tuple(consent_from_json(item) for item in self.consents), source_rules_from_json(list(self.rules)),
        )  # fmt: skip

    def decide(self) -> Decision:
        return evaluate(self.request, digest(self.resource, self.context), *self.parts())


emergencies = st.sampled_from([None, None, Emergency(True, "fell"), Emergency(True, " ")])
PURPOSES = (
    [("TREAT",)] * 6 + [("ETREAT",)] * 6 + [("HRESCH",)] * 2 + [("TREAT", "ETREAT"), ("HRESCH", "TREAT")]
)
PURPOSES += [(code,) for code in ("BTG", "HMARKT", "HLEGAL", "LUNCH")]
"""Weighted, so that most questions come as far as the patient's consents."""
clinicians = st.builds(
    AccessRequest, id=st.just("r"), subject=st.just(ME), org=st.sampled_from(["ward", "hosp", "ward", "ward", "desk"]),
    purpose=st.sampled_from(PURPOSES), at=st.just(AT),
    practitioner=st.sampled_from([None, "dr-a", "dr-b"]), roles=st.sampled_from([("doctor",), ("doctor",), ("nurse",), ()]),
    action=st.sampled_from(["access", "disclose"]), emergency=emergencies,
    mandate=st.sampled_from([None] * 9 + ["court-order"]),
)  # fmt: skip
persons = st.builds(
    lambda asked, person, purpose: replace(asked, person=person, purpose=(purpose,)),
    clinicians, st.sampled_from([ME, "RelatedPerson/r"]), st.sampled_from(["PATRQT", "FAMRQT", "TREAT"]),
)  # fmt: skip
requests = st.integers(0, 7).flatmap(lambda drawn: clinicians if drawn else persons)
contexts = st.builds(
    ResourceContext, custodian=st.just("gp"), received_under=st.sampled_from([None] * 6 + ["D1", "D8"]),
    patients=st.sampled_from([(), (), (), (ME, OTHER)]),
)  # fmt: skip
questions = st.builds(
    Question, requests, resources, contexts, st.sampled_from(["opt-in", "opt-out", "opt-out", "uk", "us", "eu"]),
    st.builds(lambda more, usual: (*([USUAL] if usual else []), *more), st.lists(agreements(["D1", "D2"]), max_size=2), st.sampled_from([True, True, True, False])),
    st.lists(consents(["permit", "deny"]), max_size=3).map(tuple),
    st.lists(st.sampled_from(RULES), max_size=2).map(tuple),
)  # fmt: skip

LAWS = int(os.environ.get("CAREPACT_LAWS", "300"))
"""How many questions each law is tried on; `make soak` asks for 20 000."""
law = settings(max_examples=LAWS, deadline=None, suppress_health_check=list(HealthCheck))


def rank(decision: Decision) -> int:
    return ORDER[decision.effect]


@law
@given(questions, consents(["deny"]))
def test_adding_a_deny_only_consent_never_widens(question: Question, refusal: dict[str, Any]) -> None:
    """A refusal under a key of its own takes away or changes nothing."""
    refusal |= {"id": "fresh", "policy": [{"uri": "fresh"}]}
    after = replace(question, consents=(*question.consents, refusal)).decide()
    assert rank(after) <= rank(question.decide())


@law
@given(questions, agreements(["D9"]))
def test_adding_an_agreement_never_narrows(question: Question, agreement: Any) -> None:
    """Another agreement gives or changes nothing."""
    after = replace(question, agreements=(*question.agreements, agreement)).decide()
    assert rank(after) >= rank(question.decide())


@law
@given(questions)
def test_declaring_an_emergency_never_narrows(question: Question) -> None:
    """Who declares one gets at least what she would have got without."""
    calm = replace(question, request=replace(question.request, emergency=None))
    declared = replace(calm, request=replace(calm.request, emergency=Emergency(True, "fell")))
    assert rank(declared.decide()) >= rank(calm.decide())


@law
@given(questions, st.sampled_from("RV"))
def test_raising_confidentiality_never_widens(question: Question, level: str) -> None:
    """One more label that says it is more sensitive."""
    held = question.resource.get("meta", {}).get("security", [])
    raised = [*held, {"system": V3 + "Confidentiality", "code": level}]
    if not any(label["system"].endswith("Confidentiality") for label in held):
        raised.append({"system": V3 + "Confidentiality", "code": "V"})
    higher = replace(question, resource={**question.resource, "meta": {"security": raised}})
    assert rank(higher.decide()) <= rank(question.decide())


def turned(provision: dict[str, Any]) -> dict[str, Any]:
    """The same tree with siblings in reverse."""
    below = provision.get("provision")
    return {**provision, "provision": [turned(child) for child in reversed(below)]} if below else provision


@law
@given(questions)
def test_order_changes_nothing(question: Question) -> None:
    """Consents, agreements and sibling provisions in another order: same answer, reason included."""
    other = replace(
        question,
        agreements=question.agreements[::-1],
        consents=tuple(
            {**item, "provision": turned(item["provision"])} for item in reversed(question.consents)
        ),
    )
    if len({item.id for item in question.agreements}) < len(question.agreements):
        other = replace(other, agreements=question.agreements)
    one, two = question.decide(), other.decide()
    assert replace(one, trace=()) == replace(two, trace=())


@law
@given(questions)
def test_unfiltered_permit_never_narrows_and_its_withdrawal_never_widens(question: Question) -> None:
    """Saying yes to everything, and taking it back, ends where it began."""
    yes = {
        "resourceType": "Consent", "id": "fresh", "status": "active", "dateTime": "2025-02-02",
        "patient": {"reference": ME}, "policy": [{"uri": "fresh"}], "provision": {"type": "permit"},
    }  # fmt: skip
    given_ = replace(question, consents=(*question.consents, yes))
    taken = replace(question, consents=(*question.consents, yes | {"status": "inactive"}))
    assert rank(given_.decide()) >= rank(question.decide())
    assert rank(taken.decide()) <= rank(given_.decide())
    assert replace(taken.decide(), trace=()) == replace(question.decide(), trace=())


@law
@given(questions)
def test_unnamed_user_never_gets_more_than_the_best_named_colleague(question: Question) -> None:
    """Leaving the name out is never the better way to ask."""
    by = [
        rank(replace(question, request=replace(question.request, practitioner=who)).decide())
        for who in (None, "dr-a", "dr-b", "dr-nobody-listed")
    ]
    assert by[0] <= max(by[1:])


@law
@given(questions, st.lists(st.tuples(resources, contexts), max_size=4))
def test_plan_equals_evaluate(question: Question, others: list[tuple[Any, Any]]) -> None:
    """A plan made once answers each of many resources as a decision of its own, trace included, also from stored facts."""
    made = plan(question.request, *question.parts())
    for resource, context in [
        (question.resource, question.context),
        *others,
        (question.resource, question.context),
    ]:
        facts = digest(resource, context)
        assert made.decide(facts_from_bytes(facts_to_bytes(facts))) == evaluate(
            question.request, facts, *question.parts()
        )


@law
@given(questions)
def test_reasons_are_of_the_closed_list_and_refusals_carry_nothing(question: Question) -> None:
    """Every code is in the enum, of the pack, or of a source rule; the requester sees tellable ones only."""
    decision = question.decide()
    packs = {rule.code for rule in shipped_floor(question.pack).rules}
    known = (
        REASONS | SOURCE_CODES | packs | {f"{way}:{code}" for code in packs for way in ("implied", "mandate")}
    )
    assert decision.reason in known
    if isinstance(decision, Deny):
        assert for_requester(decision, "d").get("reason") in TELLABLE | {"not-available"}
    else:
        assert isinstance(decision, Permit)
        assert "AUDIT" in decision.obligations
        assert list(decision.obligations) == sorted(set(decision.obligations))


@law
@given(questions)
def test_replay_gives_the_same_bytes(question: Question) -> None:
    """The receipt of the same question is the same, byte for byte."""
    about = Released("Observation/o1", "1", "gp", "00")

    def kept() -> bytes:
        return receipt(question.decide(), question.request, about, id="d", exchange="x", epochs={})

    assert kept() == kept()


json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.sampled_from(["permit", "deny", "2025"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(
        st.sampled_from(["type", "provision", "purpose", "actor", "reference", "coding", "code", "system", "period",
                         "start", "end", "data", "extension", "meta", "security", "x"]), inner, max_size=4)),
    max_leaves=12,
)  # fmt: skip


@law
@given(questions, st.data())
def test_a_decision_never_raises_on_data(question: Question, data: st.DataObject) -> None:
    """Any member of a consent or resource replaced by anything: still an answer; a spoilt consent never widens."""
    spoilt = list(question.consents)
    if spoilt:
        at = data.draw(st.integers(0, len(spoilt) - 1))
        name = data.draw(
            st.sampled_from([*sorted(spoilt[at]), "meta", "organization", "scope", "policyRule"])
        )
        spoilt[at] = {**spoilt[at], name: data.draw(json_values)}
    name = data.draw(st.sampled_from([*sorted(question.resource), "contained", "extension", "patient"]))
    resource = {**question.resource, name: data.draw(json_values)}
    decision = replace(question, consents=tuple(spoilt), resource=resource).decide()
    assert isinstance(decision, (Permit, Deny))
    assert isinstance(replace(question, consents=(data.draw(json_values),)).decide(), (Permit, Deny))


@pytest.fixture(scope="module")
def oracle() -> Any:
    """A second reading of the specification, which shares no code with the engine."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    try:
        import oracle as reading
        import oracle_decision as decision
    finally:
        sys.path.remove(folder)
    for module in [name for name in sys.modules if name.startswith("oracle")]:
        text = Path(sys.modules[module].__file__ or "").read_text("utf-8")
        assert "consent." not in "".join(line for line in text.splitlines() if "import" in line)
    return reading, decision


def documents(question: Question) -> list[dict[str, Any]]:
    """The agreements as their documents, with who signed beside."""
    found = []
    for item in question.agreements:
        terms = []
        for term in item.terms:
            said = {"purposes": sorted(term.purposes), "roles": sorted(term.roles),
                    "data_classes": sorted(term.data_classes), "exclude_sensitivity": sorted(term.exclude_sensitivity),
                    "max_confidentiality": "ULMNRV"[term.max_confidentiality], "lookback_days": term.lookback_days,
                    "elements_redacted": list(term.elements_redacted), "obligations": list(term.obligations)}  # fmt: skip
            terms.append(said)
        found.append({"id": item.id, "providers": sorted(item.providers), "recipients": sorted(item.recipients),
                      "effective": {"start": "2025"}, "emergency": item.emergency, "onward": item.onward,
                      "terms": terms, "signed": [made.org for made in item.statements]})  # fmt: skip
    return found


@law
@given(questions)
def test_the_engine_says_what_a_second_reading_of_the_specification_says(
    oracle: Any, question: Question
) -> None:
    """Effect, layer, reason, obligations and redactions of every question, by code that shares nothing."""
    reading, decision = oracle
    pack = json.loads(shipped_packs()[question.pack])
    world = reading.World(question, REGISTER, pack, documents(question))
    want = decision.answer(world, question.resource, INLINE_LABEL)
    got = question.decide()
    said = {"effect": got.effect, "layer": got.layer, "reason": got.reason,
            "obligations": list(got.obligations) if isinstance(got, Permit) else [],
            "redactions": list(got.redactions) if isinstance(got, Permit) else []}  # fmt: skip
    assert said == want
