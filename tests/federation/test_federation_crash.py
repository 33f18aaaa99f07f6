"""SIGKILL of the node, as a power cut would: what was acknowledged is there, what was released is on record."""

import asyncio
import contextlib
import json
import os
import random
import re
import time

import httpx
import pytest

from gateway.audit import exchanges
from gateway.client.assertion import ASSERTION_TYPE, Purpose, client_assertion
from gateway.client.errors import ClientError
from gateway.sandbox import founding
from gateway.sandbox.mocks.population import nhs_number
from gateway.sandbox.tour import client_of

PATIENT = "patient_with_full_record"
SENDERS = 4
NUMBER = nhs_number(502)


def message(control):
    """One laboratory result of our own, a different one for each control id."""
    value = int(control[1:]) % 90 + 10
    lines = (
        f"MSH|^~\\&|LAB|RXX|NODE|GF|20261101101500+0000||ORU^R01^ORU_R01|{control}|P|2.5.1",
        f"PID|1||{NUMBER}^^^NHS^NH||KINDLEMERE^AVIS||19710203|F",
        f"OBR|1||F{control}^RXX|24326-1^Electrolytes^LN|||20261101090000|||||||||||||||20261101100000||CH|F",
        f"OBX|1|NM|2823-3^Potassium^LN||4.{value}|mmol/L|3.5-5.3|N|||F|||20261101090000",
    )
    return "".join(f"{line}\r" for line in lines).encode()


async def send(port, body):
    """One message on a connection of its own; the whole acknowledgement, None if none came."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        async with asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"\x0b" + body + b"\x1c\r")
                return await reader.readuntil(b"\x1c\r")
            finally:
                writer.close()
    return None


def feed_port(sandbox):
    ready = json.loads((sandbox.federation.folder / "greenfield.ready").read_text("ascii"))
    return int(ready["feeds"]["adt"].rpartition(":")[2])


def code_of(ack):
    """MSA-1."""
    lines = ack.strip(b"\x0b\x1c\r").split(b"\r")
    return next(line.split(b"|")[1] for line in lines if line.startswith(b"MSA")).decode("ascii")


async def _hammer(port, first, acks, stop):
    """Send one message after the other until told to stop; what was acknowledged goes into `acks`."""
    control = first
    while not stop.is_set():
        name = f"C{control:06d}"
        ack = await send(port, message(name))
        if ack is None:
            return name
        acks[name] = ack
        control += SENDERS
    return None


async def _until_killed(sandbox, start, after):
    """Send from several connections at once and pull the plug after a while: acks, and those in flight."""
    acks, stop = {}, asyncio.Event()
    port = feed_port(sandbox)
    tasks = [asyncio.create_task(_hammer(port, start + n, acks, stop)) for n in range(SENDERS)]
    await asyncio.sleep(after)
    await asyncio.to_thread(sandbox.federation.kill_node)
    in_flight = [name for name in await asyncio.gather(*tasks) if name]
    await sandbox.federation.start_node()
    return acks, in_flight


def stored(sandbox):
    """What her record holds of the feed: (control ids of the orders in it, number of observations)."""

    async def work(runtime):
        def read(connection):
            room = runtime.node.room(connection)
            person = room.index.resolve([her()]).person
            return room.records.of_person(person, ["adt"]) if person else ()

        return await runtime.database.read(read)

    records = sandbox.administer(work)
    found = {name.decode() for r in records for name in re.findall(rb'"F(C\d{6})"', r.body)}
    return found, sum(record.type == "Observation" for record in records)


def her():
    from adapters.interface import Identifier

    return Identifier("https://fhir.nhs.uk/Id/nhs-number", NUMBER)


@pytest.fixture
def running(sandbox):
    """The module's federation with its node up, whatever the test before did to it."""
    process = sandbox.federation._running.get("greenfield")
    if process is None or process.poll() is not None:
        sandbox.run(sandbox.federation.start_node())
    sandbox.clear()
    return sandbox


@pytest.mark.promise("P1")
def test_D_1_every_acknowledged_message_survives_sigkill(new_sandbox):
    """Three kills under load: no AA without its message in the record; a resend has no second effect."""
    sandbox = new_sandbox()
    draw = random.Random(20261122)
    every = {}
    for number in range(3):
        acks, in_flight = sandbox.run(_until_killed(sandbox, number * 10_000, draw.uniform(0.4, 1.0)))
        assert acks, "nothing was sent before the kill"
        assert {code_of(ack) for ack in acks.values()} == {"AA"}
        every |= acks
        there, observations = stored(sandbox)
        assert not every.keys() - there, "acknowledged and lost"
        assert len(every) <= observations <= len(every) + SENDERS * (number + 1)
        assert len(in_flight) <= SENDERS
    _same_again(sandbox, every)
    assert sandbox.verified().finding is None


def _same_again(sandbox, acks):
    """The very same messages once more: the very same acknowledgements, nothing new."""
    before = stored(sandbox)

    async def resend():
        port = feed_port(sandbox)
        names = sorted(acks)[:60]
        return {name: await send(port, message(name)) for name in names}

    again = sandbox.run(resend())
    assert {name: acks[name] for name in again} == again
    assert stored(sandbox) == before


