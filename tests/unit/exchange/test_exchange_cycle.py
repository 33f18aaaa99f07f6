"""The cycle of exchange.md, driven over the HTTP surface of one node with its three sources."""

import base64
import json
import re

import pytest

from keys import jws

pytestmark = pytest.mark.anyio
UNKNOWN = "patient_unknown_everywhere"


def matches(reply):
    return [e["resource"] for e in reply.json().get("entry", []) if e["search"]["mode"] == "match"]


def outcome(reply):
    first = reply.json()["entry"][0]
    assert first["search"]["mode"] == "outcome"
    return first["resource"]


def statement(standing, reply):
    """The verified payload of the signed block."""
    block = base64.b64decode(outcome(reply)["extension"][0]["valueBase64Binary"])
    trust = standing.runtime.members.current.trust
    resolver = trust.resolver(standing.node.member, standing.clock.seconds)
    return json.loads(jws.verify(block, jws.COMPLETENESS, resolver).payload)


def states(standing, reply):
    return {row["source"]: (row["state"], row.get("reason")) for row in statement(standing, reply)["sources"]}


def issue_states(reply):
    return [issue["details"]["coding"][0]["code"] for issue in outcome(reply)["issue"]]


async def asked_of_providers(standing):
    return [line["patient"] for mock in (standing.gp, standing.specialist) for line in mock.journal]


def faults(mock, *documents):
    mock.faults.replace(list(documents))


@pytest.fixture
async def known(standing):
    """The full patient is known to all three sources and permits treatment."""
    await standing.hospital_says()
    await standing.permit()
    return standing


async def test_everything_comes_from_every_source_with_a_verified_statement(known):
    """Three sources answer; counts of the statement are those of the Bundle; complete means total."""
    reply = await known.everything(await known.patient_id())
    said = statement(known, reply)
    assert reply.status_code == 200
    assert said["status"] == "complete"
    assert {row["state"] for row in said["sources"]} == {"answered"}
    counted = {}
    for row in said["sources"]:
        for kind, count in row["counts"].items():
            counted[kind] = counted.get(kind, 0) + count
    found = {}
    for resource in matches(reply):
        found[resource["resourceType"]] = found.get(resource["resourceType"], 0) + 1
    assert counted == found
    assert reply.json()["total"] == sum(found.values())
    assert issue_states(reply) == ["suppressed"]
    assert reply.json()["id"] == said["exchange"] == reply.headers["exchange-id"]


async def test_everything_is_valid_fhir(known):
    """The Bundle and every resource in it hold as FHIR R4."""
    from fhir.resources.R4B.bundle import Bundle

    reply = await known.everything(await known.patient_id())
    Bundle.model_validate_json(reply.content)
    urls = [entry["fullUrl"] for entry in reply.json()["entry"] if "fullUrl" in entry]
    assert len(urls) == len(set(urls))


async def test_an_unknown_patient_by_identifier_is_an_empty_answer_with_a_statement(standing):
    """200, no entries but the outcome, no total, and who was asked: absence is not evidence of absence."""
    reply = await standing.find(UNKNOWN)
    assert reply.status_code == 200
    assert matches(reply) == []
    assert "total" not in reply.json()
    assert set(states(standing, reply).values()) == {("not-available", None)}
    assert issue_states(reply) == ["not-available"] * 3 + ["suppressed"]


def comparable(reply):
    """An answer without what differs between any two answers: ids, times, signatures, blinded hashes."""
    value = reply.json()
    value.pop("id", None)
    value.pop("timestamp", None)
    for entry in value.get("entry", []):
        entry["resource"].pop("id")
        entry["resource"].pop("extension", None)
    headers = {
        k: v for k, v in reply.headers.items() if k not in ("exchange-id", "x-request-id", "content-length")
    }
    return value, headers, reply.status_code


async def test_denied_and_unknown_look_the_same_by_identifier(standing):
    """A patient who permits nobody and one whom nobody knows: same status, headers, outcome, statement."""
    await standing.hospital_says()
    denied, unknown = await standing.find(), await standing.find(UNKNOWN)
    assert comparable(denied) == comparable(unknown)
    assert len(denied.content) == len(unknown.content)
    assert states(standing, denied) == states(standing, unknown)


