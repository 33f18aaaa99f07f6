"""How alike two Patients are (Fellegi-Sunter; normalisation.md 9b.2), for a person to decide. Pure.

1. A field has a level: `equal`, `coarse` (equal at the coarser precision), `close`, `differing`, `missing`.
2. Its weight is log2(m/u) of `match_weights.csv`: m is how often the level occurs between records of one
   person, u between records of two; `missing` weighs nothing. Of an equal name u is the frequency of that
   name (`match_names.csv`: rounded estimates, fitted to no register), so that a rare one weighs more.
3. Postcode, telephone and e-mail belong to a household rather than to a person and come together: of them
   only the strongest counts.
4. The sum grades `probable` or `possible`, never `certain`; a birth date that differs stops at `possible`.
   The rule and its vetoes (`match.py`) come first, always. Nothing is linked here.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import log2
from types import MappingProxyType

from gateway.records.features import Features
from gateway.records.match import Grade, Veto, are_close, compare, shared_numbers

PROBABLE = 26.0
"""Bits: about a thousand times the evidence that singles out one of a hundred thousand people."""
POSSIBLE = 18.0
_HOUSEHOLD = ("postcode", "phone", "email")
_AREA = 3
"""Leading characters of a postcode that name a district."""


@dataclass(frozen=True, slots=True)
class Scored:
    """`fields`: level of each. `grade` None: not enough in common to bother anybody. `score` in bits."""

    grade: Grade | None
    score: float
    fields: Mapping[str, str]
    veto: Veto | None
    reason: str


def grade(a: Features, b: Features, *, allow_test_patients: bool = False) -> Scored:
    """The `match-grade` of two Patients: certain by rule alone, the rest by score. Symmetric."""
    ruled = compare(a, b, allow_test_patients=allow_test_patients)
    fields = levels(a, b, allow_test_patients=allow_test_patients)
    score = round(_score(a, b, fields), 2)
    if ruled.grade is not None:
        return Scored(ruled.grade, score, fields, ruled.veto, ruled.reason)
    found = _graded(score, fields)
    return Scored(found, score, fields, None, "score" if found else "nothing-shared")


def levels(a: Features, b: Features, *, allow_test_patients: bool = False) -> dict[str, str]:
    """How each field agrees. Symmetric."""
    national = shared_numbers(a, b, allow_test_patients)
    return {
        "identifier": "equal" if national else "missing",
        "family": _of_names(a.family, b.family),
        "given": _of_names(a.given, b.given),
        "birthDate": _of_births(a.birth, b.birth),
        "gender": _of_values(frozenset({a.gender} - {""}), frozenset({b.gender} - {""})),
        "postcode": _of_postcodes(a.postcodes, b.postcodes),
        "phone": _of_values(a.phones, b.phones),
        "email": _of_values(a.emails, b.emails),
    }


def _graded(score: float, fields: Mapping[str, str]) -> Grade | None:
    if score >= PROBABLE and fields["birthDate"] != "differing":
        return "probable"
    return "possible" if score >= POSSIBLE else None


def _score(a: Features, b: Features, fields: Mapping[str, str]) -> float:
    weights = {name: _weight(name, level) for name, level in fields.items()}
    for name, ours, theirs in (("family", a.family, b.family), ("given", a.given, b.given)):
        if fields[name] == "equal":
            weights[name] = max(_weight_of_name(name, one) for one in ours & theirs)
    household = [weights.pop(name) for name in _HOUSEHOLD]
    best = max(household)
    return sum(weights.values()) + (best if best > 0 else sum(household))


def _weight(field: str, level: str) -> float:
    if level == "missing":
        return 0.0
    m, u = _weights()[field, level]
    return log2(m / u)


def _weight_of_name(field: str, name: str) -> float:
    m, u = _weights()[field, "equal"]
    return log2(m / max(u, _frequencies().get((field, name), 0.0)))


def _of_names(a: frozenset[str], b: frozenset[str]) -> str:
    level = _of_values(a, b)
    return "close" if level == "differing" and are_close(a, b) else level


def _of_values(a: frozenset[str], b: frozenset[str]) -> str:
    if not a or not b:
        return "missing"
    return "equal" if a & b else "differing"


def _of_postcodes(a: frozenset[str], b: frozenset[str]) -> str:
    level = _of_values(a, b)
    near = {one[:_AREA] for one in a} & {one[:_AREA] for one in b}
    return "close" if level == "differing" and near else level


def _of_births(a: str, b: str) -> str:
    """`close`: one part off, day and month exchanged, or two neighbouring digits exchanged."""
    if not a or not b:
        return "missing"
    ours, theirs = a.split("-"), b.split("-")
    parts = min(len(ours), len(theirs))
    if ours[:parts] == theirs[:parts]:
        return "equal" if parts == 3 else "coarse"
    if parts < 3:
        return "differing"
    off = [n for n in range(3) if ours[n] != theirs[n]]
    exchanged = ours[0] == theirs[0] and ours[1:] == theirs[:0:-1]
    return "close" if len(off) == 1 or exchanged or _is_slip(a, b) else "differing"


def _is_slip(a: str, b: str) -> bool:
    """Two neighbouring digits exchanged, across a hyphen too."""
    x, y = a.replace("-", ""), b.replace("-", "")
    off = [n for n, pair in enumerate(zip(x, y, strict=False)) if pair[0] != pair[1]]
    return len(x) == len(y) and len(off) == 2 and off[1] == off[0] + 1 and x[off[0]] == y[off[1]]


@cache
def _weights() -> Mapping[tuple[str, str], tuple[float, float]]:
    """(field, level) to m and u."""
    return MappingProxyType(
        {(row["field"], row["level"]): (float(row["m"]), float(row["u"])) for row in _rows("match_weights")}
    )


@cache
def _frequencies() -> Mapping[tuple[str, str], float]:
    """(field, folded name) to the share of people who bear it."""
    return MappingProxyType(
        {(row["field"], row["name"]): float(row["per_100000"]) / 100_000 for row in _rows("match_names")}
    )


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath(f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))
