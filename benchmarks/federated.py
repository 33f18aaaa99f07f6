"""A question over two nodes against the same asked at home: what sealing, posting and verifying cost.

Both nodes are whole, in one process, over a real socket of loopback; every step commits durably.
"""

import asyncio
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.interface import Identifier
from benchmarks.report import Result
from gateway.authn.caller import Caller
from gateway.authn.scopes import parse_all
from gateway.bootstrap import Runtime
from gateway.exchange.act import Act
from gateway.exchange.consents import Grant
from gateway.exchange.cycle import exchange
from gateway.exchange.request import Ask, Reach
from gateway.exchange.types import CLINICAL
from gateway.sandbox.mocks.hospital_messages import messages_of
from gateway.sandbox.mocks.population import Population
from gateway.sandbox.pair import NORTH, SOUTH, Place, found_pair, running_pair
from gateway.sandbox.patients import NHS_NUMBER

PATIENT = "patient_with_full_record"
RUNS = 20


def run() -> list[Result]:
    """Medians over interleaved runs."""
    with TemporaryDirectory() as folder:
        place = found_pair(Path(folder) / "pair")
        return asyncio.run(_measured(place))


async def _measured(place: Place) -> list[Result]:
    async with running_pair(place) as nodes:
        number = await _filled(nodes)
        local: list[float] = []
        far: list[float] = []
        for _ in range(RUNS):
            local.append(await _timed(nodes[SOUTH], number, "local"))
            far.append(await _timed(nodes[NORTH], number, "federation"))
    home, away = statistics.median(local), statistics.median(far)
    figure = f"{away * 1000:.0f} ms from another node, {home * 1000:.0f} ms at home"
    return [Result("a record of another node / the same at home", figure, away / home)]


async def _filled(nodes: dict[str, Runtime]) -> Identifier:
    south = nodes[SOUTH]
    population = Population(7, south.clock().date())
    patient = population.find(PATIENT)
    assert patient is not None
    assert patient.hospital is not None
    (bound,) = south.node.sources
    for message in messages_of(patient, patient.hospital, population.seed):
        await south.node.intake.receive_message(message.body, bound.source, bound.normaliser, south.clock())
    number = Identifier(NHS_NUMBER, patient.person.nhs_number)
    for runtime in nodes.values():
        act = Act("benchmark", "so that there is something to release", runtime.clock())
        await runtime.consents.grant(number, Grant(permit=("TREAT",), to=(NORTH, SOUTH), id="c1"), act)
    return number


async def _timed(runtime: Runtime, number: Identifier, reach: Reach) -> float:
    caller = Caller(
        client="ward", organisation=runtime.node.member, purpose="TREAT",
        scopes=parse_all("system/*.rs"), roles=("doctor",), reach=reach,
    )  # fmt: skip
    ask = Ask(
        exchange=runtime.services.new_id(), caller=caller, subject=number, types=CLINICAL,
        shape="everything", at=runtime.clock(), deadline=30.0, self_url=runtime.node.base, reach=reach,
    )  # fmt: skip
    start = time.perf_counter()
    answer = await exchange(runtime.node, ask)
    took = time.perf_counter() - start
    assert b'"AllergyIntolerance"' in answer.body, "the record did not come"
    return took
