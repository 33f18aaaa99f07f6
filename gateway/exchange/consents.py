"""Recording what patients say: every version kept as its bytes, in force from its commit on.

1. The document is admitted whole or refused with the element's path; nothing is stored half.
2. One transaction: the ledger leaf (which takes the head that releases take), then the version. So a release
   either committed before, and is on record, or sees the new version.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from adapters.interface import Identifier
from consent.errors import Uncomputable
from consent.evidence import attachment_from_bytes
from consent.fhir import (
    Excepted,
    admit,
    consent_document,
    document_from_bytes,
    document_to_bytes,
    ending,
    narrowed,
    withdrawn,
)
from consent.instants import micros
from consent.interface import StoredConsent
from consent.record import ConsentView, consent_from_json
from consent.store.sql import SQLConsentRegistry
from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.errors import Problem
from gateway.exchange.act import Act
from gateway.exchange.node import Node
from gateway.exchange.rehearsal import write_or_rehearse
from gateway.exchange.resolve import canonical
from gateway.records.interface import AmbiguousPatient

__all__ = ["Act", "Consents", "Grant"]
_SKEW = 60_000_000  # microseconds that two clocks may differ
_SHARED = "this identifier is on more than one person's record"


@dataclass(frozen=True, slots=True)
class Grant:
    """What the consent desk writes down. Purposes are v3 ActReason codes; organisations directory ids."""

    permit: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    excepted: tuple[Excepted, ...] = ()
    custodians: tuple[str, ...] = ()
    data_from: str | None = None
    data_to: str | None = None
    until: str | None = None
    id: str | None = None
    performer: str | None = None
    """Who gave it: `RelatedPerson/…` or `Patient/…`; None: the patient herself."""
    evidence: bytes | None = None
    """The form as it was scanned."""


class Consents:
    """Consents of the node's patients. Organisations that a document names must be in the directory."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def grant(
        self, patient: Identifier, grant: Grant, act: Act, *, dry_run: bool = False
    ) -> StoredConsent:
        """Write and store a consent. The patient need not have a record yet. Raises `Uncomputable`."""
        id = grant.id or f"c-{self._node.entropy(6).hex()}"

        def unit(connection: Connection) -> StoredConsent:
            subject = self._person(connection, patient, act.at)
            document = consent_document(
                id=id, patient=subject, at=act.at, permit=grant.permit, deny=grant.deny, to=grant.to,
                excepted=grant.excepted, custodians=grant.custodians, data_from=grant.data_from,
                data_to=grant.data_to, until=grant.until, performer=grant.performer or subject,
                evidence=attachment_from_bytes(grant.evidence) if grant.evidence else None,
            )  # fmt: skip
            return self.put(connection, id, subject, document_to_bytes(document), act)

        return await self._write(unit, dry_run)

    async def record(
        self, patient: Identifier | str, document: bytes, act: Act, *, dry_run: bool = False
    ) -> StoredConsent:
        """Store a FHIR Consent as it was received. `patient`: identifier, or `Patient/<id>` held here."""
        id = f"c-{self._node.entropy(6).hex()}"

        def unit(connection: Connection) -> StoredConsent:
            return self.put(connection, id, self.subject(connection, patient, act.at), document, act)

        return await self._write(unit, dry_run)

    async def replace(self, id: str, base: int, document: bytes, act: Act) -> StoredConsent:
        """The next version; `base` is the version that the change was made on. Raises `stale`."""

        def unit(connection: Connection) -> StoredConsent:
            held = self._held(connection, id)
            if held.version != base:
                raise Problem("stale")
            return self.put(connection, id, held.subject, document, act, held)

        return await self._write(unit, False)

    async def withdraw(
        self, id: str, act: Act, *, only: Excepted | None = None, effective: datetime | None = None,
        dry_run: bool = False,
    ) -> StoredConsent:  # fmt: skip
        """Withdraw a consent, or (`only`) what it says about some data; binds the next resource.

        `effective`: from that instant on instead of at once. What is withdrawn already stays the version that
        it is, without a leaf.
        """

        def unit(connection: Connection) -> StoredConsent:
            held = self._held(connection, id)
            document = document_from_bytes(held.document)
            if effective is not None:
                changed = ending(document, effective)
            else:
                changed = withdrawn(document) if only is None else narrowed(document, only)
            if changed == document:
                return held
            return self.put(connection, id, held.subject, document_to_bytes(changed), act, held)

        return await self._write(unit, dry_run)

    async def get(
        self, id: str, version: int | None = None, *, as_of: datetime | None = None
    ) -> StoredConsent:
        """One version, the newest by default, or the newest known at `as_of`. Raises `not_found`."""

        def unit(connection: Connection) -> StoredConsent | None:
            registry = self.registry(connection)
            found = registry.current(id) if version is None else registry.version(id, version)
            while found is not None and as_of is not None and found.recorded > as_of:
                found = registry.version(id, found.version - 1) if version is None else None
            return found

        found = await self._node.database.read(unit)
        if found is None:
            raise Problem("not_found", hint="carepact consent list --patient …")
        return found

    async def of_patient(self, patient: Identifier, at: datetime) -> tuple[StoredConsent, ...]:
        """Every version about this patient known at an instant, oldest first; empty for an unknown one."""

        def unit(connection: Connection) -> tuple[StoredConsent, ...]:
            index = self._node.room(connection).index
            found = index.resolve([canonical(patient)])
            if found.state == "ambiguous":
                raise Problem("conflict", hint=_SHARED)
            persons = index.persons(found.person) if found.person else ()
            return self.registry(connection).of_subjects(persons, as_of=at)

        return await self._node.database.read(unit)

    async def subject_of(self, patient: Identifier | str) -> str | None:
        """The person that a Consent's `patient` means here; None if it is nobody's."""

        def unit(connection: Connection) -> str | None:
            index = self._node.room(connection).index
            if isinstance(patient, Identifier):
                return index.resolve([canonical(patient)]).person
            return index.person_of(patient)

        return await self._node.database.read(unit)

    async def _write(self, unit: Callable[[Connection], StoredConsent], dry_run: bool) -> StoredConsent:
        return await write_or_rehearse(self._node.database, unit, dry_run)

    def put(
        self,
        connection: Connection,
        id: str,
        subject: str,
        document: bytes,
        act: Act,
        held: StoredConsent | None = None,
        *,
        quarantine: bool = False,
    ) -> StoredConsent:
        """Inside a unit: the first version, or the one after `held`, never recorded before it. Leaf first."""
        node = self._node
        version, recorded = (1, act.at) if held is None else (held.version + 1, max(act.at, held.recorded))
        view = self._admit(document, subject, quarantine)  # 1
        if view.given is not None and view.given > micros(recorded) + _SKEW:
            raise Uncomputable("Consent.dateTime", "is in the future: it would not bind now")
        vault = node.room(connection).vault
        detail = {"consent": f"{id}@{version}", "status": view.status, "by": act.by, "reason": act.reason}
        entry = Entry("consent", int(act.at.timestamp()), person=subject, detail=detail)
        ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)  # 2
        stored = StoredConsent(id, version, subject, recorded, node.member, document)
        self.registry(connection).put(stored)
        return stored

    def _admit(self, document: bytes, subject: str, quarantine: bool) -> ConsentView:
        """`quarantine`: what cannot be computed is stored all the same; it denies until it is repaired."""
        try:
            return admit(document, resolves=self.resolves, subject=subject)
        except Uncomputable:
            if not quarantine:
                raise
            return consent_from_json(document_from_bytes(document), patient=subject)

    def _held(self, connection: Connection, id: str) -> StoredConsent:
        held = self.registry(connection).current(id)
        if held is None:
            raise Problem("not_found", hint="carepact consent list --patient …")
        return held

    def subject(self, connection: Connection, patient: Identifier | str, at: datetime) -> str:
        if isinstance(patient, Identifier):
            return self._person(connection, patient, at)
        person = self._node.room(connection).index.person_of(patient)
        if person is None:
            raise Problem("not_available")
        return person

    def _person(self, connection: Connection, patient: Identifier, at: datetime) -> str:
        try:
            return self._node.room(connection).index.register(canonical(patient), at=at)
        except AmbiguousPatient:
            raise Problem("conflict", hint=_SHARED) from None

    def registry(self, connection: Connection) -> SQLConsentRegistry:
        return SQLConsentRegistry(connection, self._node.room(connection).vault)

    def resolves(self, reference: str) -> bool:
        """Whether a reference is somebody in the directory: organisations are members or in the register."""
        kind, _, id = reference.partition("/")
        directory = self._node.directory()
        register = directory.register.consent
        if kind == "Organization":
            tree = {*register.org_parent, *register.org_parent.values()}
            return directory.is_member(id) or id in tree or id in self._node.organisations
        if kind == "Practitioner":
            return id in register.practitioner_orgs
        return (
            id in register.groups if kind in ("Group", "CareTeam") else kind in ("Patient", "RelatedPerson")
        )
