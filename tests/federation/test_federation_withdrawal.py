"""Withdrawals against answers: the order of the ledger decides, and what was withdrawn first never leaves."""

import asyncio
import time
from dataclasses import dataclass

import pytest

from consent.fhir import excepted_from_text
from gateway.audit import exchanges
from gateway.client.errors import Refused
from gateway.exchange.consents import Grant
from gateway.sandbox import founding
from gateway.sandbox.tour import administrator, client_of

PATIENT = "patient_with_full_record"
SLOW = "[limits]\ndeadline = 6.0\n"


def psychiatry(answer):
    """Resources of an answer that carry the label PSY."""
    return [
        r for r in answer.resources
        if any(label.get("code") == "PSY" for label in r.get("meta", {}).get("security", []))
    ]  # fmt: skip


@pytest.mark.promise("P4")
def test_C_1_the_next_answer_lacks_what_was_withdrawn(new_sandbox):
    """After psychiatry is withdrawn nothing of it comes; after all is withdrawn nothing comes at all."""
    sandbox = new_sandbox()
    sandbox.send(PATIENT)
    id = sandbox.permit(PATIENT)
    before = sandbox.everything(PATIENT, accept_partial=False)
    assert psychiatry(before)
    sandbox.withdraw(id, "label:PSY")
    after = sandbox.everything(PATIENT, accept_partial=False)
    assert not psychiatry(after)
    assert {r["id"] for r in after.resources} < {r["id"] for r in before.resources}
    sandbox.withdraw(id)
    patient = sandbox.patient(PATIENT)
    nothing = sandbox.ask(lambda c: c.find_patients(patient.system, patient.value))
    assert nothing.resources == ()
    known = next(r["id"] for r in before.resources if r["resourceType"] == "Patient")
    with pytest.raises(Refused) as refused:
        sandbox.ask(lambda c: c.everything(known))
    assert refused.value.category == "not_available"


@pytest.mark.promise("P4")
def test_C_1_a_withdrawal_while_a_source_still_answers_binds_that_very_answer(new_sandbox):
    """The question was asked first, but the withdrawal commits before the release: it wins."""
    sandbox = new_sandbox(settings=SLOW)
    sandbox.send(PATIENT)
    consent = sandbox.permit(PATIENT)
    id = sandbox.known_id(PATIENT)
    sandbox.faults("gp", {"kind": "latency", "ms": 2500})

    async def race():
        async with administrator(sandbox.federation) as runtime, client_of(sandbox.federation) as client:
            asking = asyncio.create_task(client.everything(id))
            await asyncio.sleep(0.8)
            act = sandbox.act()
            await runtime.consents.withdraw(consent, act, only=excepted_from_text("label:PSY"))
            return await asking

    answer = sandbox.run(race())
    assert answer.resources and not psychiatry(answer)
    sandbox.clear()


@dataclass
class Round:
    """What one round of the race released, and where it and the withdrawal stand in the ledger."""

    consent: str
    answers: list


async def _round(sandbox, runtime, client, id, number, spread):
    """Permit anew, then ask several times while psychiatry is withdrawn, some time within `spread` seconds.

    Of ten rounds the first withdraws before anything is asked, and the last after everything was answered: both
    orders happen on any machine, and the eight between them race.
    """
    consent = f"race-{number}"
    patient = sandbox.patient(PATIENT)
    grant = Grant(permit=("TREAT",), to=(founding.CALLER,), id=consent)
    await runtime.consents.grant(patient, grant, sandbox.act())

    async def ask(after):
        await asyncio.sleep(after)
        return await client.everything(id, accept_partial=True)

    async def withdraw():
        await runtime.consents.withdraw(consent, sandbox.act(), only=excepted_from_text("label:PSY"))

    place = number % 10
    if place == 0:
        await withdraw()
    asks = [asyncio.create_task(ask(0.06 * n)) for n in range(3)]
    if 0 < place < 9:
        await asyncio.sleep(spread * place / 9)
        await withdraw()
    answers = list(await asyncio.gather(*asks))
    if place == 9:
        await withdraw()
    return Round(consent, answers)


async def _leaves(runtime):
    """(leaf of each exchange by id, leaf of each version of a consent), from the ledger's opened details."""

    def read(connection):
        from gateway.audit.disclosures import accessed

        room = runtime.node.room(connection)
        kept = exchanges.list_exchanges(connection, limit=10_000)
        person = next(one.person for one in kept if one.person)
        found = accessed(connection, person, room.vault)
        consents = {one.detail["consent"]: one.index for one in found if one.kind == "consent"}
        return {one.id: one.leaf for one in kept}, consents

    return await runtime.database.read(read)


async def _race(sandbox, rounds):
    id_of = sandbox.patient(PATIENT)
    async with administrator(sandbox.federation) as runtime, client_of(sandbox.federation) as client:
        found = await client.find_patients(id_of.system, id_of.value)
        id = next(r["id"] for r in found.resources if r["resourceType"] == "Patient")
        start = time.monotonic()
        await client.everything(id, accept_partial=True)
        # Withdrawals fall before, into and after the answers, however slow the machine is just now.
        spread = 0.12 + 2 * (time.monotonic() - start)
        done = [await _round(sandbox, runtime, client, id, n, spread) for n in range(rounds)]
        return done, *(await _leaves(runtime))


def _judge(done, exchange_leaf, consent_leaf):
    """Nothing labelled psychiatry in an answer whose leaf comes after the withdrawal's; both orders happened."""
    first, second = 0, 0
    for one in done:
        withdrawn = consent_leaf[f"{one.consent}@2"]
        granted = consent_leaf[f"{one.consent}@1"]
        for answer in one.answers:
            leaf = exchange_leaf[answer.exchange]
            assert leaf > granted
            if leaf > withdrawn:
                assert not psychiatry(answer), "released after the withdrawal was committed"
                second += 1
            else:
                assert psychiatry(answer), "withheld before anything was withdrawn"
                first += 1
    assert first and second, "the race never went both ways: it proves nothing"


@pytest.mark.promise("P4")
def test_C_1_races_of_withdrawals_and_answers_are_decided_by_the_ledger(new_sandbox):
    """Thirty rounds on SQLite, from another process than the node's: the order of leaves decides each."""
    sandbox = new_sandbox(settings=SLOW)
    sandbox.send(PATIENT)
    sandbox.permit(PATIENT, "race-base")
    _judge(*sandbox.run(_race(sandbox, 30)))
    assert sandbox.verified().finding is None


@pytest.mark.postgres
@pytest.mark.promise("P4")
def test_C_2_the_same_races_on_postgresql(new_sandbox, new_postgres_url):
    """Ten rounds on PostgreSQL, where readers and writers overlap: commit order decides, no write skew."""
    sandbox = new_sandbox(settings=f'{SLOW}[database]\nurl = "{new_postgres_url}"\n')
    sandbox.send(PATIENT)
    sandbox.permit(PATIENT, "race-base")
    _judge(*sandbox.run(_race(sandbox, 10)))
    assert sandbox.verified().finding is None
