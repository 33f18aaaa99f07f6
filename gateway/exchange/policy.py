"""What the decisions of one answer rest on, read in one unit of work, with the epochs that date it."""

from dataclasses import dataclass

from sqlalchemy import Connection

from consent.agreement import SharingAgreement, agreement_from_stored
from consent.errors import Uncomputable
from consent.interface import StoredAgreement
from consent.plan import Plan, plan
from consent.record import ConsentView, consent_from_stored
from consent.request import AccessRequest
from consent.store.sql import SQLAgreementRegistry, SQLConsentRegistry
from gateway.exchange.node import Node


@dataclass(frozen=True, slots=True)
class Epochs:
    """A decision holds only as long as none of these has risen (exchange.md, step 10)."""

    patient: int
    agreements: int
    directory: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Consents of the person and agreements of the node, as known at the instant of the request."""

    consents: tuple[ConsentView, ...]
    agreements: tuple[SharingAgreement, ...]
    epochs: Epochs

    def plan(self, node: Node, request: AccessRequest) -> Plan:
        """The request side folded once for all resources of the answer."""
        return plan(request, node.directory().register.consent, node.floor, self.agreements, self.consents)


def read_policy(connection: Connection, node: Node, person: str | None, request: AccessRequest) -> Policy:
    """`person`: `Patient/<index id>`, or None where nobody matched yet (then no consent speaks)."""
    agreements = SQLAgreementRegistry(connection)
    known = agreements.known(as_of=request.known_at)
    views: tuple[ConsentView, ...] = ()
    patient_epoch = 0
    if person is not None:
        consents = SQLConsentRegistry(connection, node.room(connection).vault)
        stored = consents.of_subjects((person,), as_of=request.known_at)
        views = tuple(consent_from_stored(one, own=node.organisations) for one in stored)
        patient_epoch = consents.epoch(person)
    return Policy(views, _readable(known), Epochs(patient_epoch, agreements.epoch(), node.directory().epoch))


def read_epochs(connection: Connection, node: Node, person: str | None) -> Epochs:
    """The epochs as they are now, inside the releasing transaction."""
    consents = SQLConsentRegistry(connection, node.room(connection).vault)
    patient = consents.epoch(person) if person is not None else 0
    return Epochs(patient, SQLAgreementRegistry(connection).epoch(), node.directory().epoch)


def _readable(stored: tuple[StoredAgreement, ...]) -> tuple[SharingAgreement, ...]:
    """Agreements that can be computed; one that cannot covers nothing."""
    found = []
    for one in stored:
        try:
            found.append(agreement_from_stored(one))
        except Uncomputable:
            continue
    return tuple(found)
