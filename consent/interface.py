"""The seam of consent/: registries that keep consents and agreements, and the pure engine beside them.

`evaluate.evaluate(request, facts, directory, floor, agreements, consents, source_rules)` decides;
the registries only select what was known at an instant (`as_of`), bytes as they were received.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Cipher(Protocol):
    """Encryption at rest under the key of one subject; given by the node, so that consent/ holds no key."""

    def seal(self, subject: str, plain: bytes, aad: bytes) -> bytes: ...

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """One version of a FHIR Consent: the exact bytes, the subject it is about, when the node knew it."""

    id: str
    version: int
    subject: str
    """`Patient/<index id>`."""
    recorded: datetime
    """Instant of the commit (aware); a decision with a later `as_of` sees it."""
    recorder: str
    """Directory id of the organisation that recorded it."""
    document: bytes


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A signed statement about an agreement version, as received (JWS), verified by the node."""

    agreement: str
    version: int
    org: str
    action: str
    """`sign`, `suspend`, `resume`, `terminate`."""
    at: datetime
    effective: datetime | None
    jws: bytes


@dataclass(frozen=True, slots=True)
class StoredAgreement:
    """One version of a sharing agreement: the exact bytes that both organisations sign."""

    id: str
    version: int
    recorded: datetime
    document: bytes
    statements: tuple[StoredStatement, ...] = ()


class ConsentRegistry(Protocol):
    """All versions of all consents. Synchronous; bound to one unit of work."""

    def put(self, consent: StoredConsent) -> None:
        """Store the next version. Raises `StaleVersion` unless `version` is the newest plus one."""
        ...

    def current(self, id: str) -> StoredConsent | None: ...

    def version(self, id: str, version: int) -> StoredConsent | None: ...

    def of_subjects(self, subjects: Sequence[str], *, as_of: datetime) -> tuple[StoredConsent, ...]:
        """Every version known at `as_of` about any of these subjects, oldest first."""
        ...

    def ids_since(self, at: datetime) -> tuple[str, ...]:
        """Ids of everybody's consents of which a version was recorded from `at` on, sorted."""
        ...

    def epoch(self, subject: str) -> int:
        """Rises with every write about the subject; a release rechecks it in its own transaction."""
        ...


class AgreementRegistry(Protocol):
    """All versions of all agreements with their statements. Synchronous; bound to one unit of work."""

    def put(self, agreement: StoredAgreement) -> None:
        """Store a version without statements. Same bytes again: no change; others: `StaleVersion`."""
        ...

    def add_statement(self, statement: StoredStatement) -> None:
        """Raises `AlreadySigned` for the same organisation and action again."""
        ...

    def known(self, *, as_of: datetime) -> tuple[StoredAgreement, ...]:
        """Every version and statement known at `as_of`, by id and version."""
        ...

    def epoch(self) -> int:
        """Rises with every write about any agreement."""
        ...