@pytest.mark.promise("P1")
def test_D_6_a_lost_acknowledgement_costs_nothing(running):
    """The sender hangs up before the answer and sends again: one effect, acknowledged."""
    sandbox = running
    sandbox.faults("hospital", {"kind": "ack_lost", "times": 2})
    lines = sandbox.send(PATIENT)
    sandbox.clear()
    again = sandbox.send(PATIENT)
    assert {line["code"] for line in lines + again} == {"AA"}
    assert [line["ack"] for line in lines] == [line["ack"] for line in again]


@pytest.mark.promise("P8")
def test_D_9_what_was_released_before_a_kill_is_on_record(running):
    """Answers that clients hold are in the ledger after the restart, which verifies; asking works again."""
    sandbox = running
    sandbox.send(PATIENT)
    sandbox.permit(PATIENT)
    id = sandbox.known_id(PATIENT)
    held = []

    async def ask_on(client):
        with contextlib.suppress(ClientError):
            while True:
                held.append(await client.everything(id, accept_partial=True))

    async def race():
        async with client_of(sandbox.federation) as client:
            await client.everything(id)
            tasks = [asyncio.create_task(ask_on(client)) for _ in range(3)]
            await asyncio.sleep(1.5)
            await asyncio.to_thread(sandbox.federation.kill_node)
            await asyncio.gather(*tasks)
        await sandbox.federation.start_node()

    sandbox.run(race())
    assert held
    on_record = sandbox.administer(
        lambda r: r.database.read(lambda c: {one.id for one in exchanges.list_exchanges(c, limit=10_000)})
    )
    assert {answer.exchange for answer in held} <= on_record
    assert len({answer.evidence.md for answer in held}) == len(held)
    assert sandbox.verified().finding is None
    again = sandbox.ask(lambda c: c.everything(id))
    assert again.counts() == held[0].counts()


def _token_form(sandbox, jti):
    key = founding.client_signing_key(sandbox.federation.places)
    url = f"{sandbox.federation.url}/oauth/token"
    assertion = client_assertion(
        key, kid=str(key.kid), client_id=founding.CLIENT, audience=url,
        purpose=Purpose("TREAT", role="doctor"), now=int(time.time()), jti=jti,
    )  # fmt: skip
    form = {"grant_type": "client_credentials", "scope": founding.SCOPES}
    return url, form | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def pid_on_record(sandbox):
    """Which process `state.json` names as the node: `sandbox down` ends that one."""
    state = json.loads((sandbox.federation.folder / "state.json").read_text("utf-8"))
    return next(one["pid"] for one in state["processes"] if one["name"] == "greenfield")


@pytest.mark.promise("P2")
def test_A_1_an_assertion_buys_one_token_also_across_a_kill(running):
    """The same `jti` twenty times at once gives one token; after SIGKILL and restart it gives none."""
    sandbox = running
    url, form = _token_form(sandbox, os.urandom(16).hex())

    async def at_once():
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            replies = await asyncio.gather(*(client.post(url, data=form) for _ in range(20)))
        return [reply.status_code for reply in replies]

    codes = sandbox.run(at_once())
    assert codes.count(200) == 1, codes
    assert set(codes) <= {200, 400, 401}
    sandbox.federation.kill_node()
    sandbox.run(sandbox.federation.start_node())
    assert pid_on_record(sandbox) == sandbox.federation._running["greenfield"].pid
    reply = httpx.post(url, data=form, trust_env=False)
    assert reply.status_code in (400, 401)
    assert reply.json()["error"] == "invalid_client"


@pytest.mark.promise("P1")
def test_U_6_sigterm_ends_the_node_in_order(running):
    """Questions in flight are still answered, messages in flight acknowledged or not taken; exit code 0."""
    sandbox = running
    sandbox.send(PATIENT)
    sandbox.permit(PATIENT)
    id = sandbox.known_id(PATIENT)
    sandbox.faults("gp", {"kind": "latency", "ms": 1000})
    process = sandbox.federation._running["greenfield"]
    port = feed_port(sandbox)

    async def stop_while_busy():
        async with client_of(sandbox.federation) as client:
            await client.everything(id)
            asked = [asyncio.create_task(client.everything(id)) for _ in range(3)]
            acks, stop = {}, asyncio.Event()
            sending = [asyncio.create_task(_hammer(port, 90_000 + n, acks, stop)) for n in range(2)]
            await asyncio.sleep(0.5)
            process.terminate()
            answers = await asyncio.gather(*asked)
            await asyncio.gather(*sending)
            return answers, acks, await asyncio.to_thread(process.wait, 30)

    answers, acks, code = sandbox.run(stop_while_busy())
    assert code == 0
    assert all(answer.complete for answer in answers)
    sandbox.clear()
    sandbox.run(sandbox.federation.start_node())
    assert {code_of(ack) for ack in acks.values()} == {"AA"}
    assert not acks.keys() - stored(sandbox)[0]
    assert sandbox.verified().finding is None
