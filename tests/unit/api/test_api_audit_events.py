"""AuditEvent over FHIR: a patient's access report, for her and for privacy officers alone (http-api.md 5.4)."""

from datetime import timedelta

import pytest

pytestmark = pytest.mark.anyio
SCOPES = ("system/AuditEvent.rs",)


@pytest.fixture
async def audited(standing):
    """A standing node whose full patient was asked about, with an officer, a nurse and the patient's portal."""
    await standing.register("officer", SCOPES, roles=["privacy-officer"])
    await standing.register("nurse", SCOPES, roles=["doctor"])
    await standing.register("portal", SCOPES, ["PATRQT"], roles=[])
    await standing.hospital_says()
    await standing.permit()
    assert (await standing.find()).status_code == 200
    return standing


async def search(standing, client="officer", **parameters):
    """`GET AuditEvent` of the full patient; the reply."""
    wanted = {"patient.identifier": f"{standing.nhs}|{standing.number()}"} | parameters
    return await standing.http.get(
        "/fhir/AuditEvent", params=wanted, headers=await as_client(standing, client)
    )


async def as_client(standing, client):
    said = {
        "officer": {"role": "privacy-officer"},
        "nurse": {"role": "doctor"},
        "portal": {"code": "PATRQT", "role": None, "practitioner": f"{standing.nhs}#{standing.number()}"},
    }[client]
    return await standing.headers(client, scope="system/AuditEvent.rs", **said)


def profiles(bundle):
    events = [entry["resource"] for entry in bundle.get("entry", [])]
    return [one.get("meta", {}).get("profile", ["-"])[0].rpartition(".")[2] for one in events]


async def test_an_officer_reads_who_saw_what_newest_first(audited):
    """Disclosure, decision and search of the exchange, valid R4, without a number of hers; then her consent."""
    from fhir.resources.R4B.bundle import Bundle

    reply = await search(audited)
    assert reply.status_code == 200
    body = reply.json()
    Bundle.model_validate(body)
    found = profiles(body)
    assert {"Source", "AuthZconsent", "PatientQuery"} <= set(found)
    assert body["total"] == len(found)
    assert audited.number() not in reply.text
    times = [entry["resource"]["recorded"] for entry in body["entry"]]
    assert times == sorted(times, reverse=True)


async def test_reading_the_report_is_in_the_next_one(audited):
    """Every reading is a leaf: the second search shows the first, with who read."""
    first = (await search(audited)).json()
    second = (await search(audited)).json()
    assert second["total"] == first["total"] + 1
    newest = second["entry"][0]["resource"]
    assert newest["subtype"][0]["code"] == "report"
    assert newest["agent"][0]["who"]["display"] == "officer"
    assert (await audited.ledger()).finding is None


async def test_she_reads_her_own_and_nobody_elses(audited):
    """A self token opens one report; about anybody else it finds nothing, as about somebody unknown."""
    assert (await search(audited, "portal")).json()["total"] > 0
    await audited.hospital_says("patient_with_sealed_psychiatry")
    for other in (audited.number("patient_with_sealed_psychiatry"), "9998877687"):
        wanted = {"patient.identifier": f"{audited.nhs}|{other}"}
        body = (await search(audited, "portal", **wanted)).json()
        assert body["total"] == 0 and "entry" not in body


async def test_a_colleague_is_refused_whoever_is_asked_about(audited):
    """403 says nothing of a patient: known, unknown and her own are answered alike."""
    replies = [await search(audited, "nurse")]
    replies.append(await search(audited, "nurse", **{"patient.identifier": f"{audited.nhs}|9998877687"}))
    assert [one.status_code for one in replies] == [403, 403]
    assert replies[0].json() == replies[1].json()


async def test_date_agent_and_count_narrow(audited):
    """`ge` of tomorrow finds nothing, `le` of today everything; an agent by its identifier; a page of one."""
    whole = (await search(audited)).json()["total"]
    today = audited.clock().date()
    assert (await search(audited, date=f"ge{today + timedelta(days=1)}")).json()["total"] == 0
    assert (await search(audited, date=f"le{today}")).json()["total"] >= whole
    assert (await search(audited, date=str(today), _count="1")).json()["entry"].__len__() == 1
    assert (await search(audited, agent=f"{audited.node.member}/clinician")).json()["total"] >= 3
    assert (await search(audited, agent="nobody")).json()["total"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": "yesterday"}, {"_count": "0"}, {"_count": "x"}, {"outcome": "8"},
        {"patient": "x"}, {"patient.identifier": "9990000018"},
    ],
    ids=["no-date", "none", "no-number", "unknown", "both-ways", "no-system"],
)  # fmt: skip
async def test_what_cannot_be_read_is_400(audited, wrong):
    """Before any look-up, naming the parameter and never its value."""
    assert (await search(audited, **wrong)).status_code == 400


async def test_one_event_reads_by_its_id(audited):
    """The id of a search reads back to the same event; hers to her, any other id is not available."""
    body = (await search(audited)).json()
    for entry in body["entry"][:4]:
        event = entry["resource"]
        for client in ("officer", "portal"):
            reply = await audited.http.get(
                f"/fhir/AuditEvent/{event['id']}", headers=await as_client(audited, client)
            )
            assert (reply.status_code, reply.json()) == (200, event)
    for id in ("0" * 64, "0" * 62 + "-d", "x"):
        reply = await audited.http.get(f"/fhir/AuditEvent/{id}", headers=await as_client(audited, "officer"))
        assert reply.status_code == 404


async def test_posted_searches_keep_identifiers_out_of_addresses(audited):
    """`_search` with a form finds the same."""
    form = {"patient.identifier": f"{audited.nhs}|{audited.number()}"}
    reply = await audited.http.post(
        "/fhir/AuditEvent/_search", data=form, headers=await as_client(audited, "officer")
    )
    assert reply.status_code == 200 and reply.json()["total"] > 0
