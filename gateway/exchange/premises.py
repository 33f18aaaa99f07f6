"""A past question with everything that it was answered from, ready to be answered again, or otherwise.

Read from the stored versions: consents, agreements with the statements of then, register and pack by digest,
facts as they were. Replay asks the same again; what-if puts a draft in the place of one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from adapters.codec import decode as decode_json
from consent.agreement import SharingAgreement, agreement_from_stored
from consent.decision import Decision
from consent.directory import UNNAMED, Directory, directory_from_json
from consent.explain import Released
from consent.facts import Facts, facts_from_bytes
from consent.floor import FloorPack, floor_from_bytes
from consent.plan import Plan, plan
from consent.record import ConsentView, consent_from_stored
from consent.request import AccessRequest, access_request_from_json
from consent.source_rules import SourceRule
from consent.store.sql import SQLAgreementRegistry, SQLConsentRegistry
from gateway.exchange import basis as kept_basis
from gateway.exchange.basis import Basis
from gateway.exchange.decide import decision_of
from gateway.exchange.node import Node
from gateway.exchange.people import directory_about
from gateway.exchange.policy import EVER
from gateway.exchange.source_rules import source_rules_from_bytes
from gateway.exchange.statements import receipts_of
from gateway.records.vault import Vault


class NoBasis(Exception):
    """What these decisions were made from is not kept, or not all of it."""


@dataclass(frozen=True, slots=True)
class Premises:
    """`facts` and `about` go together, in the order of the receipts."""

    exchange: str
    request: AccessRequest
    directory: Directory
    floor: FloorPack
    agreements: tuple[SharingAgreement, ...]
    consents: tuple[ConsentView, ...]
    facts: tuple[Facts, ...]
    about: tuple[Released, ...]
    epochs: dict[str, int | str]
    source_rules: tuple[SourceRule, ...] = ()

    def plan(self) -> Plan:
        return plan(
            self.request, self.directory, self.floor, self.agreements, self.consents, self.source_rules
        )

    def decisions(self) -> tuple[Decision, ...]:
        """Of every record, in order."""
        made = self.plan()
        return tuple(decision_of(made, facts) for facts in self.facts)

    def receipts(self) -> tuple[bytes, ...]:
        """The bytes that were kept, if nothing has changed."""
        decided = tuple(zip(self.decisions(), self.about, strict=True))
        return receipts_of(self.exchange, self.request, decided, self.epochs)


def read_premises(connection: Connection, node: Node, exchange: str) -> Premises:
    """Raises `NoBasis`, `SealBroken` (`KeyErased`)."""
    vault = node.room(connection).vault
    basis = kept_basis.find(connection, exchange, vault)
    if basis is None:
        raise NoBasis
    pack = kept_basis.document(connection, "pack", basis.pack, vault)
    register = kept_basis.document(connection, "register", basis.register, vault)
    if pack is None or register is None:
        raise NoBasis
    request = access_request_from_json(decode_json(basis.request), own=True)
    return Premises(
        exchange=exchange,
        request=request,
        directory=_barred(_about(directory_from_json(decode_json(register)), basis), basis, request),
        floor=floor_from_bytes(pack, kept=True),
        agreements=_agreements(connection, basis),
        consents=_consents(SQLConsentRegistry(connection, vault), basis),
        facts=tuple(facts_from_bytes(one.facts).about(basis.aliases) for one in basis.subjects),
        about=tuple(Released(one.ref, one.version, one.custodian, one.sha256) for one in basis.subjects),
        epochs=basis.epochs,
        source_rules=_source_rules(connection, basis, vault),
    )


def _source_rules(connection: Connection, basis: Basis, vault: Vault) -> tuple[SourceRule, ...]:
    """Which custodians the node had then is in the file itself; those of today say nothing about it."""
    if not basis.source_rules:
        return ()
    held = kept_basis.document(connection, "source-rules", basis.source_rules, vault)
    if held is None:
        raise NoBasis
    return source_rules_from_bytes(held).rules


def _about(known: Directory, basis: Basis) -> Directory:
    if basis.person is None:
        return known
    return directory_about(known, basis.person, basis.aliases, basis.birth)


def _barred(directory: Directory, basis: Basis, request: AccessRequest) -> Directory:
    if basis.bar is None:
        return directory
    return replace(directory, blocked=frozenset((request.practitioner or UNNAMED,)))


def _agreements(connection: Connection, basis: Basis) -> tuple[SharingAgreement, ...]:
    known = {(one.id, one.version): one for one in SQLAgreementRegistry(connection).known(as_of=EVER)}
    found = []
    for id, version, statements in basis.agreements:
        held = known.get((id, version))
        if held is None or len(held.statements) < statements:
            raise NoBasis
        found.append(agreement_from_stored(replace(held, statements=held.statements[:statements])))
    return tuple(found)


def _consents(registry: SQLConsentRegistry, basis: Basis) -> tuple[ConsentView, ...]:
    found = []
    for id, version in basis.consents:
        stored = registry.version(id, version)
        if stored is None or basis.person is None:
            raise NoBasis
        found.append(consent_from_stored(replace(stored, subject=basis.person), own=basis.organisations))
    return tuple(found)


def differing(premises: Premises, kept: Sequence[bytes]) -> list[int]:
    """Places of the receipts that are not derived again byte for byte; all of them if one is missing."""
    derived = premises.receipts()
    if len(derived) != len(kept):
        return list(range(max(len(derived), len(kept))))
    return [place for place, pair in enumerate(zip(derived, kept, strict=True)) if pair[0] != pair[1]]
