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
    disclosure, decision = map(valid, audit_events(logged()))
    assert [profile(disclosure), profile(decision)] == ["Source", ""]
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


def test_a_denial_discloses_nothing():
    """Outcome 8 with the reason code, and no disclosure event."""
    (decision,) = map(valid, audit_events(logged(permitted=[])))
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
