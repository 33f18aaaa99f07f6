"""Corners that no case walks through: refusals of files, words of explanations, races of writers."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import create_engine

from consent.agreement import agreement_from_bytes
from consent.case_file import read_rows
from consent.cases import read_fixtures
from consent.decision import Deny, Permit
from consent.digest import ResourceContext, digest
from consent.directory import directory_from_json, directory_to_json
from consent.errors import AlreadySigned, StaleVersion, Uncomputable
from consent.explain import for_administrator, for_requester
from consent.fhir import admit, narrowed
from consent.floor import floor_from_json, shipped_floor
from consent.grant import Grant, GrantEvent
from consent.instants import interval
from consent.reading import names_emergency
from consent.record import consent_from_json
from consent.redact import redact
from consent.source_rules import source_rules_from_json
from consent.store.grants import SQLGrantRegistry
from consent.store.sql import SQLAgreementRegistry, SQLConsentRegistry, metadata


class Clear:
    """No encryption: what is tried is the order of writes."""

    def seal(self, subject: str, plain: bytes, aad: bytes) -> bytes:
        return plain

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes:
        return sealed


@pytest.mark.parametrize("document", [b"{", b"[1]", b'{"a":' * 100_000])
def test_an_agreement_that_is_no_json_object_is_refused(document: bytes) -> None:
    """Cut off, a list, nested without end."""
    with pytest.raises(Uncomputable):
        agreement_from_bytes(document)


def test_a_header_of_broken_quoting_is_no_case_file() -> None:
    """The first line already."""
    with pytest.raises(Uncomputable):
        read_rows('"id"x,group\n')


def test_fixtures_may_name_their_own_break_glass_roles() -> None:
    """`btg_roles` stands for `break_glass.roles` of every pack in the file."""
    world = read_fixtures(json.dumps({
        "known_purposes": ["TREAT"], "btg_roles": ["pilot"], "org_parent": {},
        "floors": {"a": {"rules": [{"when": {}, "mode": "OPT_OUT", "code": "x"}]}},
    }).encode())  # fmt: skip
    assert world.floors["a"].break_glass.roles == {"pilot"}


def test_a_resource_with_odd_members_has_no_patient() -> None:
    """A `meta` that is none, a member that has no name: nobody is given it; one label alone still counts."""
    context = ResourceContext(custodian="gp")
    assert digest({"resourceType": "Basic", "meta": 3}, context).patients == ()
    assert digest({"resourceType": "Basic", 7: 1}, context).patients == ()  # type: ignore[dict-item]
    inline = {
        "url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
        "valueCoding": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"},
    }
    security = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}
    facts = digest({"resourceType": "Basic", "extension": [inline], "meta": {"security": security}}, context)
    assert {"PSY", "HIV"} <= set(facts.labels.sensitivities)
    assert facts.about({}) is facts


def test_a_register_goes_out_and_comes_back_equal() -> None:
    """Every key, with periods open at either end and lists of labels, an empty one too."""
    right = {
        "proxy": "RelatedPerson/r",
        "patient": "Patient/p",
        "kind": "parental",
        "rights": ["view"],
        "verified": True,
    }
    value = {
        "org_parent": {"a": "b"}, "practitioner_orgs": {"d": ["a"]}, "groups": {"g": ["d"]}, "births": {"Patient/p": "2019"},
        "patient_flags": {"Patient/p": ["s-flag"]},
        "proxies": [right, right | {"period": {"start": "2020", "end": "2030-02"}, "exclude_labels": []},
                    right | {"period": {"end": "2030"}, "exclude_labels": ["SEX"]}],
    }  # fmt: skip
    directory = directory_from_json(value)
    assert directory_from_json(json.loads(json.dumps(directory_to_json(directory)))) == directory
    for key, wrong in (("proxies", {}), ("groups", []), ("births", {"Patient/p": "soon"})):
        with pytest.raises(Uncomputable):
            directory_from_json(value | {key: wrong})


def entry(layer: str, value: str, **more: Any) -> dict[str, Any]:
    return {"layer": layer, "value": value, **more}


LAW = entry("L1", "OPT_IN", rule="consent-required", pack="opt-in@1")
HERS = entry("L3", "DENY", consent="c2/_history/3", path="provision.provision[1]", matched=["labels=PSY"])


@pytest.mark.parametrize(("decision", "said"), [
    (Deny("L2", "no-dsa", trace=(entry("L2", "no-dsa", rule="no-dsa"),)),
     ["because  no agreement covers it: no-dsa", "changes  the two organisations agree on it"]),
    (Deny("L4", "local", True, (entry("L2", "PERMIT", rule="internal-use"), entry("L4", "DENY", rule="local"))),
     ["(break-glass could open it)", "because  the source holds it back: local", "though   internal use needs no",
      "changes  the source organisation lifts it; break-glass"]),
    (Deny("L3", "consent-deny", trace=(LAW, HERS)),
     ["consent c2 v3 provision 2 says DENY (labels=PSY)", "though   consent-required of opt-in@1 says OPT_IN"]),
    (Deny("L3", "no-consent", trace=(entry("L3", "NA"),)), ["because  no consent speaks", "changes  the patient"]),
    (Deny("L3", "consent-deny", trace=(entry("L3", "DENY", consent="c1/_history/1"),)), ["consent c1 v1 says DENY"]),
    (Permit("L3", "consent-permit", ("AUDIT",), ("Patient.name",), (LAW, HERS, entry(
        "L2", "PERMIT", agreement="D1@1", term="t1"))),
     ["PERMIT-REDACTED", "under    AUDIT", "without  Patient.name", "and      agreement D1@1 term t1 covers it"]),
    (Permit("L0", "self-access"), ["PERMIT  L0 self-access"]),
    (Deny("L1", "no-lawful-basis"), ["DENY  L1 no-lawful-basis"]),
])  # fmt: skip
def test_the_administrator_is_told_why_and_what_would_change_it(decision: Any, said: list[str]) -> None:
    """Each layer in words: what decided, what stood against it, obligations, redactions, the way out."""
    told = for_administrator(decision)
    assert all(text in told for text in said), told
    assert ("changes" in told) == any(
        "changes" in text for text in said + [told if "changes" in told else ""]
    )


def test_an_emergency_is_answered_alike_whatever_was_decided() -> None:
    """Eligible or not follows from request and agreement; a permit carries no reason."""
    permit = for_requester(Permit("L3", "break-glass"), "d1", emergency_eligible=True)
    assert permit == {"effect": "permit", "decision": "d1", "emergency": "eligible"}
    deny = for_requester(Deny("L3", "consent-deny"), "d2", emergency_eligible=False)
    assert deny == {
        "effect": "deny",
        "decision": "d2",
        "reason": "not-available",
        "emergency": "not-eligible",
    }


def consent(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/p"}, "dateTime": "2025",
        "scope": {"coding": [{"code": "patient-privacy"}]}, "provision": {"type": "permit"},
    } | more  # fmt: skip


def bytes_of(value: Any) -> bytes:
    return json.dumps(value).encode()


V3 = "http://terminology.hl7.org/CodeSystem/v3-"


@pytest.mark.parametrize(("changed", "path"), [
    ({"provision": {"type": "permit", "actor": [{}]}}, "actor[0].reference"),
    ({"provision": {"type": "permit", "data": [{"meaning": "instance"}]}}, "data[0].reference"),
    ({"policy": [{"authority": "x", "uri": 3}]}, "policy"),
    ({"provision": None, "policyRule": {"coding": [{"code": "ODD"}]}}, "provision"),
])  # fmt: skip
def test_half_a_reference_or_policy_is_refused_with_its_path(changed: dict[str, Any], path: str) -> None:
    """The element is named."""
    document = {key: value for key, value in consent(**changed).items() if value is not None}
    with pytest.raises(Uncomputable) as refused:
        admit(bytes_of(document))
    assert path in refused.value.path


def test_a_policy_without_address_and_roles_as_actors_are_admitted() -> None:
    """An authority alone is no key; a role is not looked up as somebody; a policy rule may stand alone."""
    actor = {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": "PractitionerRole/doctor"}}
    view = admit(
        bytes_of(consent(policy=[{"authority": "x"}], provision={"type": "permit", "actor": [actor]})),
        resolves=lambda reference: False,
    )
    assert view.policies == frozenset()
    bare = consent(policyRule={"coding": [{"code": "OPTIN"}]})
    del bare["provision"]
    assert admit(bytes_of(bare)).root.type == "permit"
    del bare["policyRule"]
    assert consent_from_json(bare).uncomputable is not None


def test_what_is_left_out_already_or_refuses_is_not_narrowed() -> None:
    """An exception that stands for the same recipients stays one; a refusal has nothing to narrow."""
    from consent.fhir import excepted_from_text

    psychiatry = excepted_from_text("label:PSY")
    actor = [{"reference": {"reference": "Organization/a"}}]
    child = narrowed(consent(), psychiatry)["provision"]["provision"][0]
    held = consent(provision={"type": "permit", "actor": actor, "provision": [{**child, "actor": actor}]})
    assert narrowed(held, psychiatry) == held
    with pytest.raises(Uncomputable):
        narrowed(consent(provision={"type": "deny"}), psychiatry)


def test_an_emergency_below_any_depth_counts() -> None:
    """What is nested beyond reading may name one: it denies the strongest."""
    deep: Any = {}
    for _ in range(150):
        deep = {"x": deep}
    assert names_emergency(deep)
    assert not names_emergency([{"x": [1]}])


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00+15:00", "2026-01-01T00:00:00+01:60", "2026-13", "x"])
def test_what_is_no_date_is_none(text: str) -> None:
    """An offset beyond the world's, minutes beyond the hour's."""
    assert interval(text) is None


def test_packs_and_rules_of_another_shape_are_refused() -> None:
    """An unknown pack, `not_mandate` false, rules that are no list."""
    rule = {"when": {"not_mandate": False}, "mode": "OPT_OUT", "code": "x"}
    for wrong in (
        lambda: shipped_floor("atlantis"),
        lambda: floor_from_json({"id": "x", "version": "1", "known_purposes": ["TREAT"], "rules": [rule]}),
        lambda: source_rules_from_json({}),
    ):
        with pytest.raises(Uncomputable):
            wrong()


@pytest.mark.parametrize(("resource", "paths", "want"), [
    ({"name": "x"}, ["Basic.[0]"], {"name": "x"}),
    ({"extension": [{"url": "a"}, {"url": "b"}]}, ["Basic.extension[0]"], {"extension": [{"url": "b"}]}),
    ({"contained": [{"id": "a"}]}, ["Basic.contained[0]"], {}),
    ({"given": ["a", "b"]}, ["Basic.given[5]"], {"given": ["a", "b"]}),
    ({"given": ["a", "b"]}, ["Basic.given[1]"], {"given": ["a", None]}),
    ({"_given": [None, {"id": "x"}]}, ["Basic.given[1]"], {}),
    ({"given": []}, ["Basic.given"], {}),
])  # fmt: skip
def test_masking_at_the_edges(resource: dict[str, Any], paths: list[str], want: dict[str, Any]) -> None:
    """Paths that are none, one of several, the last of a list, past its end, only beside a primitive."""
    cut = redact({"resourceType": "Basic", **resource}, paths)
    for name, value in want.items():
        assert cut.get(name) == value


def test_what_the_desk_may_leave_out() -> None:
    """Custodians and policies of a desk's consent; no purpose at all; signatures that are no list."""
    from datetime import UTC, datetime

    from consent.cases import agreement_from_case
    from consent.fhir import consent_document
    from consent.request import access_request_from_json

    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = consent_document(
        id="c", patient="Patient/p", at=at, permit=["TREAT"], custodians=["gp"], policy=["urn:p"]
    )
    assert made["organization"] == [{"reference": "Organization/gp"}]
    assert made["policy"] == [{"uri": "urn:p"}]
    asked = {"org": "o", "subject": "Patient/p", "at": "2026-01-01T00:00:00Z"}
    assert access_request_from_json(asked).purpose == ()
    assert access_request_from_json(asked | {"purpose": None}).purpose == ()
    with pytest.raises(Uncomputable):
        agreement_from_case({"id": "D", "status": "active", "signatures": {}, "providers": ["a"], "recipients": ["b"],
                             "effective": {"start": "2025"}, "terms": [{"purposes": ["TREAT"]}]}, "dsas[0]")  # fmt: skip


