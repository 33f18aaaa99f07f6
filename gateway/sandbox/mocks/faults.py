"""The fault vocabulary: what a mock provider is told to do wrong, how often, and to which message.

A fault is data: `{target, kind, <parameters>, probability: 1.0, after: 0, times: unlimited, match}`.
An unknown kind, parameter or target is refused with the list of what is known.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ANY_HTTP = frozenset({"gp", "specialist", "fhir"})
_ANY = frozenset({"gp", "specialist", "hospital", "fhir"})
_SENDER = frozenset({"hospital"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: which mocks can do it, its parameters (name to type, lowest, highest), the required ones."""

    mocks: frozenset[str]
    parameters: Mapping[str, tuple[type, float, float]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


KINDS: Mapping[str, Kind] = {
    "down": Kind(_ANY),
    "hang": Kind(_ANY),
    "latency": Kind(_ANY, {"ms": (int, 0, 600_000), "jitter": (int, 0, 600_000)}, frozenset({"ms"})),
    "truncate": Kind(_ANY, {"bytes": (int, 0, 1 << 30)}, frozenset({"bytes"})),
    "wrong_patient": Kind(_ANY, {"disguised": (bool, 0, 1)}),
    "http": Kind(
        _ANY_HTTP, {"status": (int, 200, 599), "retry_after": (int, 0, 86_400)}, frozenset({"status"})
    ),
    "invalid_json": Kind(_ANY_HTTP),
    "wrong_content_type": Kind(_ANY_HTTP),
    "ack_lost": Kind(_SENDER),
    "duplicate": Kind(_SENDER),
}
_SHARED = frozenset({"target", "kind", "probability", "after", "times", "match"})
_MATCH = frozenset({"path", "method", "message"})


class FaultRefused(Exception):
    """The fault cannot be taken. `known`: what would have been possible in its place."""

    def __init__(self, reason: str, known: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.known = tuple(known)


@dataclass(slots=True)
class Fault:
    """One fault and how often it was considered and used."""

    kind: str
    parameters: Mapping[str, Any]
    probability: float
    after: int
    times: int | None
    match: Mapping[str, str]
    seen: int = 0
    used: int = 0

    def is_about(self, path: str, method: str, message: str) -> bool:
        asked = {"path": path, "method": method, "message": message}
        return all(asked[name] == value for name, value in self.match.items())

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            **self.parameters,
            "probability": self.probability,
            "after": self.after,
            "times": self.times,
            "match": dict(self.match),
            "used": self.used,
        }


class Faults:
    """The faults that are on at one mock. Draws are reproducible: same seed, same calls, same faults."""

    def __init__(self, mock: str, seed: int) -> None:
        self._mock = mock
        self._seed = seed
        self._faults: list[Fault] = []
        self.reset()

    def reset(self) -> None:
        self._faults = []
        self._random = random.Random(f"{self._seed}:{self._mock}")  # noqa: S311 - reproducible, not secret

    def replace(self, documents: object) -> None:
        """Take these faults in place of all others: all or none. FaultRefused."""
        if not isinstance(documents, list):
            raise FaultRefused("expected a JSON array of faults")
        self._faults = [fault_from_json(document, self._mock) for document in documents]

    def to_json(self) -> list[dict[str, Any]]:
        return [{"target": self._mock, **fault.to_json()} for fault in self._faults]

    def draw(self, *, path: str = "", method: str = "", message: str = "") -> tuple[Fault, ...]:
        """The faults that this call meets, in the order in which they were given; counts their use."""
        met = []
        for fault in self._faults:
            if not fault.is_about(path, method, message):
                continue
            fault.seen += 1
            spent = fault.times is not None and fault.used >= fault.times
            if fault.seen <= fault.after or spent or self._random.random() >= fault.probability:
                continue
            fault.used += 1
            met.append(fault)
        return tuple(met)

    def delay_of(self, fault: Fault) -> float:
        """Seconds that a `latency` fault takes: ms, give or take the jitter."""
        jitter = float(fault.parameters.get("jitter", 0))
        return max(0.0, float(fault.parameters["ms"]) + self._random.uniform(-jitter, jitter)) / 1000.0


def fault_from_json(document: object, mock: str) -> Fault:
    """One fault, checked against the vocabulary. FaultRefused says what is known."""
    if not isinstance(document, dict):
        raise FaultRefused("a fault is a JSON object")
    kind = KINDS.get(str(document.get("kind")))
    offered = sorted(name for name, row in KINDS.items() if mock in row.mocks)
    if kind is None or mock not in kind.mocks:
        raise FaultRefused("unknown kind", offered)
    if document.get("target", mock) != mock:
        raise FaultRefused("unknown target", [mock])
    allowed = sorted(_SHARED | set(kind.parameters))
    if set(document) - set(allowed):
        raise FaultRefused("unknown parameter", allowed)
    if kind.required - set(document):
        raise FaultRefused("missing parameter", sorted(kind.required))
    return Fault(
        kind=str(document["kind"]),
        parameters={
            name: _checked(name, document[name], *limits)
            for name, limits in kind.parameters.items()
            if name in document
        },
        probability=float(_checked("probability", document.get("probability", 1.0), float, 0, 1)),
        after=int(_checked("after", document.get("after", 0), int, 0, 1 << 30)),
        times=_checked("times", document["times"], int, 1, 1 << 30) if document.get("times") else None,
        match=_match_from_json(document.get("match", {})),
    )


def _checked(name: str, value: Any, kind: type, low: float, high: float) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = isinstance(value, bool) if kind is bool else number and (kind is float or isinstance(value, int))
    if not fits or not low <= value <= high:
        raise FaultRefused(f"{name} must be {kind.__name__} between {low:g} and {high:g}")
    return value


def _match_from_json(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise FaultRefused("match must be an object of strings", sorted(_MATCH))
    if set(value) - _MATCH:
        raise FaultRefused("unknown parameter of match", sorted(_MATCH))
    return value
