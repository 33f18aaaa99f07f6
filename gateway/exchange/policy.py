"""What the decisions of one answer rest on, read in one unit of work, with the epochs that date it.

1. The epochs, before anything that they date: where each statement reads for itself (PostgreSQL) a change in
   between is then found by the release, never missed.
2. Everything that is committed, whatever its instant says: a withdrawal binds from its commit on, also one
   that was recorded after the question was asked, or by a clock ahead of ours.
3. The instant of disclosure is now, not when it was asked: a suspension in between is in force.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from consent.agreement import SharingAgreement, agreement_from_stored
from consent.directory import UNNAMED
from consent.directory import Directory as ConsentDirectory
from consent.errors import Uncomputable
from consent.interface import StoredAgreement, StoredConsent
from consent.plan import Plan, plan
from consent.record import ConsentView, consent_from_stored
from consent.request import AccessRequest
from consent.store.grants import SQLGrantRegistry
from consent.store.sql import SQLAgreementRegistry, SQLConsentRegistry
from gateway.directory.interface import Register
from gateway.exchange.emergency import bar, who_breaks
from gateway.exchange.node import Node
from gateway.exchange.people import birth_of, directory_about
from gateway.exchange.source_rules import NO_RULES, SourceRules
from gateway.records.vault import Vault

EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Epochs:
    """A decision holds only as long as none of these has risen (exchange.md, step 10)."""

    patient: int
    agreements: int
    directory: str
    persons: tuple[str, ...] = ()
    """Who turned out to be this person: a refusal that was recorded for one of them binds for all."""
    source_rules: str = ""
    birth: str | None = None
    """Of the person, where somebody's right depends on her age."""
    grants: int = 0
    """Of the break-glass grants of the one who asks; 0 where no emergency was declared."""
    bar: str | None = field(default=None, compare=False)
    """Why she may not break the glass for this patient now; time alone changes it too."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Consents of the person and agreements of the node, as known now, and the question as of now."""

    request: AccessRequest
    consents: tuple[ConsentView, ...]
    agreements: tuple[SharingAgreement, ...]
    epochs: Epochs
    register: Register
    person: str | None = None
    source_rules: SourceRules = NO_RULES
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Every reference that means this person."""

    def plan(self, node: Node) -> Plan:
        """The request side folded once for all resources of the answer."""
        return plan(
            self.request, self.directory, node.floor, self.agreements, self.consents, self.source_rules.rules
        )

    @property
    def directory(self) -> ConsentDirectory:
        """The register about this person, and whether the one who asks is barred from breaking the glass."""
        known = self.register.consent
        if self.person is not None:
            known = directory_about(known, self.person, self.aliases, self.epochs.birth)
        if self.epochs.bar is None:
            return known
        return replace(known, blocked=known.blocked | {self.request.practitioner or UNNAMED})


def read_policy(
    connection: Connection,
    node: Node,
    person: str | None,
    request: AccessRequest,
    vault: Vault | None = None,
    who: str | None = None,
) -> Policy:
    """`person`: `Patient/<index id>`, or None where nobody matched yet (then no consent speaks).

    `vault`: the one of this unit of work, where the caller has it: it knows keys already. `who`: the proven
    identifier of a user, for the break-glass grants of one whom the register does not know.
    """
    breaker = who_breaks(request, who)
    epochs = read_epochs(connection, node, person, breaker)  # 1
    register, source_rules = node.directory().register, node.source_rules()
    known = SQLAgreementRegistry(connection).known(as_of=EVER)  # 2
    stored: tuple[StoredConsent, ...] = ()
    aliases: Mapping[str, str] = {}
    if person is not None:
        aliases = node.room(connection).index.aliases(person)
        consents = SQLConsentRegistry(connection, vault or node.room(connection).vault)
        stored = consents.of_subjects(epochs.persons, as_of=EVER)
        stored = tuple(replace(one, subject=person) for one in stored)
    views = tuple(consent_from_stored(one, own=node.organisations) for one in stored)
    now = max(request.at, node.clock())
    as_of = max((now, *_instants(known, stored)))
    if breaker is not None:
        epochs = replace(epochs, bar=bar(connection, node, breaker, request, now, epochs.persons))
    return Policy(
        replace(request, at=now, as_of=as_of), views, _readable(known), epochs, register, person,
        source_rules, aliases,
    )  # fmt: skip


def _instants(agreements: tuple[StoredAgreement, ...], consents: tuple[StoredConsent, ...]) -> list[datetime]:
    """When each version and statement became known: what is committed is known."""
    made = [statement.at for agreement in agreements for statement in agreement.statements]
    return [*made, *(one.recorded for one in agreements), *(one.recorded for one in consents)]


def read_epochs(connection: Connection, node: Node, person: str | None, breaker: str | None = None) -> Epochs:
    """The epochs as they are now, inside the releasing transaction. `breaker`: of `who_breaks`."""
    room = node.room(connection)
    persons = room.index.persons(person) if person is not None else ()
    consents = SQLConsentRegistry(connection, room.vault)
    directory = node.directory()
    birth = None
    if person is not None:
        birth = birth_of(directory.register.consent, room.index, person)
    patient = sum(consents.epoch(one) for one in persons)
    agreements = SQLAgreementRegistry(connection).epoch()
    grants = SQLGrantRegistry(connection, room.vault).epoch(breaker) if breaker is not None else 0
    return Epochs(patient, agreements, directory.epoch, persons, node.source_rules().epoch, birth, grants)


def _readable(stored: tuple[StoredAgreement, ...]) -> tuple[SharingAgreement, ...]:
    """Agreements that can be computed; one that cannot covers nothing."""
    found = []
    for one in stored:
        try:
            found.append(agreement_from_stored(one))
        except Uncomputable:
            continue
    return tuple(found)
