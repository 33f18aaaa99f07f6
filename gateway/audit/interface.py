"""The seam of audit/: the values that go into the ledger and come out of it (trust-and-ledger.md 8-13).

Every function of this room takes the `Connection` of its unit of work; what it writes commits with the
exchange that it is about, or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.errors import Exit


class PersonVault(Protocol):
    """Keys of persons (`gateway.records.vault.Vault`): sealing, and K_tag that chains a person's leaves."""

    def seal(self, subject: str, plain: bytes, aad: bytes) -> bytes: ...

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes: ...

    def tag_key(self, person: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be logged. `at`: POSIX seconds; `md`, `req`: 32 bytes, or empty where they do not apply."""

    kind: str
    """`keys.leaf.KINDS`. In `ask answer receive deliver` only `req` of an `ask` may be empty."""
    at: int
    peer: str = ""
    """Address of the other side; of a local client `<member>/<client>`."""
    md: bytes = b""
    req: bytes = b""
    person: str | None = None
    """`Patient/<index id>`, or None where nobody was matched."""
    detail: Mapping[str, Any] | None = None
    """JSON values: actor, roles, purpose, decision, consents, types and counts, … Kept sealed."""


@dataclass(frozen=True, slots=True)
class Appended:
    """A leaf that is in the tree once the unit of work commits."""

    index: int
    hash: bytes
    """RFC 6962 leaf hash; its hex is the id of the AuditEvent projection."""
    det: bytes
    blind: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Number of leaves and Merkle root."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A stored checkpoint: a C2SP signed note over `size` and `root`."""

    size: int
    root: bytes
    at: int
    note: bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that does not hold. `what` is a word of `verify.py`'s table."""

    index: int
    """The leaf concerned; for a checkpoint its size, for a lost tail the first missing leaf."""
    what: str
    signature: bool = False
    """A signature or proof that does not hold (exit 6), not a contradiction (exit 5)."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `carepact audit verify` looked at, and the first bad entry if there is one.

    `trusted`: leaves before what was looked at, believed by the checkpoint over them; 0: everything was.
    """

    leaves: int
    checkpoints: int
    details: int
    erased: int
    persons: int
    head: Head
    finding: Finding | None = None
    trusted: int = 0

    @property
    def exit(self) -> Exit:
        """0, 5 or 6 as trust-and-ledger.md 13 says."""
        if self.finding is None:
            return Exit.DONE
        return Exit.BAD_PROOF if self.finding.signature else Exit.CONFLICT


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One line of a person's access report: leaf and opened detail."""

    index: int
    at: int
    kind: str
    peer: str
    hash: bytes
    md: bytes
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange as the node keeps it. `completeness`, `decision`: signed statements (JWS bytes)."""

    id: str
    at: int
    client: str
    organisation: str
    purpose: str
    state: str
    """`complete`, `partial`, `denied`, `failed`; as the completeness statement says."""
    person: str | None = None
    completeness: bytes | None = None
    decision: bytes | None = None
    leaf: int | None = None


class LedgerBroken(Exception):
    """The stored tree contradicts itself or what was signed before: nothing may be released on it."""

    def __init__(self) -> None:
        super().__init__("the ledger contradicts itself; run carepact audit verify")


class Ambiguous(Exception):
    """A prefix that more than one id begins with."""
