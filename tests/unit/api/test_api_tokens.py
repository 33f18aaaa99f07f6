"""Token endpoint and sealed delivery over HTTP (http-api.md 2 and 6; RFC 6749, RFC 7523)."""

import os

import pytest

from gateway.client.assertion import ASSERTION_TYPE, Purpose
from keys.syntax import b64u

pytestmark = pytest.mark.anyio
CANARY = "Zq7canary"
ENVELOPE = "application/vnd.carepact.envelope"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def form(standing, **changed):
    said = {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": standing.assertion("clinician", Purpose("TREAT", role="doctor")),
    } | changed
    return {name: value for name, value in said.items() if value is not None}


def is_oauth(reply, status, error):
    body = reply.json()
    assert (reply.status_code, body.get("error")) == (status, error), reply.text
    assert body.keys() == {"error", "error_description"}
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert CANARY not in reply.text
    return True


async def test_a_good_assertion_gets_a_bearer_token(standing):
    """RFC 6749 5.1: token, type, lifetime and granted scope; never cached."""
    reply = await standing.http.post("/oauth/token", data=form(standing))
    assert reply.status_code == 200
    body = reply.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 300, "system/*.rs")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["pragma"] == "no-cache"


async def test_refusals_are_rfc_6749_json(standing):
    """Each refusal has its error word and a fixed description; nothing of the request comes back."""
    expired = standing.assertion("clinician", Purpose("TREAT"), now=standing.clock.seconds - 1000)
    wrong_audience = standing.assertion("clinician", Purpose("TREAT"), audience=f"https://{CANARY}")
    cases = (
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": CANARY}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": CANARY}, 400, "invalid_request"),
        ({CANARY: "1"}, 400, "invalid_request"),
        ({"client_assertion": CANARY}, 401, "invalid_client"),
        ({"client_assertion": expired}, 401, "invalid_client"),
        ({"client_assertion": wrong_audience}, 401, "invalid_client"),
        ({"client_assertion": standing.assertion(CANARY, Purpose("TREAT"))}, 401, "invalid_client"),
        ({"client_id": CANARY}, 401, "invalid_client"),
        ({"scope": CANARY}, 400, "invalid_scope"),
        ({"scope": "system/Patient.read user/*.rs"}, 400, "invalid_scope"),
    )
    for changed, status, error in cases:
        assert is_oauth(
            await standing.http.post("/oauth/token", data=form(standing, **changed)), status, error
        )
    for purpose, error in ((Purpose("HRESCH"), "unauthorized_client"), (Purpose(CANARY), "invalid_request")):
        data = form(standing, client_assertion=standing.assertion("clinician", purpose))
        assert is_oauth(await standing.http.post("/oauth/token", data=data), 400, error)


async def test_an_assertion_is_good_for_one_token(standing):
    """The same assertion again is `invalid_client` (RFC 7523, jti)."""
    data = form(standing)
    assert (await standing.http.post("/oauth/token", data=data)).status_code == 200
    assert is_oauth(await standing.http.post("/oauth/token", data=data), 401, "invalid_client")


async def test_what_is_no_plain_form_is_an_invalid_request(standing):
    """JSON, a query string, an Authorization header, repeated fields, bytes that are no form, odd charsets."""
    import httpx

    good = str(httpx.QueryParams(form(standing))).encode()
    for address, content, headers in (
        ("/oauth/token", b"{}", {"Content-Type": "application/json"}),
        ("/oauth/token", good, {}),
        (f"/oauth/token?x={CANARY}", good, FORM),
        ("/oauth/token", good, FORM | {"Authorization": f"Basic {CANARY}"}),
        ("/oauth/token", good + b"&scope=" + CANARY.encode(), FORM),
        ("/oauth/token", b"\xff\xfe", FORM),
        ("/oauth/token", b"grant_type", FORM),
        ("/oauth/token", b"", FORM),
        ("/oauth/token", good, {"Content-Type": FORM["Content-Type"] + "; charset=utf-16"}),
    ):
        reply = await standing.http.post(address, content=content, headers=headers)
        assert is_oauth(reply, 400, "invalid_request"), address


async def test_the_emergency_token_serves_one_patient_alone(standing):
    """Break-glass opens the named patient; another one, by identifier or by id, is not there for it."""
    await standing.hospital_says()
    await standing.hospital_says("patient_with_exact_decimals")
    await standing.permit()
    await standing.permit("patient_with_exact_decimals", id="c2")
    await standing.register(
        "ambulance", ["system/*.rs"], ["ETREAT", "TREAT"], may_declare_emergency=True, roles=["doctor"]
    )
    said = {
        "client": "ambulance",
        "scope": "system/*.rs",
        "code": "ETREAT",
        "practitioner": "urn:staff#7",
        "emergency": {
            "reason": "found unconscious at home",
            "patient": f"{standing.nhs}|{standing.number()}",
        },
    }
    other = await standing.patient_id("patient_with_exact_decimals")
    assert (await standing.find("patient_with_exact_decimals", **said)).status_code == 404
    assert (await standing.everything(other, **said)).status_code == 404
    assert (await standing.find(**said)).status_code == 200


async def test_an_emergency_patient_may_be_named_by_oid(standing):
    """The national number's OID means the same patient as its URI: the token opens her, and nobody else."""
    await standing.register("ambulance", ["system/*.rs"], ["ETREAT"], may_declare_emergency=True)
    oid = "urn:oid:2.16.840.1.113883.2.1.4.1"
    said = {
        "client": "ambulance",
        "scope": "system/*.rs",
        "code": "ETREAT",
        "practitioner": "urn:staff#7",
        "emergency": {"reason": "found unconscious at home", "patient": f"{oid}|{standing.number()}"},
    }
    await standing.permit()
    assert (await standing.find(**said)).status_code == 200
    assert (await standing.find("patient_with_exact_decimals", **said)).status_code == 404