async def test_denied_and_unknown_look_the_same_by_a_hospital_number(standing):
    """That a practice could be asked because the node knows more of her numbers must not show."""
    await standing.hospital_says()
    system = "https://st-brides.example/id/mrn"
    mrn = standing.population.find(standing.full).person.mrn
    replies = []
    for value in (mrn, mrn[:-2] + "99"):
        replies.append(
            await standing.http.post(
                "/fhir/Patient/_search",
                data={"identifier": f"{system}|{value}"},
                headers=await standing.headers(),
            )
        )
    denied, unknown = replies
    assert matches(denied) == []
    assert comparable(denied) == comparable(unknown)
    assert states(standing, denied) == states(standing, unknown)


async def test_a_hospital_number_finds_her_at_all_sources_where_she_permits(known):
    """A local number leads to the person, and the practice is asked by her national number."""
    system = "https://st-brides.example/id/mrn"
    mrn = known.population.find(known.full).person.mrn
    reply = await known.http.post(
        "/fhir/Patient/_search", data={"identifier": f"{system}|{mrn}"}, headers=await known.headers()
    )
    assert {state for state, _ in states(known, reply).values()} == {"answered"}


async def test_denied_and_unknown_ids_are_the_same_404(standing):
    """Unknown, denied and everybody else's id: same status, headers and body bytes, for both operations."""
    await standing.hospital_says()
    await standing.permit()
    id = await standing.patient_id()
    await standing.withdraw()
    for call in (standing.everything, standing.summary):
        denied, unknown = await call(id), await call("0" * 64)
        assert denied.status_code == 404
        assert denied.content == unknown.content
        assert comparable_headers(denied) == comparable_headers(unknown)


def comparable_headers(reply):
    return {
        name: value for name, value in reply.headers.items() if name not in ("x-request-id", "exchange-id")
    }


async def test_a_denied_id_is_the_same_404_when_no_source_answers(standing):
    """That sources are down must not tell a denied id from an unknown one."""
    await standing.permit()
    id = await standing.patient_id()
    await standing.withdraw()
    everything_down(standing)
    denied, unknown = await standing.everything(id), await standing.everything("0" * 64)
    assert denied.status_code == 404
    assert denied.content == unknown.content


def everything_down(standing):
    """GP and specialist down, and the feed made to fail as well."""
    faults(standing.gp, {"kind": "down"})
    faults(standing.specialist, {"kind": "down"})
    feed = standing.source("adt").adapter

    async def broken(patient, deadline):
        from adapters.interface import Fetched

        return Fetched("failed", reason="unreachable")

    feed.fetch = broken


async def test_a_denied_question_is_on_record_although_nothing_left(standing):
    """Denials are kept like disclosures: exchange, receipts, leaf; the caller sees 404."""
    await standing.permit()
    id = await standing.patient_id()
    await standing.withdraw()
    assert (await standing.everything(id)).status_code == 404
    (denied,) = [kept for kept in await standing.exchanges() if kept.state == "denied"]
    assert denied.leaf is not None
    assert (await standing.ledger()).finding is None


async def test_without_an_agreement_a_source_is_not_asked(standing):
    """No agreement: `not-asked` with the code, and not one byte about the patient goes to that source."""
    await standing.register("stranger", ["system/*.rs"], organisation="stranger.example")
    said = {"client": "stranger", "scope": "system/*.rs"}
    reply = await standing.find(**said)
    assert reply.status_code == 504
    told = [i["details"] for i in reply.json()["issue"] if i["details"]["coding"][0]["code"] == "not-asked"]
    assert len(told) == 3
    assert all("(no-dsa)" in one["text"] for one in told)
    block = base64.b64decode(reply.json()["extension"][0]["valueBase64Binary"])
    resolver = standing.runtime.members.current.trust.resolver(standing.node.member, standing.clock.seconds)
    said = json.loads(jws.verify(block, jws.COMPLETENESS, resolver).payload)
    assert {(row["state"], row["reason"]) for row in said["sources"]} == {("not-asked", "no-dsa")}
    assert await asked_of_providers(standing) == []