def test_a_consent_recorded_by_a_relative_organisation_needs_no_agreement() -> None:
    """The house above or below may record; a stranger only under an agreement that says so."""
    from consent.directory import Directory
    from consent.sharing import may_record_consent

    tree = Directory(org_parent={"ward": "trust"})
    assert may_record_consent("ward", "trust", tree, (), 0)
    assert may_record_consent("trust", "ward", tree, (), 0)
    assert not may_record_consent("gp", "ward", tree, (), 0)


def test_a_person_is_not_refused_before_her_record_is_looked_at() -> None:
    """Law and agreements are not asked about her own access."""
    from datetime import UTC, datetime

    from consent.directory import Directory
    from consent.plan import plan
    from consent.request import AccessRequest

    request = AccessRequest(
        "r", "Patient/p", "gp", ("PATRQT",), datetime(2026, 2, 1, tzinfo=UTC), person="Patient/p"
    )
    assert plan(request, Directory(), shipped_floor("uk"), (), ()).refusal("elsewhere") is None


@pytest.mark.parametrize("changed", [
    {"meta": 3}, {"meta": {"lastUpdated": "soon"}}, {"status": "maybe"}, {"scope": {"coding": []}},
    {"scope": {"coding": [{"code": "mood"}]}}, {"organization": [{"reference": "Patient/p"}]},
    {"provision": {"type": "permit", "data": [{"meaning": "instance", "reference": {"display": "x"}}]}},
])  # fmt: skip
def test_what_cannot_be_read_is_refused_at_the_door(changed: dict[str, Any]) -> None:
    """Members of another kind, unknown words, somebody of another type, a reference that is none."""
    with pytest.raises(Uncomputable):
        admit(bytes_of(consent(**changed)))


