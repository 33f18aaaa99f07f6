"""TUF metadata from bytes and back, behind size limits (trust-and-ledger.md 1, 7).

The canonical JSON of securesystemslib is verified here and nowhere else in the project. Refuses with
`TrustRefused`: `limit format signature version hash expired`.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from keys.errors import TrustRefused

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)

KIB, MIB = 1024, 1024 * 1024
LIMITS = {"root": 256 * KIB, "timestamp": 16 * KIB, "snapshot": MIB, "targets": 4 * MIB}
MEMBER_LIMIT = 64 * KIB
REGISTRY_LIMIT = MIB
MAX_ROOTS = 64
"""Root steps in one refresh."""


def metadata_from_bytes(data: bytes | None, kind: type[T], about: str, limit: int) -> Metadata[T]:
    """Metadata of this kind, unverified."""
    if data is None:
        raise TrustRefused("missing", about)
    if len(data) > limit:
        raise TrustRefused("limit", about)
    try:
        found: Metadata[T] = Metadata.from_bytes(data)
    except DeserializationError:
        raise TrustRefused("format", about) from None
    if not isinstance(found.signed, kind):
        raise TrustRefused("format", about)
    return found


def bytes_from_metadata(metadata: Metadata[T]) -> bytes:
    """Compact JSON, as it is published."""
    return bytes(JSONSerializer(compact=True).serialize(metadata))


def require_signed(delegator: Root | Targets, role: str, metadata: Metadata[T]) -> None:
    """As many keys of the role as its threshold signed exactly this. Refuses `signature`."""
    try:
        delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, SecureSystemsError, ValueError):
        raise TrustRefused("signature", role) from None


def require_fresh(metadata: Metadata[T], about: str, now: int | None) -> None:
    """Not expired at `now`; None where what was verified before is only read back."""
    if now is not None and now >= expiry(metadata):
        raise TrustRefused("expired", about)


def expiry(metadata: Metadata[T]) -> int:
    """POSIX seconds from which on it is not believed."""
    return int(metadata.signed.expires.timestamp())


def expires_at(now: int, life: int) -> datetime:
    """The `expires` of metadata that is signed at `now` for `life` seconds."""
    return datetime.fromtimestamp(now, UTC) + timedelta(seconds=life)


def require_listed(data: bytes, listed: MetaFile | TargetFile, about: str) -> None:
    """Length and SHA-256 as the list says, where it says them. Refuses `hash`."""
    expected = (listed.hashes or {}).get("sha256")
    if listed.length is not None and len(data) != listed.length:
        raise TrustRefused("hash", about)
    if expected is not None and hashlib.sha256(data).hexdigest() != expected:
        raise TrustRefused("hash", about)


def target_path(path: str, listed: TargetFile) -> str:
    """Where a target lies with `consistent_snapshot`: its hash before its name. Refuses `shape`."""
    digest = listed.hashes.get("sha256", "")
    if len(digest) != 64:
        raise TrustRefused("shape", path)
    folder, _, name = path.rpartition("/")
    return f"targets/{folder + '/' if folder else ''}{digest}.{name}"
