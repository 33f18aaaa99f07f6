"""The next root, from the one in force: who stays, who is replaced (trust-and-ledger.md 7).

Unsigned here; each holder signs offline, and `author.finished_root` holds it against the old and the new
threshold. A publisher's stolen key is taken out the same way: nodes then forget what it signed (TUF 5.3.11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Metadata, Root

from keys.errors import TrustRefused
from keys.federation.author import Keyring, Pair, new_root
from keys.federation.metadata import LIMITS, bytes_from_metadata, metadata_from_bytes
from keys.federation.signer import StoreSigner


@dataclass(frozen=True, slots=True)
class Replaced:
    """New keys. `holders`: by number, from 1. `stampers`: more publishers, who sign the timestamp alone."""

    holders: Mapping[int, Pair] = field(default_factory=dict)
    operator: Pair | None = None
    publisher: SSlibKey | None = None
    stampers: Sequence[SSlibKey] = ()


def keyring_of(root: Root) -> Keyring:
    """The public keys of a root that is in force, holders in their order."""
    ids = root.roles["root"].keyids
    online = root.roles["snapshot"].keyids
    operator = root.roles["targets"].keyids
    return Keyring(
        [(_key(root, first), _key(root, second)) for first, second in zip(ids[::2], ids[1::2], strict=True)],
        root.roles["root"].threshold // 2,
        (_key(root, operator[0]), _key(root, operator[1])),
        [_key(root, id) for id in online],
        [_key(root, id) for id in root.roles["timestamp"].keyids if id not in online],
    )


def next_root(root: Root, replaced: Replaced, now: int) -> Metadata[Root]:
    """Version N+1, unsigned, good for a year from `now`. Refuses `shape`."""
    held = keyring_of(root)
    if not set(replaced.holders) <= set(range(1, len(held.holders) + 1)):
        raise TrustRefused("shape", "root")
    keyring = Keyring(
        [replaced.holders.get(number, pair) for number, pair in enumerate(held.holders, 1)],
        held.wanted,
        replaced.operator or held.operator,
        [replaced.publisher] if replaced.publisher else held.publishers,
        [*held.stampers, *(key for key in replaced.stampers if key not in held.stampers)],
    )
    return new_root(keyring, root.version + 1, now)


def signed_root(data: bytes, signers: Sequence[StoreSigner]) -> bytes:
    """The draft with one holder's signatures more. Refuses `format`, `limit`."""
    root = root_from_bytes(data)
    for signer in signers:
        root.sign(signer, append=True)
    return bytes_from_metadata(root)


def root_from_bytes(data: bytes) -> Metadata[Root]:
    """A root, whoever signed it. Refuses `format`, `limit`."""
    return metadata_from_bytes(data, Root, "root", LIMITS["root"])


def _key(root: Root, id: str) -> SSlibKey:
    key = root.keys[id]
    assert isinstance(key, SSlibKey)
    return key
