"""G15: time to decide one resource inside a bundle, from its stored digest to the decision.

Both ways on the same records of one patient: digest decoded, aliases put in, decided by a plan that is folded
once; and beside it the whole step 9 of the exchange, which also cuts what refers to withheld records.
"""

import asyncio
import tempfile
from pathlib import Path

from sqlalchemy import Connection

from benchmarks.clock import ms_of, p50
from benchmarks.report import Result
from benchmarks.stage import Stage, staged
from consent.facts import facts_from_bytes
from consent.plan import Plan
from gateway.exchange.decide import decide
from gateway.exchange.frame import access_request
from gateway.exchange.policy import read_policy
from gateway.exchange.resolve import resolve
from gateway.records.interface import Record

GOAL = 25_000


def run(*, records: int = 60, rounds: int = 60) -> list[Result]:
    """Decisions a second, from digests."""
    with tempfile.TemporaryDirectory(prefix="carepact-bench-") as folder:
        return asyncio.run(_run(Path(folder) / "sandbox", records, rounds))


async def _run(home: Path, records: int, rounds: int) -> list[Result]:
    async with staged(home, records) as stage:
        held, aliases = await stage.node.database.read(lambda c: _held(c, stage))
        plan = await _plan(stage)

        def from_digests() -> None:
            for one in held:
                plan.decide(facts_from_bytes(one.digest).about(aliases))

        alone, step = [], []
        for _ in range(rounds):
            alone.append(ms_of(from_digests))
            step.append(ms_of(lambda: decide(plan, held, aliases)))
        each, whole = p50(alone) * 1000 / len(held), p50(step) * 1000 / len(held)
        rate = 1_000_000 / each
        return [
            Result(
                "G15 decisions from digests",
                f"{each:.1f} us each, {rate:.0f} a second a core ({len(held)} in a bundle), goal {GOAL}",
                rate / GOAL,
                rate >= GOAL,
            ),
            Result("G15 step 9 of an exchange / decisions", f"{whole:.1f} us a resource", whole / each),
        ]


def _held(connection: Connection, stage: Stage) -> tuple[tuple[Record, ...], dict[str, str]]:
    room = stage.node.room(connection)
    return room.records.of_person(stage.person), dict(room.index.aliases(stage.person))


async def _plan(stage: Stage) -> Plan:
    node, ask = stage.node, stage.ask()
    subject = await resolve(node, ask)
    request = access_request(ask, subject, node.directory().register)
    policy = await node.database.read(lambda c: read_policy(c, node, subject.person, request))
    return policy.plan(node)
