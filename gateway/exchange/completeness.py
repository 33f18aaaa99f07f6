"""What became of each source: the one object behind outcome entry, Provenance and the signed block.

Pure. An answer cannot be built without it (exchange.md, "The answer is honest about what is missing").
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["answered", "no-record", "withheld", "not-available", "failed", "timed-out", "not-asked"]
"""`not-available`: another member's node said so, and not which of `no-record` and `withheld` it is."""
STATEMENT_TYPE = "carepact-completeness+json"
_INTERRUPTED = frozenset({"failed", "timed-out"})
_HIDDEN = frozenset({"no-record", "withheld", "not-available"})


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source. Times are whole POSIX seconds; `reason` a word of the closed list (http-api.md 4)."""

    org: str
    source: str
    state: State
    reason: str | None = None
    asked: int | None = None
    answered: int | None = None
    as_of: int | None = None
    truncated: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    content: str = ""
    by_question: bool = True
    """Could be asked with the identifier of the question alone, without what is known of the person here."""
    incomplete: tuple[str, ...] = ()
    """In which ways the source says itself that what it sent is not all (`confidential-items`, …)."""
    manifest: str = ""
    """Digest `md` of the signed manifest of the member's answer that brought it, b64u; empty for own ones."""

    def released(
        self,
        resources: Sequence[tuple[str, bytes]],
        blind: bytes,
        as_of: int | None = None,
        incomplete: tuple[str, ...] = (),
    ) -> "SourceState":
        """The same source after the decisions: `answered` only if it released something.

        `resources`: (type, bytes) of what leaves, in the order of the answer; `as_of`: when the newest
        original that held any of them came, POSIX seconds; `incomplete`: its own warnings that may leave.
        """
        if self.state in ("failed", "timed-out", "not-asked"):
            return self
        if not resources:
            state: State = self.state if self.state in _HIDDEN else "withheld"
            return SourceState(
                self.org, self.source, state, None, self.asked, by_question=self.by_question,
                manifest=self.manifest,
            )  # fmt: skip
        digest = hashlib.sha256(blind)
        for _, body in resources:
            digest.update(body)
        return SourceState(
            self.org, self.source, "answered", None, self.asked, self.answered, as_of,
            self.truncated, dict(sorted(Counter(kind for kind, _ in resources).items())),
            _b64u(digest.digest()), self.by_question, incomplete, self.manifest,
        )  # fmt: skip

    def unmatched(self) -> "SourceState":
        """As it looks where nothing at all leaves: the same whether the patient is unknown or denied.

        What could be asked only because more of her identifiers are known here would tell that they are.
        """
        return self if self.by_question else SourceState(self.org, self.source, "not-asked", "not-capable")

    def row(self, *, tell_withheld: bool) -> dict[str, Any]:
        """For callers: `no-record` and `withheld` read `not-available` unless the pack tells."""
        state = "not-available" if self.state in _HIDDEN and not tell_withheld else self.state
        row: dict[str, Any] = {"org": self.org, "state": state}
        if self.source:
            row["source"] = self.source
        if self.manifest:
            row["manifest"] = self.manifest
        if self.reason:
            row["reason"] = self.reason
        if self.asked is not None and state != "not-asked":
            row["asked"] = self.asked
        if state == "answered":
            row |= {"answered": self.answered, "counts": self.counts, "truncated": self.truncated}
            row |= {"content": self.content} | ({"as_of": self.as_of} if self.as_of is not None else {})
            row |= {"incomplete": list(self.incomplete)} if self.incomplete else {}
        return row


@dataclass(frozen=True, slots=True)
class Completeness:
    """The statement about one answer. `sources` is never empty: a node without sources answers nothing."""

    node: str
    exchange: str
    at: int
    purpose: str
    types: tuple[str, ...]
    sources: tuple[SourceState, ...]
    request: str
    """Blinded hash of the question, b64u: ties the statement to it without telling what it was."""
    tell_withheld: bool = False
    reach: str = "local"
    not_listed: dict[str, int] = field(default_factory=dict)
    """How many more members were not asked, by reason."""

    @property
    def complete(self) -> bool:
        """No source failed, timed out, was truncated, or was left out because its breaker was open."""
        return not any(
            s.state in _INTERRUPTED or s.truncated or s.reason == "peer-suspended" for s in self.sources
        )

    @property
    def anyone_answered(self) -> bool:
        """At least one source was reached: otherwise the answer says nothing about the patient."""
        return any(s.state in ("answered", *_HIDDEN) for s in self.sources)

    def rows(self) -> list[dict[str, Any]]:
        return [source.row(tell_withheld=self.tell_withheld) for source in self.sources]

    def statement(self) -> dict[str, Any]:
        """Payload of the signed block: ASCII, integers, POSIX seconds, no patient (http-api.md 4)."""
        return {
            "v": 1,
            "iss": self.node,
            "exchange": self.exchange,
            "at": self.at,
            "purpose": self.purpose,
            "reach": self.reach,
            "request": self.request,
            "types": list(self.types),
            "status": "complete" if self.complete else "partial",
            "sources": self.rows(),
        } | ({"not_listed": self.not_listed} if self.not_listed else {})


def blinded(blind: bytes, parts: Iterable[bytes]) -> str:
    """b64u SHA-256(blind ‖ parts)."""
    digest = hashlib.sha256(blind)
    for part in parts:
        digest.update(part)
    return _b64u(digest.digest())


def _b64u(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
