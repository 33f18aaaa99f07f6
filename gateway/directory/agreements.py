"""Signed statements about sharing agreements: made here, and verified before any registry stores them.

A statement (JWS `carepact-agreement+json`) is over `{v, agreement, version, document_sha256, action, org, by,
at, effective}`; `document_sha256` is the b64u SHA-256 of the exact bytes that both sides sign, nothing is
re-serialised. It is good if (consent.md 5):
1. its syntax holds and every signature verifies by keys of `org` in the trust list that were live at `at`;
2. it is about exactly the stored document: same bytes, same id, same version;
3. `org` is a party of that document, and `at` is not in the future.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from consent.agreement import STATEMENT_ACTIONS, SharingAgreement, agreement_from_bytes
from consent.errors import Uncomputable
from consent.interface import StoredStatement
from keys import jws
from keys.errors import StatementRefused
from keys.jws import Signer
from keys.syntax import (
    SyntaxRefused,
    b64u,
    emit,
    parse_object,
    require_integer,
    require_members,
    require_text,
    unb64u,
)
from keys.trust import TrustList

CLOCK = 60
"""Seconds that a signer's clock may be ahead."""

_MEMBERS = frozenset("v agreement version document_sha256 action org by at effective".split())
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
_ORG = re.compile(r"[a-z0-9./-]{1,193}").fullmatch
_BY = re.compile(r"[\x20-\x7e]{1,128}").fullmatch


def sign_statement(
    document: bytes,
    signers: Sequence[Signer],
    *,
    action: str,
    org: str,
    by: str,
    at: int,
    effective: int | None = None,
) -> bytes:
    """The JWS of a statement of `org` about these document bytes; `at`, `effective`: POSIX seconds.

    Raises `Uncomputable` for a document that is no agreement, `StatementRefused` for what nobody would take.
    """
    agreement = agreement_from_bytes(document)
    payload = emit(
        {
            "v": 1,
            "agreement": agreement.id,
            "version": agreement.version,
            "document_sha256": b64u(hashlib.sha256(document).digest()),
            "action": action,
            "org": org,
            "by": by,
            "at": at,
            "effective": effective,
        }
    )
    _require_about(_read(payload), document, agreement)
    return jws.sign(jws.AGREEMENT, payload, signers)


def verify_statement(statement: bytes, *, trust: TrustList, document: bytes, now: int) -> StoredStatement:
    """A statement about the stored document, good by the local trust list; `now` POSIX seconds.

    Raises `StatementRefused` with `syntax type algorithm issuer signature` or `claims`.
    """
    claimed = _read(jws.parse(statement, jws.AGREEMENT).payload)
    # The keys are looked up under the organisation that the statement names, so naming another one fails.
    members = _read(
        jws.verify(statement, jws.AGREEMENT, trust.resolver(claimed["org"], claimed["at"])).payload
    )
    if members["at"] > now + CLOCK:
        raise StatementRefused("claims")
    try:
        agreement = agreement_from_bytes(document)
    except Uncomputable:
        raise StatementRefused("claims") from None
    _require_about(members, document, agreement)
    effective = members["effective"]
    return StoredStatement(
        agreement=members["agreement"],
        version=members["version"],
        org=members["org"],
        action=members["action"],
        at=datetime.fromtimestamp(members["at"], UTC),
        effective=None if effective is None else datetime.fromtimestamp(effective, UTC),
        jws=statement,
    )


def _read(payload: bytes) -> dict[str, Any]:
    try:
        members = require_members(parse_object(payload), _MEMBERS)
        if require_integer(members["v"]) != 1 or require_integer(members["version"]) < 1:
            raise SyntaxRefused
        require_text(members["agreement"], _ID)
        unb64u(members["document_sha256"], 32)
        require_text(members["action"], STATEMENT_ACTIONS.__contains__)
        require_text(members["org"], _ORG)
        require_text(members["by"], _BY)
        for name in ("at", "effective"):
            if members[name] is not None or name == "at":
                _require_instant(members[name])
    except SyntaxRefused:
        raise StatementRefused("claims") from None
    return members


def _require_instant(value: object) -> None:
    """POSIX seconds that a calendar has (before the year 9999)."""
    if require_integer(value) > 253_370_764_800:
        raise SyntaxRefused


def _require_about(members: dict[str, Any], document: bytes, agreement: SharingAgreement) -> None:
    """Steps 2 and 3 but the clock."""
    same = (members["agreement"], members["version"]) == (agreement.id, agreement.version)
    hashed = members["document_sha256"] == b64u(hashlib.sha256(document).digest())
    party = members["org"] in agreement.providers | agreement.recipients
    if not (same and hashed and party):
        raise StatementRefused("claims")
