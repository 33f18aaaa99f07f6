"""The replay look-up as the opener sees it (envelope.md 10); recording is in the caller's transaction."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Unseen:
    """No message of this issuer has had this id."""


@dataclass(frozen=True, slots=True)
class Same:
    """The very same message was handled before; `outcome`: the stored response envelope, if one was kept."""

    outcome: bytes | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another message has had this id: refused, and the view raises the alarm."""


class ReplayView(Protocol):
    """What was committed. `md` is the 32-byte manifest digest; `watermark` the largest `exp` ever purged."""

    def seen(self, iss: str, jti: str, md: bytes) -> Unseen | Same | Conflict: ...

    def watermark(self) -> int: ...
