"""Who of a list may be used for a secondary purpose: the law's opt-outs and what each person said.

Asked about each person's own Patient record as the organisation's own use, so that no agreement stands
between: what the law forbids or makes opt-in, and what nobody permitted, is taken off the list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from adapters.interface import Identifier
from consent.digest import ResourceContext, digest
from consent.floor import FloorPack
from consent.plan import plan
from consent.request import AccessRequest
from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.exchange.node import Node
from gateway.exchange.policy import read_policy
from gateway.exchange.resolve import canonical

Place = Literal["kept", "removed", "unknown"]


@dataclass(frozen=True, slots=True)
class OptOut:
    """What is asked of each person. `org`: who would use the data; consents may name it."""

    purpose: str
    floor: FloorPack
    org: str
    at: datetime
    by: str
    reason: str


def apply_optout(
    connection: Connection, node: Node, question: OptOut, listed: Iterable[Identifier | None]
) -> tuple[Place, ...]:
    """For each identifier in order; nobody's or several people's are `unknown`. Logs one leaf."""
    places = tuple(_place(connection, node, question, one) for one in listed)
    counts = {name: places.count(name) for name in ("kept", "removed", "unknown")}
    detail = {"view": "optout", "by": question.by, "reason": question.reason,
              "purpose": question.purpose, "pack": question.floor.name,
              "organisation": question.org, **counts}  # fmt: skip
    entry = Entry("report", int(question.at.timestamp()), detail=detail)
    vault = node.room(connection).vault
    ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)
    return places


def _place(connection: Connection, node: Node, question: OptOut, listed: Identifier | None) -> Place:
    room = node.room(connection)
    person = room.index.resolve([canonical(listed)]).person if listed is not None else None
    if person is None:
        return "unknown"
    request = AccessRequest("optout", person, question.org, (question.purpose,), question.at)
    policy = read_policy(connection, node, person, request, room.vault)
    made = plan(policy.request, policy.directory, question.floor, policy.agreements, policy.consents)
    _, _, id = person.partition("/")
    facts = digest({"resourceType": "Patient", "id": id}, ResourceContext(custodian=question.org))
    return "removed" if made.decide(facts).effect == "deny" else "kept"
