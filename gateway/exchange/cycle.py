"""One exchange: a question about one patient, and everything that follows until the answer is on record.

 1. Ask, 2. authenticate and frame: `api/` built the `Ask`, or `peer/query.py` did for another member's node;
    here it becomes the one `AccessRequest`.
 3. Resolve the patient in the node's own index.
 4. Locate: the sources, and other members, that an agreement in force lets us ask at all.
 5. Fan out: one sealed question a member; 6. and 7. are its other end: `peer/endpoint.py`, `query.py`.
 8. Gather from all sources at once, under one deadline; what comes is kept and normalised.
 9. Decide for each resource, also of what other members decided to send: both sides evaluate.
10. Release: recheck, record, commit; only then sign.
11. Assemble: merge, and say who was not reached.
12. Answer, sealed to the caller's key if it has one; to another node always, refusals included.

A consent or agreement that changes between 9 and 10 sends the answer back to 9: never out.
"""

import asyncio
from collections.abc import Iterable

from consent.plan import Plan
from consent.request import AccessRequest
from gateway.errors import Problem
from gateway.exchange import release
from gateway.exchange.checkpoint import signed_checkpoint
from gateway.exchange.disclosure import disclose
from gateway.exchange.fanout import fan_out
from gateway.exchange.foreign import foreign_from
from gateway.exchange.frame import access_request
from gateway.exchange.gather import gather
from gateway.exchange.grace import require_current
from gateway.exchange.locate import Located, locate
from gateway.exchange.node import Node
from gateway.exchange.policy import read_policy
from gateway.exchange.request import Answer, Ask
from gateway.exchange.resolve import Subject, resolve
from gateway.exchange.sealing import Outgoing, outgoing, sealed
from gateway.exchange.turn import Gathered, Turn, decide_turn, resolves
from gateway.logs import log

_OF_THE_QUESTION = frozenset(("purpose-missing-or-unknown", "btg-undeclared", "no-lawful-basis"))
MAX_ROUNDS = 4
"""How often a consent may change under one answer before it is refused as `conflict`."""


async def exchange(node: Node, ask: Ask) -> Answer:
    """Run the cycle. Raises `Problem`: `not_available`, `forbidden`, `no_source_answered`, `unavailable`."""
    require_current(node.directory(), ask.caller.purpose, int(ask.at.timestamp()))
    subject = await resolve(node, ask)  # 3
    request = access_request(ask, subject, node.directory().register)
    refused, located = await _reachable(node, ask, request)  # 4
    if located.ask and not await resolves(node, ask, request, subject):
        located = Located()  # it ends as `not_available`, and nobody else was told of her
    states, contributions = await asyncio.gather(  # 5, 8
        gather(node, ask, subject, refused), fan_out(node, ask, subject, request, located)
    )
    foreign = tuple([await asyncio.to_thread(foreign_from, node, one) for one in contributions])
    found = Gathered(states, foreign, located)
    subject = await resolve(node, ask)  # the index may have learnt who it is
    request = access_request(ask, subject, node.directory().register)
    checkpoint = await signed_checkpoint(node)
    for _ in range(MAX_ROUNDS):
        turn = await decide_turn(node, ask, request, subject, found)  # 9, 11
        in_clear = turn.problem is not None and ask.asked_by is None
        out = outgoing(node, ask, turn.body, checkpoint, refused=in_clear, src=turn.merged)
        try:
            await _release(node, ask, subject, turn, out)  # 10
        except release.Outdated:
            log.info("decided_again", exchange=ask.exchange)
            continue
        if in_clear and turn.problem is not None:
            raise turn.problem
        return await _answer(node, ask, turn, out)  # 12
    raise Problem("conflict")


async def _reachable(node: Node, ask: Ask, request: AccessRequest) -> tuple[dict[str, str], Located]:
    """Custodians that may not be asked at all, with the code that may be told (consent.md 12, ●); members."""
    policy = await node.database.read(
        lambda c: read_policy(c, node, None, request, who=ask.caller.practitioner)
    )
    plan = policy.plan(node)
    found = {b.source.custodian: plan.refusal(b.source.custodian) for b in node.sources}
    refused = {custodian: deny.reason for custodian, deny in found.items() if deny is not None}
    codes = set(refused.values())
    if found and len(refused) == len(found) and codes <= _OF_THE_QUESTION:
        raise Problem("forbidden", hint=", ".join(sorted(codes)))
    if ask.asked_by is not None:
        _require_vouched(plan, found or (node.member,))
    federated = ask.reach == "federation" and ask.asked_by is None
    return refused, locate(node, policy, int(ask.at.timestamp())) if federated else Located()


def _require_vouched(plan: Plan, custodians: Iterable[str]) -> None:
    """That the patient herself asks is the member's word: refused unless it holds at every custodian here."""
    lacking = (plan.unvouched(custodian) for custodian in custodians)
    deny = next((deny for deny in lacking if deny is not None), None)
    if deny is not None:
        raise Problem("forbidden", hint=deny.reason)


async def _release(node: Node, ask: Ask, subject: Subject, turn: Turn, out: Outgoing) -> None:
    await disclose(node, ask, subject, turn, out)


async def _answer(node: Node, ask: Ask, turn: Turn, out: Outgoing) -> Answer:
    body, media = sealed(node, out)
    return Answer(ask.exchange, body, media, turn.completeness.complete)