async def test_all_sources_down_is_504_and_says_nothing_about_the_patient(known):
    """`no_source_answered`, never an empty 200; the exchange is on record as failed."""
    everything_down(known)
    reply = await known.find()
    assert reply.status_code == 504
    assert reply.json()["issue"][0]["details"]["coding"][0]["code"] == "no_source_answered"
    assert [kept.state for kept in await known.exchanges()] == ["failed"]
    assert [i["details"]["coding"][0]["code"] for i in reply.json()["issue"]] == [
        "no_source_answered", "failed", "failed", "failed", "suppressed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"kind": "down"}, ("failed", "unreachable")),
        ({"kind": "http", "status": 500}, ("failed", "unreachable")),
        ({"kind": "http", "status": 403}, ("failed", "refused")),
        ({"kind": "invalid_json"}, ("failed", "malformed")),
        ({"kind": "wrong_content_type"}, ("failed", "malformed")),
        ({"kind": "wrong_patient"}, ("failed", "quarantined")),
        ({"kind": "wrong_patient", "disguised": True}, None),
    ],
)
async def test_one_bad_source_costs_its_own_line_only(known, fault, state):
    """Whatever one source does, the others' records come, the answer is partial and has no total."""
    faults(known.gp, fault)
    reply = await known.find()
    found = states(known, reply)
    assert reply.status_code == 200
    assert (found["adt"][0], found["letters"][0]) == ("answered", "answered")
    if state is not None:
        assert found["gp"] == state
        assert statement(known, reply)["status"] == "partial"
        assert "total" not in reply.json()
        assert ":gp#" not in json.dumps([r["meta"]["source"] for r in matches(reply)])
        assert [kept.state for kept in await known.exchanges()] == ["partial"]


async def test_another_persons_record_never_appears(known):
    """A source that mixes people up is quarantined whole: nothing of the other person leaves, ever after."""
    from structlog.testing import capture_logs

    others = [p for p in known.population.patients if p.label != known.full]
    faults(known.gp, {"kind": "wrong_patient"})
    with capture_logs() as lines:
        first = await known.everything(await known.patient_id())
    known.gp.faults.reset()
    second = await known.everything(await known.patient_id())
    assert any(line["event"] == "wrong_patient" for line in lines)
    assert states(known, second)["gp"][0] == "answered"
    for reply in (first, second):
        for other in others:
            assert other.person.nhs_number not in reply.text
            assert other.person.family not in reply.text or other.person.family in ("", "x")


async def test_a_hung_source_is_timed_out_and_the_answer_leaves_in_time(known):
    """One source hangs: the caller's deadline holds, and the line says `timed-out`."""
    import time

    id = await known.patient_id()
    faults(known.gp, {"kind": "hang"})
    begun = time.monotonic()
    reply = await known.http.get(
        f"/fhir/Patient/{id}/$everything", headers=await known.headers() | {"Prefer": "wait=2"}
    )
    assert time.monotonic() - begun < 20, "it waited for more than its deadline of two seconds"
    assert states(known, reply)["gp"] == ("timed-out", None)
    assert "timed-out" in issue_states(reply)


async def test_an_adapter_that_raises_costs_its_own_line_only(known):
    """A defect in one adapter, wherever it strikes, never takes the others down."""
    adapter = known.source("gp").adapter

    async def broken(*_):
        raise RuntimeError("Zq7canary")

    for name in ("find", "fetch"):
        kept = getattr(type(adapter), name)
        object.__setattr__(adapter, name, broken) if hasattr(adapter, "__dict__") else None
        reply = await known.find()
        assert reply.status_code == 200
        assert states(known, reply)["gp"][0] == "failed"
        assert states(known, reply)["letters"][0] == "answered"
        assert "Zq7canary" not in reply.text
        object.__setattr__(adapter, name, kept.__get__(adapter))


