"""LOG-09: AuditEvents of BALP, computed from leaves: valid R4, of the fixed parts, stable, and without names."""

import pytest

from gateway.fhir.audit_event import Logged, audit_events

DETAIL = {
    "exchange": "x-1", "client": "ward", "organisation": "north.example", "purpose": "TREAT",
    "practitioner": "https://fhir.nhs.uk/Id/sds-user-id|G123", "roles": [], "operation": "everything",
    "permitted": ["consent-permit"], "denied": ["consent-deny"], "sources": [],
}  # fmt: skip


def logged(kind="deliver", **detail):
    return Logged("ab" * 32, "2026-03-01T09:30:00Z", kind, "north.example", "north.example/ward", "m" * 43,
                  "Patient/p1", DETAIL | detail)  # fmt: skip


def valid(event):
    from fhir.resources.R4B.auditevent import AuditEvent

    AuditEvent.model_validate(event)
    return event


def profile(event):
    return event.get("meta", {}).get("profile", [""])[0].rpartition(".")[2]


def test_a_disclosure_and_its_decision():
    """What left has a Source event paired by `md`; the decision has its own, with user, organisation and purpose."""
    disclosure, decision, query = map(valid, audit_events(logged()))
    assert [profile(one) for one in (disclosure, decision, query)] == [
        "Source",
        "AuthZconsent",
        "PatientQuery",
    ]
    assert (disclosure["type"]["code"], disclosure["subtype"][0]["code"], disclosure["action"]) == (
        "110106", "disclose", "R",
    )  # fmt: skip
    roles = [agent["type"]["coding"][0]["code"] for agent in disclosure["agent"]]
    assert roles == ["110153", "110152", "159541003", "429577009"]
    assert disclosure["entity"][1]["what"]["identifier"]["value"] == "m" * 43
    assert (decision["type"]["code"], decision["outcome"]) == ("110113", "0")
    assert [agent["requestor"] for agent in decision["agent"]] == [False, True, False, False]
    assert decision["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    assert {disclosure["id"], decision["id"]} == {"ab" * 31 + "-d", "ab" * 31 + "-a"}


def test_the_decision_obeys_authzconsent():
    """BALP 1.1: the four agents once each, the authorizer observes, closed entities: patient and consents alone."""
    for detail in ({}, {"consents": ["c1@2", "c2@1"]}, {"permitted": []}):
        decision = next(e for e in audit_events(logged(**detail)) if profile(e) == "AuthZconsent")
        valid(decision)
        agents = {agent["type"]["coding"][0]["code"]: agent for agent in decision["agent"]}
        assert list(agents) == ["110150", "IRCP", "PROV", "authserver"]
        assert "v3-RoleClass" in agents["PROV"]["type"]["coding"][0]["system"]
        assert "extra-security-role-type" in agents["authserver"]["type"]["coding"][0]["system"]
        assert agents["authserver"]["who"] == decision["source"]["observer"]
        assert "network" in agents["110150"] and "purposeOfUse" not in agents["110150"]
        assert [one.get("requestor") for one in agents.values()] == [False, True, False, False]
        kinds = [entity["type"]["code"] for entity in decision["entity"]]
        assert kinds[0] == "1" and set(kinds[1:]) == {"Consent"}
        assert (decision["action"], decision["subtype"][0]["code"]) == ("E", "AuthZ-Consent")
        assert decision["outcome"] == ("8" if detail.get("permitted") == [] else "0")
    named = next(e for e in audit_events(logged(consents=["c1@2"])) if profile(e) == "AuthZconsent")
    assert named["entity"][1]["what"]["reference"] == "Consent/c1/_history/2"


def test_the_search_obeys_patient_query():
    """Client, server and user; the query in base64 without what entities of a query must not have."""
    import base64

    query = next(e for e in audit_events(logged()) if profile(e) == "PatientQuery")
    agents = [agent["type"]["coding"][0]["code"] for agent in valid(query)["agent"]]
    assert agents == ["110153", "110152", "IRCP"] and query["outcome"] == "0"
    asked = next(e for e in query["entity"] if e.get("role", {}).get("code") == "24")
    assert not {"what", "lifecycle", "detail"} & asked.keys()
    assert base64.b64decode(asked["query"]) == b"Patient/$everything"


def test_both_sides_of_an_exchange_pair_by_digest():
    """LOG-09: what the one disclosed and the other received are two events with one `md` and swapped observers."""
    source = audit_events(logged("answer"))[0]
    theirs = Logged("cd" * 32, "2026-03-01T09:30:01Z", "receive", "north.example/ward", "north.example",
                    "m" * 43, "Patient/x", {"op": "query", "purpose": "TREAT"})  # fmt: skip
    (recipient,) = map(valid, audit_events(theirs))
    assert [profile(source), profile(recipient)] == ["Source", "Recipient"]
    assert source["entity"][1] == recipient["entity"][1]
    assert [a["who"] for a in source["agent"][:2]] == [a["who"] for a in recipient["agent"][:2]]
    assert source["source"]["observer"] == source["agent"][0]["who"]
    assert recipient["source"]["observer"] == recipient["agent"][1]["who"]
    assert (recipient["type"]["code"], recipient["action"]) == ("110107", "C")


def test_a_denial_discloses_nothing():
    """Outcome 8 with the reason code, and no disclosure event."""
    decision, _ = map(valid, audit_events(logged(permitted=[])))
    assert (decision["outcome"], decision["outcomeDesc"]) == ("8", "consent-deny")


@pytest.mark.parametrize(
    ("kind", "action"), [("consent", "U"), ("report", "R"), ("erase", "D"), ("breakglass", "E")]
)
def test_what_has_no_profile_is_a_plain_event(kind, action):
    """Consents, readings, erasures, emergencies: valid, without a claim of BALP."""
    (event,) = map(valid, audit_events(logged(kind, by="operator")))
    assert (profile(event), event["action"], event["subtype"][0]["code"]) == ("", action, kind)


def test_the_projection_is_stable():
    """The same leaf gives the same events, always."""
    assert audit_events(logged()) == audit_events(logged())
