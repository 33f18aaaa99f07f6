"""Consent over FHIR: create, read, update, search (http-api.md 5.3)."""

import copy
import json

import pytest

pytestmark = pytest.mark.anyio
CANARY = "Zq7canary"


@pytest.fixture
async def desk(standing):
    """A standing node with a client that may record consent at its own organisation."""
    await standing.register(
        "desk", ["system/Consent.crus"], organisation=standing.node.member, may_record_consent=True
    )
    return standing


async def document(standing, label=None, **changed):
    """A consent that permits treatment by the caller, as bytes of a FHIR Consent without id."""
    made = len(await _all(standing))
    stored = await standing.permit(label or standing.full, id=f"made-{made}")
    value = json.loads(stored.document)
    number = standing.number(label or standing.full)
    value["patient"] = {"identifier": {"system": standing.nhs, "value": number}}
    value.pop("performer", None)
    value |= changed
    return {name: item for name, item in value.items() if item is not None}


async def post(standing, value, **headers):
    return await standing.http.post(
        "/fhir/Consent",
        content=json.dumps(value).encode(),
        headers=await _as_desk(standing) | {"Content-Type": "application/fhir+json"} | headers,
    )


async def put(standing, id, value, tag, **headers):
    said = {"Content-Type": "application/fhir+json"} | ({"If-Match": tag} if tag else {}) | headers
    return await standing.http.put(
        f"/fhir/Consent/{id}", content=json.dumps(value).encode(), headers=await _as_desk(standing) | said
    )


async def _as_desk(standing):
    return await standing.headers("desk", role=None)


def is_outcome(reply, status, category):
    assert reply.status_code == status, reply.text
    (issue,) = reply.json()["issue"]
    assert issue["details"]["coding"][0]["code"] == category
    assert CANARY not in reply.text
    return issue


async def test_a_created_consent_has_location_and_etag_and_reads_back(desk):
    """201 after the commit; what is read is what was sent, with the node's id and version."""
    sent = await document(desk)
    reply = await post(desk, sent)
    assert reply.status_code == 201
    id = reply.json()["id"]
    assert reply.headers["location"] == f"{desk.base}/fhir/Consent/{id}"
    assert reply.headers["etag"] == 'W/"1"'
    read = await desk.http.get(f"/fhir/Consent/{id}", headers=await _as_desk(desk))
    assert (read.status_code, read.headers["etag"]) == (200, 'W/"1"')
    kept = read.json()
    assert kept.pop("meta")["versionId"] == "1"
    assert kept.pop("id") == id
    assert kept == {name: item for name, item in sent.items() if name not in ("id", "meta")}


async def test_a_consent_over_the_api_decides_the_next_question(desk):
    """A permit recorded here opens the record, its withdrawal (`inactive`) closes it again."""
    sent = await document(desk)
    await desk.withdraw(id="made-0")
    assert _entries(await desk.find()) == []
    created = await post(desk, sent)
    assert len(_entries(await desk.find())) > 0
    id = created.json()["id"]
    withdrawn = created.json() | {"status": "inactive"}
    reply = await put(desk, id, withdrawn, 'W/"1"')
    assert (reply.status_code, reply.headers["etag"]) == (200, 'W/"2"')
    assert _entries(await desk.find()) == []


def _entries(reply):
    assert reply.status_code == 200
    return [e for e in reply.json()["entry"] if e["search"]["mode"] == "match"]


async def test_an_update_needs_the_version_that_it_changes(desk):
    """Without `If-Match` 428; a stale, strong, foreign or wild tag 412; and nothing is stored."""
    created = await post(desk, await document(desk))
    id = created.json()["id"]
    issue = is_outcome(await put(desk, id, created.json(), None), 428, "if_match_required")
    assert issue["expression"] == ["If-Match"]
    for tag in ('W/"2"', '"1"', "*", "1", 'W/"1", W/"2"', f'W/"{CANARY}"', 'W/"01x"'):
        is_outcome(await put(desk, id, created.json(), tag), 412, "stale")
    assert (await put(desk, id, created.json(), 'W/"1"')).status_code == 200
    is_outcome(await put(desk, id, created.json(), 'W/"1"'), 412, "stale")
    assert (await desk.runtime.consents.get(id)).version == 2