async def test_records_of_a_source_that_does_not_answer_do_not_leave(known):
    """What was stored earlier from a source that is down now is not passed off as its answer."""
    id = await known.patient_id(source="adt")
    assert any(
        ":gp#" in r["meta"]["source"] for r in matches(await known.everything(id)) if "source" in r["meta"]
    )
    faults(known.gp, {"kind": "down"})
    reply = await known.everything(id)
    assert not any(":gp#" in r.get("meta", {}).get("source", "") for r in matches(reply))


async def test_as_of_of_a_feed_is_when_it_last_said_so(known):
    """A feed is not asked: its `as_of` is when its newest message came, not the time of the question."""
    before = known.clock.seconds
    known.clock.ahead += 250
    reply = await known.find()
    rows = {row["source"]: row for row in statement(known, reply)["sources"]}
    assert abs(rows["adt"]["as_of"] - before) <= 5
    assert rows["gp"]["as_of"] >= before + 245


async def test_no_identifier_ever_stands_in_an_address_that_we_make(known):
    """Links and full URLs have ids only; the number that was asked for stands in the Patients alone."""
    for reply in (
        await known.find(),
        await known.everything(await known.patient_id()),
        await known.http.get(
            f"/fhir/Patient?identifier={known.nhs}|{known.number()}", headers=await known.headers()
        ),
    ):
        bundle = reply.json()
        made = json.dumps(bundle["link"]) + json.dumps([e.get("fullUrl") for e in bundle["entry"]])
        assert known.number() not in made
        assert known.population.find(known.full).person.mrn not in made
        assert re.search(r"self", made)
        assert not any(known.number() in value for value in reply.headers.values())


async def test_leaf_receipts_and_exchange_commit_together(known):
    """One exchange: its row, one receipt a decision under a signed statement, one leaf; the log verifies."""
    from gateway.audit import receipts

    before = (await known.ledger()).leaves
    reply = await known.everything(await known.patient_id())
    kept = next(k for k in await known.exchanges() if k.id == reply.headers["exchange-id"])
    trust = known.runtime.members.current.trust

    def check(connection):
        vault = known.node.room(connection).vault
        held = receipts.of_exchange(connection, kept.id, vault)
        resolver = trust.resolver(known.node.member, known.clock.seconds)
        receipts.require_receipts(receipts.read_decision(kept.decision, resolver), [one.data for one in held])
        return held

    held = await known.runtime.database.read(check)
    report = await known.ledger()
    assert kept.id == reply.headers["exchange-id"]
    assert len(held) >= len(matches(reply))
    assert (report.leaves, report.finding) == (before + 2, None)
    assert kept.leaf == report.leaves - 1


async def test_an_outdated_release_writes_nothing(known, monkeypatch):
    """With stale epochs `record` raises `Outdated`, and neither leaf, receipt nor exchange is there."""
    from gateway.exchange import cycle, release

    await known.find()
    before = (await known.ledger()).leaves, len(await known.exchanges())
    caught = []
    real = release.record

    def late(connection, node, disclosure):
        from dataclasses import replace

        policy = disclosure.policy
        older = replace(policy.epochs, patient=policy.epochs.patient - 1)
        stale = replace(disclosure, policy=replace(policy, epochs=older))
        try:
            return real(connection, node, stale)
        except release.Outdated:
            caught.append(1)
            raise

    monkeypatch.setattr(release, "record", late)
    reply = await known.find()
    assert reply.status_code == 409
    assert len(caught) == cycle.MAX_ROUNDS
    monkeypatch.undo()
    assert ((await known.ledger()).leaves, len(await known.exchanges())) == before


@pytest.mark.parametrize("moment", ["gather", "release"])
async def test_a_withdrawal_that_commits_first_wins(known, monkeypatch, moment):
    """Withdrawn while sources answer, or between decision and release: decided again, nothing leaves (C-1)."""
    from gateway.exchange import cycle, release

    id = await known.patient_id()
    if moment == "gather":
        real_gather = cycle.gather

        async def gather(*given):
            states = await real_gather(*given)
            await known.withdraw()
            return states

        monkeypatch.setattr(cycle, "gather", gather)
    else:
        real_release = cycle._release
        done = []

        async def releasing(*given):
            if not done:
                done.append(1)
                await known.withdraw()
            return await real_release(*given)

        monkeypatch.setattr(cycle, "_release", releasing)
    reply = await known.everything(id)
    assert reply.status_code == 404
    assert release.record is not None
    assert "denied" in [kept.state for kept in await known.exchanges()]
    assert [kept.state for kept in await known.exchanges()].count("complete") == 1


