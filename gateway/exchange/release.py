"""Step 10: the transaction after which alone something is signed and leaves (exchange.md).

1. Take the ledger's head: it orders releases and changes of authority against each other, on every database.
2. Recheck the epochs that the decisions used: a withdrawal that committed first wins, and the caller decides
   anew. 3. Write receipts, the signed decision statement, the exchange, the ledger leaf,
   the break-glass grant if one was used, and the notice to the patient that is due for it. 4. Commit.
A release that committed first is on record. Nothing leaves between.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.audit import exchanges, ledger, receipts
from gateway.audit.interface import Appended, Entry, Exchange
from gateway.exchange import basis
from gateway.exchange.emergency import BrokenGlass, record_use
from gateway.exchange.node import Node
from gateway.exchange.notices import DueNotice, record_due
from gateway.exchange.policy import Policy, read_epochs
from gateway.exchange.request import Ask


class Outdated(Exception):
    """Consent or agreement changed since the decision: decide again."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What is recorded about one answer. `md`, `req`: 32 bytes; statements are JWS bytes."""

    ask: Ask
    person: str | None
    policy: Policy
    """What was decided under; its epochs are rechecked."""
    basis: bytes
    """What the receipts can be derived from again (`basis.basis_of`)."""
    receipts: tuple[bytes, ...]
    decision_statement: bytes
    completeness_statement: bytes
    state: str
    md: bytes
    req: bytes
    detail: dict[str, object]
    breaker: str | None = None
    """Whose break-glass grants the decisions rested on, if an emergency was declared."""
    glass: BrokenGlass | None = None
    """Something leaves by the emergency."""
    notice: DueNotice | None = None
    """The patient must be told of it."""


def record(connection: Connection, node: Node, disclosure: Disclosure) -> Appended:
    """Inside one unit of work. Raises `Outdated`, and then nothing of it is written."""
    ask = disclosure.ask
    # 1. The head of the ledger is held until the commit.
    frontier = ledger.lock_head(connection)
    # 2. What the decisions rested on still stands.
    if read_epochs(connection, node, disclosure.person, disclosure.breaker) != disclosure.policy.epochs:
        raise Outdated
    # 3. On record, all of it or nothing.
    if ask.asked_by is not None:
        ask.asked_by.spend(connection)
        frontier = ledger.lock_head(connection)  # what it found of the member's log may have been logged
    vault = node.room(connection).vault
    at = int(ask.at.timestamp())
    entry = Entry(
        kind="deliver" if ask.asked_by is None else "answer",
        at=at,
        peer=f"{node.member}/{ask.caller.client}" if ask.asked_by is None else ask.asked_by.member,
        md=disclosure.md,
        req=disclosure.req,
        person=disclosure.person,
        detail=disclosure.detail,
    )
    appended = ledger.append(
        connection, entry, me=node.member, vault=vault, entropy=node.entropy, frontier=frontier
    )
    exchanges.record(
        connection,
        Exchange(
            id=ask.exchange,
            at=at,
            client=ask.caller.client,
            organisation=ask.caller.organisation,
            purpose=ask.caller.purpose,
            state=disclosure.state,
            person=disclosure.person,
            completeness=disclosure.completeness_statement,
            decision=disclosure.decision_statement,
            leaf=appended.index,
        ),
    )
    receipts.keep(connection, ask.exchange, disclosure.person, disclosure.receipts, vault)
    basis.keep(connection, node, ask.exchange, disclosure.policy, disclosure.person, disclosure.basis)
    if disclosure.glass is not None:
        record_use(connection, node, disclosure.glass)
    if disclosure.notice is not None:
        record_due(connection, node, disclosure.notice)
    return appended
