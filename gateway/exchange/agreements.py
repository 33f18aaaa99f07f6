"""Recording sharing agreements and what organisations sign about them; in force from the commit on.

1. A document is read strictly, a statement verified by the local trust list: what does not hold is refused.
2. One transaction: the ledger leaf (which takes the head that releases take), then the version or statement.
   So a release either committed before, and is on record, or sees the change.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from consent.agreement import SharingAgreement, agreement_from_bytes, agreement_from_stored
from consent.interface import StoredAgreement, StoredStatement
from consent.store.sql import SQLAgreementRegistry
from gateway.audit import ledger
from gateway.audit.disclosures import details_of_kind
from gateway.audit.interface import Entry
from gateway.directory.agreements import sign_statement, verify_statement
from gateway.errors import Problem
from gateway.exchange.consents import Act
from gateway.exchange.node import Node
from gateway.exchange.rehearsal import write_or_rehearse
from keys import jws
from keys.errors import StatementRefused
from keys.jws import Signer
from keys.syntax import SyntaxRefused, parse_object

_PROPOSE = "propose"
_NEXT = "Known ones: carepact agreement list"


class Agreements:
    """Sharing agreements of the node. Both sides sign the exact bytes of one version."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def add(self, document: bytes, act: Act, *, dry_run: bool = False) -> StoredAgreement:
        """Store a version, without statements; the same bytes again change nothing.

        Raises `Uncomputable` for what is no agreement, `StaleVersion` for other bytes or an older version.
        """
        agreement = agreement_from_bytes(document)  # 1
        new = StoredAgreement(agreement.id, agreement.version, act.at, document)

        def unit(connection: Connection) -> StoredAgreement:
            held = _version(connection, agreement.id, agreement.version, act.at)
            if held is None or held.document != document:
                self._log(connection, act, agreement.ref, action="add", sha256=agreement.sha256)  # 2
                SQLAgreementRegistry(connection).put(new)
            return held or new

        return await write_or_rehearse(self._node.database, unit, dry_run)

    async def state(
        self,
        ref: tuple[str, int | None],
        signers: Sequence[Signer],
        act: Act,
        *,
        action: str,
        org: str,
        by: str,
        effective: int | None = None,
        dry_run: bool = False,
    ) -> StoredStatement:
        """Sign a statement of `org` (`sign suspend resume terminate`), verify it as anybody would, store it.

        `ref`: id and version, None for the newest. `effective`: POSIX seconds, for `terminate`.
        Raises `StatementRefused`, `AlreadySigned`, `not_found`.
        """
        held = await self.get(*ref, at=act.at)
        statement = sign_statement(
            held.document,
            signers,
            action=action,
            org=org,
            by=by,
            at=_moment(held, action, int(act.at.timestamp())),
            effective=effective,
        )
        return await self.receive(statement, act, dry_run=dry_run)

    async def receive(self, statement: bytes, act: Act, *, dry_run: bool = False) -> StoredStatement:
        """Store a signed statement (JWS bytes) about a version that is held here. Raises as `state`."""
        about = _about(statement)
        held = await self.get(*about, at=act.at)
        verified = verify_statement(  # 1
            statement,
            trust=self._node.directory().trust,
            document=held.document,
            now=int(act.at.timestamp()),
        )

        def unit(connection: Connection) -> StoredStatement:
            ref = f"{verified.agreement}@{verified.version}"
            self._log(connection, act, ref, action=verified.action, org=verified.org)  # 2
            SQLAgreementRegistry(connection).add_statement(verified)
            return verified

        return await write_or_rehearse(self._node.database, unit, dry_run)

    async def propose(
        self, id: str, version: int | None, act: Act, *, dry_run: bool = False
    ) -> StoredAgreement:
        """Log that a version was sent to the other side. Raises `not_found`."""
        held = await self.get(id, version, at=act.at)

        def unit(connection: Connection) -> StoredAgreement:
            self._log(connection, act, f"{held.id}@{held.version}", action=_PROPOSE)
            return held

        return await write_or_rehearse(self._node.database, unit, dry_run)

    async def proposed(self, at: datetime) -> frozenset[str]:
        """Refs of the versions that were sent by an instant, from the ledger: nothing else says so."""
        until = int(at.timestamp())

        def unit(connection: Connection) -> frozenset[str]:
            vault = self._node.room(connection).vault
            found = details_of_kind(connection, "agreement", vault, until=until)
            return frozenset(str(one["agreement"]) for one in found if one.get("action") == _PROPOSE)

        return await self._node.database.read(unit)

    async def get(self, id: str, version: int | None = None, *, at: datetime) -> StoredAgreement:
        """One version with its statements, the newest by default. Raises `not_found`."""
        found = await self._node.database.read(lambda c: _version(c, id, version, at))
        if found is None:
            raise Problem("not_found", hint=_NEXT)
        return found

    async def known(self, at: datetime) -> tuple[StoredAgreement, ...]:
        """Every version known at an instant, by id and version."""
        return await self._node.database.read(lambda c: SQLAgreementRegistry(c).known(as_of=at))

    def strangers(self, agreement: SharingAgreement) -> tuple[str, ...]:
        """Parties whose statements cannot be verified here, because the members list lacks them."""
        directory = self._node.directory()
        parties = agreement.providers | agreement.recipients
        return tuple(sorted(org for org in parties if not directory.is_member(org)))

    def _log(self, connection: Connection, act: Act, ref: str, **about: Any) -> None:
        node = self._node
        detail = {"agreement": ref, "by": act.by, "reason": act.reason, **about}
        entry = Entry("agreement", int(act.at.timestamp()), detail=detail)
        ledger.append(connection, entry, me=node.member, vault=node.room(connection).vault,
                      entropy=node.entropy)  # fmt: skip


def readable(stored: Sequence[StoredAgreement]) -> tuple[SharingAgreement, ...]:
    """The model of each version. What is stored was read strictly before it was."""
    return tuple(agreement_from_stored(one) for one in stored)


def _version(connection: Connection, id: str, version: int | None, at: datetime) -> StoredAgreement | None:
    known = SQLAgreementRegistry(connection).known(as_of=at)
    found = [one for one in known if one.id == id and version in (None, one.version)]
    return max(found, key=lambda one: one.version, default=None)


def _moment(held: StoredAgreement, action: str, now: int) -> int:
    """POSIX seconds of a new statement. Of one second the suspension wins, so a resumption is made later."""
    stops = [int(made.at.timestamp()) for made in held.statements if made.action == "suspend"]
    return max(now, max(stops) + 1) if action == "resume" and stops else now


def _about(statement: bytes) -> tuple[str, int]:
    """Which version a statement says it is about: only to find the document that it is verified against."""
    try:
        claimed = parse_object(jws.parse(statement, jws.AGREEMENT).payload)
    except SyntaxRefused:
        raise StatementRefused("claims") from None
    id, version = claimed.get("agreement"), claimed.get("version")
    if not isinstance(id, str) or not isinstance(version, int):
        raise StatementRefused("claims")
    return id, version