async def test_an_agreement_suspended_between_decision_and_release_wins(known, monkeypatch):
    """The other authority that may change: the agreement's epoch sends the answer back to the decision."""
    from gateway.exchange import cycle
    from gateway.exchange.agreements import Agreements
    from keys.jws import signers_from_store

    real_release, done = cycle._release, []

    async def releasing(*given):
        if not done:
            done.append(1)
            known.clock.ahead += 2  # later than the question: the disclosure is later still
            signers = signers_from_store(known.runtime.keys, at=known.clock.seconds)
            await Agreements(known.node).state(
                ("greenfield-to-northshire", 1), signers, known.act(), action="suspend",
                org=known.node.member, by="test",
            )  # fmt: skip
        return await real_release(*given)

    monkeypatch.setattr(cycle, "_release", releasing)
    reply = await known.find()
    sources = {resource["meta"]["source"].split(":")[-2] for resource in matches(reply)}
    assert sources == {"st-brides.example", "harbour.example"}


async def as_person(standing, number, **more):
    if not more:
        await standing.register(
            "portal", ["system/*.rs"], ["PATRQT"], organisation=standing.node.member, roles=[]
        )
    return {"client": "portal", "scope": "system/*.rs", "code": "PATRQT", "role": None} | {
        "practitioner": f"{standing.nhs}#{number}"
    }


async def test_a_person_herself_reads_her_own_record_and_nobody_elses(known):
    """A `PATRQT` token serves the person whose identifier it carries (self-access), no one else."""
    herself = await as_person(known, known.number())
    other = herself | {"practitioner": f"{known.nhs}#{known.number('patient_with_exact_decimals')}"}
    nobody = herself | {"practitioner": "https://nowhere.example#1"}
    for caller in (other, nobody):
        reply = await known.find(**caller)
        assert reply.status_code in (200, 403, 504)
        assert '"match"' not in reply.text
    assert len(matches(await known.find(**herself))) > 0


async def test_a_person_is_asked_for_although_the_node_did_not_know_her(standing):
    """Her own first question: she is herself by what the token proves, so her sources are asked."""
    herself = await as_person(standing, standing.number())
    reply = await standing.find(**herself)
    assert reply.status_code == 200
    assert len(matches(reply)) > 0
    assert states(standing, reply)["letters"][0] == "answered"


async def test_an_identifier_that_leads_to_two_people_makes_nobody_herself(known):
    """Where a number also stands on another person's record, it opens neither."""
    from adapters.interface import Identifier

    mine = Identifier("https://shared.example", "1")

    def share(connection):
        index = known.node.room(connection).index
        one = {"resourceType": "Patient", "name": [{"family": "A"}], "birthDate": "1950-01-01"}
        for n, source in enumerate(("s1", "s2")):
            patient = one | {"id": f"shared{n}", "identifier": [{"system": mine.system, "value": mine.value}]}
            index.link(patient, custodian=f"c{n}.example", source=source, at=known.clock())
        return index.resolve([mine]).state

    assert await known.runtime.database.write(share) == "ambiguous"
    herself = (await as_person(known, known.number())) | {"practitioner": f"{mine.system}#{mine.value}"}
    reply = await known.find(**herself)
    assert '"match"' not in reply.text


async def test_an_emergency_about_somebody_new_asks_the_sources(standing):
    """Break-glass for a patient whom the node never saw: her sources are asked, and the answer says so."""
    await standing.register("ambulance", ["system/*.rs"], ["ETREAT"], may_declare_emergency=True)
    number = standing.number("patient_known_only_to_gp")
    said = {
        "client": "ambulance", "scope": "system/*.rs", "code": "ETREAT", "practitioner": "urn:staff#7",
        "emergency": {"reason": "found unconscious at home", "patient": f"{standing.nhs}|{number}"},
    }  # fmt: skip
    reply = await standing.find("patient_known_only_to_gp", **said)
    assert reply.status_code in (200, 504)
    assert reply.status_code == 504 or len(statement(standing, reply)["sources"]) == 3
    assert (await standing.find(**said)).status_code == 404