async def test_a_consent_stays_with_its_patient_and_its_id(desk):
    """An update about somebody else, or with another id in its body, is 400 and stores nothing."""
    created = await post(desk, await document(desk))
    id = created.json()["id"]
    other = copy.deepcopy(created.json())
    other["patient"] = {
        "identifier": {"system": desk.nhs, "value": desk.number("patient_with_exact_decimals")}
    }
    assert is_outcome(await put(desk, id, other, 'W/"1"'), 400, "invalid")["expression"] == [
        "Consent.patient"
    ]
    renamed = created.json() | {"id": CANARY}
    assert is_outcome(await put(desk, id, renamed, 'W/"1"'), 400, "invalid")["expression"] == ["Consent.id"]
    assert (await desk.runtime.consents.get(id)).version == 1


async def test_what_cannot_be_computed_is_422_with_its_path_and_stores_nothing(desk):
    """A rule that this node cannot decide by is refused, naming the element and none of its content."""
    before = len(await _all(desk))
    for changed, path in (
        ({"provision": {"type": CANARY}}, "Consent.provision.type"),
        ({"modifierExtension": [{"url": f"urn:{CANARY}", "valueBoolean": True}]}, "modifierExtension"),
        ({"status": CANARY}, "Consent.status"),
        ({"scope": None}, "Consent.scope"),
        ({"dateTime": CANARY}, "Consent.dateTime"),
    ):
        issue = is_outcome(await post(desk, await document(desk) | changed), 422, "uncomputable")
        assert path in issue["expression"][0], changed
    assert len(await _all(desk)) == before + 5  # those that `document` itself grants


async def _all(desk):
    return await desk.runtime.consents.of_patient(desk.identifier(), desk.clock())


async def test_bodies_that_are_no_consent_are_refused(desk):
    """Broken JSON, duplicate members, other types, no patient: 400 with a path, never a traceback."""
    good = json.dumps(await document(desk))
    for body, category in (
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"\xef\xbb\xbf" + good.encode(), "malformed"),
        (good[:-1].encode() + b',"status":"inactive"}', "malformed"),
        (b'{"resourceType":"Consent","x":NaN}', "malformed"),
        (b"[" * 5000 + b"]" * 5000, "malformed"),
        (b"[]", "invalid"),
        (b'"Consent"', "invalid"),
        (b'{"resourceType":"Patient"}', "invalid"),
        (b'{"resourceType":"Consent"}', "invalid"),
        (b'{"resourceType":"Consent","patient":[]}', "invalid"),
        (b'{"resourceType":"Consent","patient":{"identifier":{"system":1,"value":2}}}', "invalid"),
        (b'{"resourceType":"Consent","patient":{"identifier":{"system":"a"}}}', "invalid"),
        (b'{"resourceType":"Consent","patient":{"reference":"http://x/Patient/1"}}', "invalid"),
    ):
        reply = await desk.http.post(
            "/fhir/Consent",
            content=body,
            headers=await _as_desk(desk) | {"Content-Type": "application/fhir+json"},
        )
        is_outcome(reply, 400, category)


async def test_meta_of_the_wrong_shape_is_refused_not_rendered(desk):
    """`meta` that is no object ends as 4xx, now and when it would be read."""
    for meta in ([], "x", 1, [{"versionId": "9"}]):
        reply = await post(desk, await document(desk) | {"meta": meta})
        assert 400 <= reply.status_code < 500, meta


async def test_a_patient_held_nowhere_is_not_available(desk):
    """A reference to a Patient that this node does not hold is 404, as for any id."""
    value = await document(desk) | {"patient": {"reference": f"Patient/{CANARY}"}}
    is_outcome(await post(desk, value), 404, "not_available")


async def test_media_type_and_size_of_a_consent_are_bounded(desk):
    """415 for other types and charsets, 413 over `limits.consent_bytes`."""
    value = await document(desk)
    for kind in ("application/fhir+xml", "text/plain", "", "application/fhir+json; charset=latin-1"):
        is_outcome(await post(desk, value, **{"Content-Type": kind}), 415, "unsupported_media")
    long = value | {"text": {"status": "generated", "div": "x" * desk.runtime.settings.limits.consent_bytes}}
    is_outcome(await post(desk, long), 413, "too_large")


async def test_conditional_create_and_idempotency_keys_are_not_silently_ignored(desk):
    """Until they are kept, they are refused: a repeat that the sender thinks safe would be stored twice."""
    value = await document(desk)
    for name in ("If-None-Exist", "Idempotency-Key"):
        is_outcome(await post(desk, value, **{name: "identifier=a"}), 501, "not_supported")


