"""One break-glass grant: for one person and one patient, its state derived from what happened (consent.md 9).

Life: opened by the first use, then `open` until it is `expired`, `closed` or `revoked`; reviewed afterwards,
`justified` or `not-justified`. Nothing is ever changed: each step is one more event.
"""

from dataclasses import dataclass, replace

from consent.floor import BreakGlassTerms
from consent.instants import Micros

HOUR: Micros = 3_600_000_000
KINDS = frozenset("open use extend close revoke review lift".split())
VERDICTS = ("justified", "not-justified")


@dataclass(frozen=True, slots=True)
class GrantEvent:
    """One step. `until`: of `open` and `extend`; `verdict`: of `review`; `text`: reason or note."""

    kind: str
    at: Micros
    by: str
    until: Micros | None = None
    verdict: str | None = None
    text: str | None = None
    exchange: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """`who`: directory id of the person, or her proven identifier; `patient`: `Patient/<index id>`."""

    id: str
    who: str
    org: str
    patient: str
    opened: Micros
    events: tuple[GrantEvent, ...] = ()

    @property
    def until(self) -> Micros:
        """The last instant at which it holds, end inclusive."""
        return max((event.until for event in self.events if event.until is not None), default=self.opened)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Of the declarations that opened and extended it."""
        told = (event for event in self.events if event.kind in ("open", "extend"))
        return tuple(event.text.strip() for event in told if event.text)

    @property
    def uses(self) -> int:
        return sum(event.kind in ("open", "use", "extend") for event in self.events)

    @property
    def verdict(self) -> str | None:
        """Of the last review; None: not reviewed."""
        return next((event.verdict for event in reversed(self.events) if event.kind == "review"), None)

    @property
    def blocks(self) -> bool:
        """Found not justified, and no officer has lifted that since."""
        last = next((e for e in reversed(self.events) if e.kind in ("review", "lift")), None)
        return last is not None and last.kind == "review" and last.verdict == "not-justified"

    def as_of(self, at: Micros) -> "Grant":
        """As it was known at an instant."""
        return replace(self, events=tuple(event for event in self.events if event.at <= at))

    def state(self, at: Micros) -> str:
        """`open`, `expired`, `closed` or `revoked`."""
        ended = next((event.kind for event in self.events if event.kind in ("close", "revoke")), None)
        if ended is not None:
            return {"close": "closed", "revoke": "revoked"}[ended]
        return "open" if at <= self.until else "expired"

    def review_due(self, terms: BreakGlassTerms) -> Micros:
        return self.opened + terms.review_hours * HOUR

    def overdue(self, at: Micros, terms: BreakGlassTerms) -> bool:
        """Not reviewed in time."""
        return self.verdict is None and self.review_due(terms) < at

    def extendable(self, at: Micros, terms: BreakGlassTerms) -> bool:
        """Run out, but the longest that one grant may last has not passed."""
        return self.state(at) == "expired" and at < self.opened + terms.max_hours * HOUR
