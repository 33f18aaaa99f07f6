"""Keys, secrets and replay rows of a process: for tests, for a sandbox, and for a client's SDK."""

from collections.abc import Iterable

from keys.atrest import open_at_rest, seal_at_rest
from keys.envelope.replay import Conflict, Same, Unseen
from keys.interface import Entropy
from keys.store.secrets import ShelfSecretStore
from keys.store.shelf import ShelfKeyStore


class MemoryShelf:
    """A dictionary."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes] = {}
        self._writes = 0

    def names(self) -> Iterable[str]:
        return tuple(self._rows)

    def read(self, name: str) -> bytes | None:
        return self._rows.get(name)

    def add(self, name: str, data: bytes) -> bool:
        self._writes += 1
        return self._rows.setdefault(name, data) is data

    def replace(self, name: str, data: bytes) -> None:
        self._writes += 1
        self._rows[name] = data

    def stamp(self) -> int | None:
        return self._writes


class EphemeralWrapper:
    """A KEK that dies with the process."""

    kek = "memory"
    kdf = "none"

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._key = entropy(32)

    def wrap(self, plain: bytes, aad: bytes) -> bytes:
        return seal_at_rest(self._key, plain, aad, self._entropy(12))

    def unwrap(self, wrapped: bytes, aad: bytes) -> bytes:
        return open_at_rest(self._key, wrapped, aad)


class MemoryKeyStore(ShelfKeyStore):
    """A `KeyStore` that forgets everything at exit."""

    def __init__(self, entropy: Entropy) -> None:
        super().__init__(MemoryShelf(), EphemeralWrapper(entropy), entropy)


class MemorySecretStore(ShelfSecretStore):
    """A `SecretStore` that forgets everything at exit."""

    def __init__(self, entropy: Entropy) -> None:
        super().__init__(MemoryShelf(), EphemeralWrapper(entropy), entropy)


class MemoryReplay:
    """A `ReplayView` with its recording side, for one process: a client that opens answers."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[bytes, int, bytes | None]] = {}
        self._watermark = 0

    def seen(self, iss: str, jti: str, md: bytes) -> Unseen | Same | Conflict:
        row = self._rows.get((iss, jti))
        if row is None:
            return Unseen()
        return Same(row[2]) if row[0] == md else Conflict()

    def watermark(self) -> int:
        return self._watermark

    def record(self, iss: str, jti: str, md: bytes, exp: int, outcome: bytes | None = None) -> None:
        """Remember a message that was acted on."""
        self._rows.setdefault((iss, jti), (md, exp, outcome))

    def purge(self, now: int) -> None:
        """Forget rows 24 h and 60 s past their `exp`, and remember the latest of those (envelope.md 10.3)."""
        dead = [key for key, (_, exp, _) in self._rows.items() if exp + 60 + 86_400 <= now]
        for key in dead:
            self._watermark = max(self._watermark, self._rows.pop(key)[1])