async def test_a_search_finds_the_newest_versions_of_one_patient(desk):
    """By identifier, in address or form; several consents, each once, the identifier not repeated in a link."""
    created = await post(desk, await document(desk))
    await put(desk, created.json()["id"], created.json() | {"status": "inactive"}, 'W/"1"')
    question = f"{desk.nhs}|{desk.number()}"
    by_form = await desk.http.post(
        "/fhir/Consent/_search", data={"patient.identifier": question}, headers=await _as_desk(desk)
    )
    by_address = await desk.http.get(
        "/fhir/Consent", params={"patient.identifier": question}, headers=await _as_desk(desk)
    )
    for reply in (by_form, by_address):
        found = {e["resource"]["id"]: e["resource"] for e in reply.json()["entry"]}
        assert found.keys() == {"made-0", created.json()["id"]}
        assert found[created.json()["id"]]["status"] == "inactive"
        assert reply.json()["total"] == 2
        assert desk.number() not in json.dumps(reply.json()["link"])


async def test_known_systems_are_one_however_they_are_written(desk):
    """A refusal recorded under the OID of the national number binds the very same person."""
    await desk.permit()
    value = await document(desk)
    value["provision"] = {"type": "deny"}
    value["patient"]["identifier"]["system"] = "urn:oid:2.16.840.1.113883.2.1.4.1"
    assert (await post(desk, value)).status_code == 201
    found = await desk.http.get(
        "/fhir/Consent",
        params={"patient.identifier": f"urn:oid:2.16.840.1.113883.2.1.4.1|{desk.number()}"},
        headers=await _as_desk(desk),
    )
    assert found.json()["total"] == 3


async def test_others_find_no_consent_at_all(desk):
    """A client that may not record, or of a stranger to this node, sees an empty search and no id resolves."""
    created = await post(desk, await document(desk))
    id = created.json()["id"]
    scopes = ["system/Consent.crus"]
    await desk.register("reader", scopes, organisation=desk.node.member)
    await desk.register("stranger", scopes, may_record_consent=True)
    seen = set()
    for client in ("reader", "stranger"):
        headers = await desk.headers(client)
        for one in (id, "c-000000000000", "x" * 65):
            reply = await desk.http.get(f"/fhir/Consent/{one}", headers=headers)
            is_outcome(reply, 404, "not_available")
            seen.add(reply.content)
        for number in (desk.number(), "9990009999"):
            reply = await desk.http.get(
                "/fhir/Consent", params={"patient.identifier": f"{desk.nhs}|{number}"}, headers=headers
            )
            assert reply.status_code == 200
            assert "entry" not in reply.json()
            assert "total" not in reply.json()
        headers = headers | {"Content-Type": "application/fhir+json"}
        refused = await desk.http.post("/fhir/Consent", json=created.json(), headers=headers)
        is_outcome(refused, 403, "forbidden")
    known = await desk.http.get("/fhir/Consent/c-000000000000", headers=await _as_desk(desk))
    assert seen == {known.content}


async def test_a_client_that_must_be_answered_sealed_gets_no_consent_in_clear(desk):
    """Consents are never sealed, so `sealed: required` is 406 here, before anything is looked up."""
    await desk.register(
        "sealed", ["system/Consent.crus"], organisation=desk.node.member, may_record_consent=True,
        sealed="required",
    )  # fmt: skip
    headers = await desk.headers("sealed")
    for method, path in (("GET", "/fhir/Consent/x"), ("POST", "/fhir/Consent"), ("PUT", "/fhir/Consent/x")):
        is_outcome(await desk.http.request(method, path, headers=headers), 406, "not_acceptable")
    reply = await desk.http.get("/fhir/Consent?patient.identifier=a|b", headers=headers)
    is_outcome(reply, 406, "not_acceptable")


async def test_each_change_of_a_consent_is_in_the_ledger(desk):
    """Create and withdrawal each append a leaf, and the log verifies."""
    before = (await desk.ledger()).leaves
    created = await post(desk, await document(desk))
    await put(desk, created.json()["id"], created.json() | {"status": "inactive"}, 'W/"1"')
    report = await desk.ledger()
    assert report.finding is None
    assert report.leaves == before + 3