def test_two_who_write_at_once_are_one_and_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else inserts between the look and the write: a typed refusal, not a database error."""
    from datetime import UTC, datetime

    from consent.interface import StoredAgreement, StoredConsent, StoredStatement

    at = datetime(2026, 1, 1, tzinfo=UTC)
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    one = StoredConsent("c1", 1, "Patient/p", at, "gp", b"{}")
    paper = StoredAgreement("D1", 1, at, b"{}")
    made = StoredStatement("D1", 1, "gp", "sign", at, None, b"x")
    with engine.connect() as connection:
        consents, agreements = SQLConsentRegistry(connection, Clear()), SQLAgreementRegistry(connection)
        consents.put(one)
        monkeypatch.setattr(SQLConsentRegistry, "_newest", lambda self, id: None)
        with pytest.raises(StaleVersion):
            consents.put(one)
    with engine.connect() as connection:
        agreements = SQLAgreementRegistry(connection)
        agreements.put(paper)
        agreements.add_statement(made)
        with pytest.raises(StaleVersion):  # its look-up finds nothing, its insert meets the other's row
            SQLAgreementRegistry(_Blind(connection)).put(paper)  # type: ignore[arg-type]
        monkeypatch.setattr(SQLAgreementRegistry, "_statements", lambda self: {})
        with pytest.raises(AlreadySigned):
            agreements.add_statement(replace(made, org="trust"))
    with engine.connect() as connection:
        grants = SQLGrantRegistry(connection, Clear())
        grant = Grant("bg-1", "dr", "ward", "Patient/p", 1, (GrantEvent("open", 1, "dr", until=2),))
        grants.open(grant)
        monkeypatch.setattr("consent.store.grants.func", _Never())
        with pytest.raises(StaleVersion):
            grants.add(grant, GrantEvent("use", 2, "dr"))


class _Never:
    """Counts nothing, as before the other's commit."""

    def count(self) -> Any:
        from sqlalchemy import literal

        return literal(0)


