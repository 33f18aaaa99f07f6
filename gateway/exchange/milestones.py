"""Children who come of age: when a parent's right ends, listed ahead, and settled then (consent.md 10).

1. A parent's right ends by the child's age, at every decision and by itself; nobody needs to end it.
2. What a parent permitted before stays valid. It is queued here: somebody asks the young person, and either
   keeps it or withdraws it.
3. Settling is one transaction: a leaf that names the milestone, then the withdrawals, each with its own.
   The ledger is the only place that says so.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from consent.directory import Proxy
from consent.fhir import document_from_bytes, document_to_bytes, withdrawn
from consent.instants import Micros, micros
from consent.interface import StoredConsent
from consent.person import comes_of_age
from consent.record import consent_from_stored
from gateway.audit import ledger
from gateway.audit.disclosures import details_of_kind
from gateway.audit.interface import Entry
from gateway.errors import Problem
from gateway.exchange.act import Act
from gateway.exchange.consents import Consents
from gateway.exchange.node import Node
from gateway.exchange.people import birth_of
from gateway.exchange.rehearsal import write_or_rehearse

OUTCOMES = ("keep", "withdraw")
_NEXT = "Known ones: carepact consent milestone list --all"


@dataclass(frozen=True, slots=True)
class Milestone:
    """One parent's right over one child. `due`: when it ends, None where her birth is not known (it never
    holds then). `consents`: active ones that this parent gave. `outcome`: how it was settled.
    """

    id: str
    patient: str
    proxy: str
    due: Micros | None
    consents: tuple[str, ...] = ()
    outcome: str | None = None

    def state(self, at: Micros) -> str:
        """`settled`, `unknown-birth`, `due` or `upcoming`."""
        if self.outcome is not None:
            return "settled"
        if self.due is None:
            return "unknown-birth"
        return "due" if self.due <= at else "upcoming"


class Milestones:
    """Every milestone that the register and the patient index know of."""

    def __init__(self, node: Node, consents: Consents) -> None:
        self._node = node
        self._consents = consents

    async def known(self, at: datetime) -> tuple[Milestone, ...]:
        """By the day on which they are due; those without one first."""
        return await self._node.database.read(lambda c: self._known(c, at))

    async def get(self, id: str, at: datetime) -> Milestone:
        """One of them. Raises `not_found`."""
        return await self._node.database.read(lambda c: self._held(c, id, at))

    async def settle(self, id: str, outcome: str, act: Act, *, dry_run: bool = False) -> Milestone:
        """Keep what the parent permitted, or withdraw it. Raises `conflict` unless it is due."""
        if outcome not in OUTCOMES:
            raise Problem("invalid", expression="--outcome", hint=" or ".join(OUTCOMES))

        def unit(connection: Connection) -> Milestone:
            frontier = ledger.lock_head(connection)  # what is read from here on is so until the commit
            found = self._held(connection, id, act.at)
            if found.state(micros(act.at)) != "due":
                raise Problem("conflict", hint="it is not due: carepact consent milestone show")
            detail = {"milestone": id, "outcome": outcome, "by": act.by, "reason": act.reason}
            entry = Entry("consent", int(act.at.timestamp()), detail=detail)
            node, vault = self._node, self._node.room(connection).vault
            ledger.append(
                connection, entry, me=node.member, vault=vault, entropy=node.entropy, frontier=frontier
            )
            for one in found.consents if outcome == "withdraw" else ():
                self._withdraw(connection, one, act)
            return self._held(connection, id, act.at)

        return await write_or_rehearse(self._node.database, unit, dry_run)

    def _withdraw(self, connection: Connection, id: str, act: Act) -> None:
        held = self._consents.registry(connection).current(id)
        assert held is not None  # read in this very unit
        document = document_to_bytes(withdrawn(document_from_bytes(held.document)))
        self._consents.put(connection, id, held.subject, document, act, held)

    def _held(self, connection: Connection, id: str, at: datetime) -> Milestone:
        found = next((one for one in self._known(connection, at) if one.id == id), None)
        if found is None:
            raise Problem("not_found", hint=_NEXT)
        return found

    def _known(self, connection: Connection, at: datetime) -> tuple[Milestone, ...]:
        vault = self._node.room(connection).vault
        told = details_of_kind(connection, "consent", vault, until=int(at.timestamp()))
        settled: dict[str, str] = {}
        for one in told:
            if "milestone" in one:
                settled.setdefault(str(one["milestone"]), str(one["outcome"]))
        found = self._of_register(connection, at, settled)
        return tuple(sorted(found, key=lambda one: (one.due is not None, one.due or 0, one.id)))

    def _of_register(
        self, connection: Connection, at: datetime, settled: dict[str, str]
    ) -> Iterator[Milestone]:
        register = self._node.directory().register.consent
        index = self._node.room(connection).index
        for right in register.proxies:
            if right.kind != "parental" or not right.verified:
                continue
            person = index.person_of(right.patient) or right.patient
            due = comes_of_age(birth_of(register, index, person), self._node.floor.parental_until)
            if right.end is not None and due is not None and right.end < due:
                continue  # it ends by itself before
            id = f"ms-{_digest(person, right.proxy, due)}"
            stored = self._consents.registry(connection).of_subjects(index.persons(person), as_of=at)
            yield Milestone(id, person, right.proxy, due, _given_by(right, stored), settled.get(id))


def _given_by(right: Proxy, stored: tuple[StoredConsent, ...]) -> tuple[str, ...]:
    newest = {one.id: consent_from_stored(one) for one in stored}
    return tuple(
        sorted(
            id for id, view in newest.items() if view.status == "active" and right.proxy in view.performers
        )
    )


def _digest(person: str, proxy: str, due: Micros | None) -> str:
    return hashlib.sha256(f"{person}\0{proxy}\0{due}".encode()).hexdigest()[:16]