async def nonce_call(standing, nonce, client="sealed", accept=ENVELOPE):
    headers = await standing.headers(client) | {"Accept": accept}
    return await standing.http.post(
        "/fhir/Patient/_search",
        data={"identifier": f"{standing.nhs}|{standing.number()}"},
        headers=headers | ({"Carepact-Nonce": nonce} if nonce is not None else {}),
    )


async def test_a_client_that_must_be_answered_sealed_is_never_answered_in_clear(standing):
    """`sealed: required` with any other `Accept`, or `_format=json`, is 406; sealed, nothing is readable."""
    await standing.hospital_says()
    await standing.permit()
    await standing.register("sealed", ["system/*.rs"], sealed="required")
    for accept in ("application/fhir+json", "*/*", "application/json", "application/*"):
        reply = await nonce_call(standing, b64u(os.urandom(16)), accept=accept)
        assert reply.status_code == 406, accept
        assert reply.json()["resourceType"] == "OperationOutcome"
    formatted = await standing.http.get(
        f"/fhir/Patient?identifier={standing.nhs}|{standing.number()}&_format=json",
        headers=await standing.headers("sealed")
        | {"Accept": ENVELOPE, "Carepact-Nonce": b64u(os.urandom(16))},
    )
    assert formatted.status_code == 406
    reply = await nonce_call(standing, b64u(os.urandom(16)))
    assert (reply.status_code, reply.headers["content-type"]) == (200, ENVELOPE)
    family = standing.population.find(standing.full).person.family
    for readable in (standing.number(), family, "Patient"):
        assert readable.encode() not in reply.content


async def test_a_sealed_answer_needs_a_fresh_nonce_of_16_bytes(standing):
    """Missing, short, long or unclean nonces are 400 naming the header."""
    await standing.register("sealed", ["system/*.rs"], sealed="required")
    good = b64u(bytes(range(16)))
    for nonce in (None, "", good[:-1], good + "A", good[:-1] + "=", good[:-1] + "!", good[:-1] + "B"):
        reply = await nonce_call(standing, nonce)
        assert reply.status_code == 400, nonce
        assert reply.json()["issue"][0]["expression"] == ["Carepact-Nonce"]


async def test_a_client_without_a_registered_key_is_not_answered_sealed(standing):
    """There is no key to seal to, and one in the request is never used."""
    await standing.register("plain", ["system/*.rs"])
    reply = await nonce_call(standing, b64u(os.urandom(16)), client="plain")
    assert reply.status_code == 406


async def test_errors_are_not_sealed(standing):
    """An error is an OperationOutcome in clear, also for a client that must be answered sealed."""
    await standing.register("sealed", ["system/*.rs"], sealed="required")
    headers = await standing.headers("sealed") | {"Accept": ENVELOPE, "Carepact-Nonce": b64u(os.urandom(16))}
    reply = await standing.http.get("/fhir/Patient/nobody/$everything", headers=headers)
    assert reply.status_code == 404
    assert reply.json()["resourceType"] == "OperationOutcome"


async def test_the_capability_statement_declares_what_exists_and_nothing_else(standing):
    """Valid FHIR R4B, built from the route table; each declared interaction answers, and no other."""
    from fhir.resources.R4B.capabilitystatement import CapabilityStatement

    from gateway.api.routes import TABLE

    reply = await standing.http.get("/fhir/metadata")
    statement = reply.json()
    CapabilityStatement.model_validate(statement)
    (rest,) = statement["rest"]
    declared = set()
    for resource in rest["resource"]:
        declared |= {(resource["type"], one["code"]) for one in resource.get("interaction", [])}
        declared |= {(resource["type"], f"${one['name']}") for one in resource.get("operation", [])}
    assert declared == {(row.type, row.interaction) for row in TABLE if row.type}
    oauth = rest["security"]["extension"][0]["extension"][0]
    assert oauth == {"url": "token", "valueUri": f"{standing.base}/oauth/token"}
    await standing.register("officer", ["system/*.rs"], roles=["privacy-officer"])
    usual, officer = await standing.headers(), await standing.headers("officer", role="privacy-officer")
    about = {"Patient": {}, "Consent": {}, "AuditEvent": {"patient.identifier": "urn:x|1"}}
    value = {"token": "urn:x|1", "date": "2026-01", "reference": "Patient/1"}
    for resource in rest["resource"]:
        for parameter in resource.get("searchParam", []):
            asked = {} if parameter["name"] == "patient" else about[resource["type"]]
            asked = asked | {parameter["name"]: value[parameter["type"]]}
            headers = officer if resource["type"] == "AuditEvent" else usual
            found = await standing.http.get(f"/fhir/{resource['type']}", params=asked, headers=headers)
            assert found.status_code == 200, parameter


async def test_the_smart_configuration_names_what_works(standing):
    """Both addresses say the same: token endpoint, method, algorithms; no browser flow."""
    one = await standing.http.get("/.well-known/smart-configuration")
    two = await standing.http.get("/fhir/.well-known/smart-configuration")
    assert one.content == two.content
    assert one.headers["content-type"] == "application/json"
    said = one.json()
    assert said["token_endpoint"] == f"{standing.base}/oauth/token"
    assert said["grant_types_supported"] == ["client_credentials"]
    assert "authorization_endpoint" not in said
    assert "issuer" not in said
