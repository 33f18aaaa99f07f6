"""One notice to a patient: BTG-NOTIFY-PATIENT as something that somebody must do (consent.md 9, 11).

Life: `due` from the first answer that left in an emergency; `told` once somebody handed it over; `deferred`
where telling would endanger someone, by a rule of the source or by an officer. That is never the end: what
was not told stays on the list. Nothing is ever changed: each step is one more event.
"""

from dataclasses import dataclass, replace

from consent.instants import Micros

KINDS = frozenset("open use defer resume tell".split())
CHANNELS = ("letter", "printed", "portal", "phone", "in-person")
"""How a patient is told; `printed`: handed out or posted as this node printed it."""


@dataclass(frozen=True, slots=True)
class NoticeEvent:
    """One step. `exchange`: of `open` and `use`; `until`: of `defer`, None for until an officer resumes it;
    `channel`: of `tell`; `text`: why, of what an officer did.
    """

    kind: str
    at: Micros
    by: str
    exchange: str | None = None
    until: Micros | None = None
    channel: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """`patient`: `Patient/<index id>`; `org`: who saw the record; `due`: when she must have been told."""

    id: str
    patient: str
    org: str
    opened: Micros
    due: Micros
    events: tuple[NoticeEvent, ...] = ()

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The answers that it is about, in their order."""
        return tuple(event.exchange for event in self.events if event.exchange is not None)

    @property
    def last(self) -> Micros:
        """The last of them."""
        used = [event.at for event in self.events if event.kind in ("open", "use")]
        return max(used, default=self.opened)

    @property
    def channel(self) -> str | None:
        """How she was told; None if she was not."""
        return next((event.channel for event in self.events if event.kind == "tell"), None)

    def as_of(self, at: Micros) -> "Notice":
        """As it was known at an instant."""
        return replace(self, events=tuple(event for event in self.events if event.at <= at))

    def state(self, at: Micros) -> str:
        """`due`, `deferred` or `told`."""
        if any(event.kind == "tell" for event in self.events):
            return "told"
        held = next((e for e in reversed(self.events) if e.kind in ("defer", "resume")), None)
        if held is None or held.kind == "resume":
            return "due"
        return "deferred" if held.until is None or at <= held.until else "due"

    def overdue(self, at: Micros) -> bool:
        """She should have been told by now, and nobody put it off."""
        return self.state(at) == "due" and self.due < at
