"""One line of what `carepact doctor` found."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "failed", "skipped"]
SOON = 30 * 86_400
"""Seconds before the end of a key or list from which on it is named."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `next`: the command or change that helps; empty where nothing is to do."""

    check: str
    state: State
    said: str
    next: str = ""

    def row(self) -> dict[str, Any]:
        return asdict(self)
