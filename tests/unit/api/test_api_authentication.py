"""Every route of the table: no token, a wrong scope, an expired token (http-api.md 1.3, 1.4, A-5)."""

import pytest

from gateway.api.routes import TABLE

pytestmark = pytest.mark.anyio
GUARDED = [row for row in TABLE if row.scope is not None]
PUBLIC = [row for row in TABLE if row.scope is None]


def _path(row):
    return row.path.replace("{id}", "some-id")


def _named(row):
    return f"{row.method} {row.path}"


def _is_refusal(reply, status, category):
    body = reply.json()
    assert reply.status_code == status
    assert body["resourceType"] == "OperationOutcome"
    assert body["issue"][0]["details"]["coding"][0]["code"] == category
    return True


async def _bodiless(standing, row, headers):
    """One call whose body fails the test if it is read; returns the messages that were sent."""
    sent = []

    async def receive():
        raise AssertionError("the body was read")

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": row.method,
        "scheme": "http",
        "path": _path(row),
        "raw_path": _path(row).encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1:8080"), (b"content-length", b"10"), *headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8080),
    }
    await standing.app(scope, receive, send)
    return sent


def test_every_route_with_patient_data_declares_its_scope():
    """Public: capability, SMART configuration, token; the member list; sealed exchange (others need a rule).

    `/ledger/` has none either: it holds nobody's data, and a member's token is its rule.
    """
    rooms = ("/directory/", "/ledger/")
    named = {row.path.rpartition("/")[2] for row in PUBLIC if not row.path.startswith(rooms)}
    assert named == {"metadata", "smart-configuration", "token", "exchange"}
    assert all(row.type and row.scope.startswith(f"{row.type}.") for row in GUARDED)


async def test_every_guarded_route_without_a_token_reads_no_body_and_is_401(standing):
    """Authority is checked first: without a token the answer is 401 and not one body byte was read."""
    for row in GUARDED:
        sent = await _bodiless(standing, row, [])
        head = sent[0]
        assert head["status"] == 401, _named(row)
        assert (b"www-authenticate", b"Bearer") in head["headers"], _named(row)
        assert b"OperationOutcome" in sent[1]["body"], _named(row)


async def test_a_made_up_token_is_the_same_401_on_every_route(standing):
    """An unknown token, one of wrong form and another scheme look exactly like no token."""
    offered = ("Bearer cpt_" + "A" * 43, "Bearer x", "Basic Y2xpbmljaWFuOng=", "Bearer", "")
    for row in GUARDED:
        bodies = set()
        for value in offered:
            reply = await standing.http.request(
                row.method, _path(row), headers={"Authorization": value} if value else {}
            )
            assert _is_refusal(reply, 401, "unauthenticated"), _named(row)
            bodies.add(reply.content)
        assert len(bodies) == 1, _named(row)


async def test_an_expired_token_is_401_on_every_route(standing):
    """A token is good for its lifetime and not a second longer."""
    headers = await standing.headers()
    standing.clock.ahead += standing.runtime.settings.limits.token_ttl + 1
    for row in GUARDED:
        reply = await standing.http.request(row.method, _path(row), headers=headers)
        assert _is_refusal(reply, 401, "unauthenticated"), _named(row)


async def test_the_token_of_a_disabled_client_is_401(standing):
    """Disabling a client ends its tokens at once."""
    from gateway.authn import sql

    await standing.permit()
    headers = await standing.headers()
    await standing.runtime.database.write(
        lambda c: sql.set_status(c, "clinician", "disabled", at=standing.clock.seconds)
    )
    for row in GUARDED:
        reply = await standing.http.request(row.method, _path(row), headers=headers)
        assert _is_refusal(reply, 401, "unauthenticated"), _named(row)


async def test_a_token_without_the_scope_is_403_on_every_route(standing):
    """Each route demands its own scope; another type's does not open it."""
    await standing.register("elsewhere", ["system/Encounter.rs"], may_record_consent=True)
    headers = await standing.headers("elsewhere")
    for row in GUARDED:
        reply = await standing.http.request(
            row.method, _path(row), headers=headers | {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert _is_refusal(reply, 403, "forbidden"), _named(row)


async def test_a_constrained_scope_does_not_open_what_its_constraint_cannot_be_applied_to(standing):
    """`system/Observation.rs?category=laboratory`: other Observations are never served under it (A-7)."""
    await standing.hospital_says()
    await standing.permit()
    narrow = ["system/Patient.rs", "system/Observation.rs?category=laboratory", "system/Condition.rs"]
    await standing.register("laboratory", narrow)
    said = {"client": "laboratory", "scope": "system/*.rs"}
    reply = await standing.everything(await standing.patient_id(**said), **said)
    types = {entry["resource"]["resourceType"] for entry in reply.json()["entry"]}
    assert reply.status_code == 200
    assert "Condition" in types
    assert "Observation" not in types


async def test_a_constrained_scope_of_the_type_itself_is_403(standing):
    """Where the interaction's own type is constrained, it is refused, not served without the constraint."""
    await standing.permit()
    await standing.register("constrained", ["system/Patient.rs?gender=female"])
    reply = await standing.find(client="constrained", scope="system/*.rs")
    assert _is_refusal(reply, 403, "forbidden")


async def test_a_summary_needs_the_composition_scope_too(standing):
    """A client that may read Patients only is told so, before anything is looked up."""
    await standing.register("plain", ["system/Patient.rs"])
    reply = await standing.summary("some-id", client="plain")
    assert _is_refusal(reply, 403, "forbidden")


async def test_an_organisation_named_in_header_or_query_changes_nothing(standing):
    """Authority comes from the token alone (A-8): other places that name an organisation are not read."""
    headers = await standing.headers() | {
        "X-Organization": "greenfield.example",
        "X-Purpose-Of-Use": "HRESCH",
    }
    reply = await standing.http.post(
        "/fhir/Patient/_search",
        data={"identifier": f"{standing.nhs}|{standing.number()}"},
        headers=headers,
    )
    (kept,) = await standing.exchanges()
    assert reply.status_code == 200
    assert (kept.organisation, kept.purpose, kept.client) == (standing.caller, "TREAT", "clinician")
