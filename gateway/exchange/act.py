"""An act of the node's own staff: every change is recorded with it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Act:
    """Who changes something, and why; both go into the ledger's sealed detail."""

    by: str
    reason: str
    at: datetime
