"""SMART App Launch 2.2 system scopes, version 2 syntax: `system/{type}.{cruds}[?param=value&…]`. Pure.

Only this grammar is ever granted: `user/`, `patient/`, v1 scopes (`.read`, `.*`) and letters out of order
are dropped, not guessed at. A query constraint narrows, and is kept for every later search (A-7).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

Query = tuple[tuple[str, str], ...]
"""Sorted `(parameter, value)` pairs, all of which must hold; empty: no constraint."""

MAX_SCOPES = 100

_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(?=.)(c?r?u?d?s?)(?:\?([!#-\[\]-~]{1,512}))?")
_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_.:-]{0,63})=([^=&?]+)")


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One granted or asked scope. `letters` is a sub-sequence of `cruds`, never empty."""

    type: str
    """A FHIR resource type, or `*`."""
    letters: str
    query: Query = ()

    def __str__(self) -> str:
        tail = "?" + "&".join(f"{name}={value}" for name, value in self.query) if self.query else ""
        return f"system/{self.type}.{self.letters}{tail}"

    def covers(self, other: "Scope") -> bool:
        """Whether everything that `other` allows is allowed by this one too."""
        return (
            self.type in ("*", other.type)
            and set(other.letters) <= set(self.letters)
            and set(self.query) <= set(other.query)
        )


def parse(text: str) -> Scope | None:
    """One scope token; None if it is not of the grammar above."""
    found = _SCOPE.fullmatch(text)
    if not found:
        return None
    pairs = [_PAIR.fullmatch(part) for part in found[3].split("&")] if found[3] else []
    if any(pair is None for pair in pairs):
        return None
    return Scope(found[1], found[2], tuple(sorted({(p[1], p[2]) for p in pairs if p})))


def parse_all(text: str) -> tuple[Scope, ...]:
    """The scopes of a space-separated list that are of the grammar; the others are left out."""
    return tuple(scope for part in text.split(" ")[:MAX_SCOPES] if (scope := parse(part)))


def intersect(asked: Iterable[Scope], registered: Iterable[Scope]) -> tuple[Scope, ...]:
    """What is both asked for and registered, sorted, without a scope that another one covers.

    Constraints of both sides hold together: an unconstrained request never widens a constrained registration.
    """
    registered = tuple(registered)
    both = {scope for a in asked for r in registered if (scope := _meet(a, r))}
    return tuple(sorted(s for s in both if not any(o != s and o.covers(s) for o in both)))


def _meet(a: Scope, b: Scope) -> Scope | None:
    if "*" not in (a.type, b.type) and a.type != b.type:
        return None
    letters = "".join(letter for letter in a.letters if letter in b.letters)
    if not letters:
        return None
    return Scope(b.type if a.type == "*" else a.type, letters, tuple(sorted({*a.query, *b.query})))


def allows(granted: Iterable[Scope], type: str, letter: str) -> bool:
    """Whether an interaction (`c r u d s`) on a type is in scope at all; its constraints still bind."""
    return any(scope.type in ("*", type) and letter in scope.letters for scope in granted)


def constraints(granted: Iterable[Scope], type: str, letter: str) -> tuple[Query, ...]:
    """The queries of which a resource must match at least one; `()` means unconstrained.

    Ask `allows` first. Whoever cannot apply a constraint must not serve the type.
    """
    found = {s.query for s in granted if s.type in ("*", type) and letter in s.letters}
    return () if () in found else tuple(sorted(found))


def render(granted: Iterable[Scope]) -> str:
    """The `scope` member of a token response."""
    return " ".join(str(scope) for scope in granted)