class _Blind:
    """A connection whose queries find nothing yet, and whose inserts are real."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: Any, *more: Any) -> Any:
        done = self._connection.execute(statement, *more)
        return _Nothing() if statement.is_select else done


class _Nothing:
    def scalar(self) -> None:
        return None


def test_a_plan_decides_every_resource_as_the_plain_evaluation_does(world: Any) -> None:
    """Folded once, asked about a second resource and a second custodian: the same decisions, trace included."""
    from consent.plan import plan

    scene = world.scene.but(consents=(world.consent({"type": "permit"}),))
    made = plan(scene.request, scene.directory, scene.floor, scene.agreements, scene.views)
    other = scene.but(resource=world.observation("PSY"))
    elsewhere = scene.but(context=ResourceContext("elsewhere"))
    for one in (scene, other, elsewhere):
        assert made.decide(one.facts) == one.decide()
    assert {made.decide(one.facts).effect for one in (scene, elsewhere)} == {"permit", "deny"}


def test_a_look_back_that_reaches_the_resource_covers_it(world: Any) -> None:
    """Within the days that the term allows nothing is missing; one day less than its age, and it is too old."""
    age = (world.at.date() - date(2024, 5, 2)).days
    for days, reason in ((age, "implied:care-and-operations"), (age - 1, "dsa-lookback")):
        agreed = world.agreement(terms=[{"purposes": ["TREAT"], "lookback_days": days}])
        scene = world.scene.but(pack="opt-out", agreements=(world.signed(agreed),))
        assert scene.decide().reason == reason