async def test_a_disguised_record_of_somebody_else_does_not_leave(known):
    """The practice files another person under her number: what is not certainly hers is not shown as hers."""
    other = known.population.other_than(known.population.find(known.full), "gp")
    await known.find()
    faults(known.gp, {"kind": "wrong_patient", "disguised": True})
    reply = await known.everything(await known.patient_id(source="adt"))
    assert reply.status_code == 200
    assert other.person.family not in reply.text
    assert states(known, reply)["gp"][0] != "answered" or not any(
        ":gp#" in r.get("meta", {}).get("source", "") for r in matches(reply)
    )


async def test_a_missing_document_makes_a_partial_answer(known):
    """One of two letters cannot be fetched: what came is shown, cut short is said, and there is no total."""
    key = known.specialist._every[0].key
    own = [d for d in known.specialist._every if d.owner == known.full]
    key = own[0].key
    faults(known.specialist, {"kind": "http", "status": 500, "match": {"path": f"/documents/{key}"}})
    reply = await known.find()
    rows = {row["source"]: row for row in statement(known, reply)["sources"]}
    assert rows["letters"]["state"] == "answered"
    assert rows["letters"]["truncated"] == 1
    assert statement(known, reply)["status"] == "partial"
    assert "partial" in issue_states(reply)
    assert "total" not in reply.json()


async def test_several_questions_at_once_are_several_exchanges(known):
    """Five callers at once: each its answer, its leaf, and a log that verifies."""
    import asyncio

    await known.headers()
    before = (await known.ledger()).leaves
    replies = await asyncio.gather(*(known.find() for _ in range(5)))
    assert {reply.status_code for reply in replies} == {200}
    assert {len(matches(reply)) for reply in replies} == {3}
    report = await known.ledger()
    assert (report.leaves, report.finding) == (before + 5, None)


async def test_an_expired_members_list_stops_everything(known):
    """Without fresh trust nothing is exchanged: 503 with a time to come back."""
    known.clock.ahead += 366 * 86_400
    reply = await known.find()
    assert reply.status_code == 503
    assert reply.headers["retry-after"]
    assert reply.json()["resourceType"] == "OperationOutcome"


async def test_a_broken_log_stops_everything(known):
    """Evidence comes first: a log that contradicts what was signed before means 503, and nothing leaves."""
    from sqlalchemy import text

    await known.find()
    await known.find()

    def break_it(connection):
        tables = connection.execute(text("select name from sqlite_master where type='table'")).scalars()
        name = next(one for one in tables if "checkpoint" in one)
        connection.execute(text(f"update {name} set root = zeroblob(32)"))

    await known.runtime.database.write(break_it)
    known.clock.ahead += 5
    reply = await known.find()
    assert reply.status_code == 503
    assert known.number() not in reply.text


async def test_a_receipt_names_what_was_decided_not_what_was_said(known):
    """Receipts and exchange rows hold no name and no clinical text."""
    from gateway.audit import receipts

    await known.everything(await known.patient_id())
    kept = (await known.exchanges())[0]

    def read(connection):
        return receipts.of_exchange(connection, kept.id, known.node.room(connection).vault)

    held = await known.runtime.database.read(read)
    person = known.population.find(known.full).person
    for one in held:
        assert person.family.encode() not in one.data
        assert person.nhs_number.encode() not in one.data


async def test_too_many_resources_are_too_costly_only_if_they_would_leave(known):
    """The bound counts what is released: a denied patient with a long record looks like any other."""
    id = await known.patient_id()
    object.__setattr__(known.node, "answer_resources", 5)
    reply = await known.everything(id)
    assert (reply.status_code, reply.json()["issue"][0]["code"]) == (400, "too-costly")
    await known.withdraw()
    assert (await known.everything(id)).status_code == 404
