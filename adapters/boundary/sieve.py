"""The same table as a sieve: what passes it is good, of what does not `shapes` tells what is wrong.

Nearly every value of nearly every resource is good. So this side of the check only says yes, in as few steps
as the language has: a member is one look-up and one call, of a usual text a call into the regular expression
itself. It may say no to a good value that is seldom seen (a contained resource, a null in a list, a choice
with an extension); it never says yes to a bad one: `tests/properties/boundary` holds both against each other.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from adapters.boundary.defect import Contained
from adapters.boundary.invariants import RULES, Rule
from adapters.boundary.primitives import MAX_STRING, QUICK, TESTS
from adapters.boundary.references import relative_type
from adapters.boundary.table import Element, codes, elements, pairs, resource_types, spellings

Sieve = Callable[[Any], object]
"""True of a good value. Of a value of another JSON type it may raise one of `UNLIKE` instead."""
Row = tuple[int, Sieve]
"""Bit of a choice, 0 for any other member; its test."""
UNLIKE = (AttributeError, KeyError, TypeError, ValueError)
_NOTHING: Contained = {}
_FEW = 1024
"""Systems, codes and times, as many as are remembered of each type: a feed says the same ones all day."""
_made: dict[str, Sieve] = {}


def passes(resource: Any) -> bool:
    """Whether one resource is good and of the usual kind; False leaves it to `shapes`."""
    try:
        kind = resource["resourceType"]
        if "id" not in resource or "contained" in resource or kind not in resource_types():
            return False
        return bool(sieve(kind)(resource))
    except UNLIKE:
        return False


def sieve(path: str) -> Sieve:
    """The one sieve of a type or backbone element that the table knows. Types contain each other."""
    return _made.get(path) or _sieve_of(path)


def _sieve_of(path: str) -> Sieve:
    listed = [(1 << place if one.choice else 0, one) for place, one in enumerate(elements(path))]
    required = frozenset(one.name for bit, one in listed if one.required and not bit)
    wanted = sum(bit for bit, one in listed if one.required)
    tests: dict[str, Sieve] = {"resourceType": _any} if path in resource_types() else {}
    rows: dict[str, Row] = {name: (0, test) for name, test in tests.items()}
    known = required, RULES.get(path)
    has_choice = any(bit for bit, _ in listed)
    made = _with_choices(rows, wanted, *known) if has_choice else _without_choices(tests, *known)
    _made[path] = made
    for bit, one in listed:
        for name, words in spellings(one):
            test = _test_of(one, words, name)
            tests[name], rows[name] = test, (bit, test)
    return made


def _without_choices(tests: dict[str, Sieve], required: frozenset[str], rule: Rule | None) -> Sieve:
    def good(value: dict[str, Any]) -> bool:
        for name, item in value.items():
            if not tests[name](item):
                return False
        if len(value) < 2 and (not value or "id" in value):
            return False
        return (not required or value.keys() >= required) and (rule is None or not rule(value))

    return good


def _with_choices(rows: dict[str, Row], wanted: int, required: frozenset[str], rule: Rule | None) -> Sieve:
    def good(value: dict[str, Any]) -> bool:
        seen = 0
        for name, item in value.items():
            bit, test = rows[name]
            if bit & seen or not test(item):
                return False
            seen |= bit
        if len(value) < 2 and (not value or "id" in value):
            return False
        if seen & wanted != wanted or (required and not value.keys() >= required):
            return False
        return rule is None or not rule(value)

    return good


def _any(_: Any) -> bool:
    return True


def _test_of(element: Element, words: str, name: str) -> Sieve:
    test = _refused if words == "Resource" else _one(words)
    return _each(test) if element.many else test


def _refused(_: Any) -> bool:
    return False


def _each(test: Sieve) -> Sieve:
    def good(value: list[Any]) -> bool:
        return type(value) is list and bool(value) and all(map(test, value))

    return good


def _one(words: str) -> Sieve:
    """The test of one value of a type as the table writes it."""
    plain, _, bound = words.partition("!")
    plain, _, targets = plain.partition("(")
    if bound:
        return {"code": _code, "Coding": _coding, "CodeableConcept": _concept}[plain](bound)
    if plain == "Reference":
        return _reference(frozenset(targets.rstrip(")").split("|")) if targets else None)
    return _primitive(plain) if plain in TESTS else sieve(plain.removeprefix("@"))


def _primitive(plain: str) -> Sieve:
    test = TESTS[plain]
    if plain == "decimal":
        return lambda value: type(value) is Decimal or test(value, _NOTHING) is None
    if plain in ("string", "markdown"):
        return _words
    quick = QUICK.get(plain)
    if quick is None or plain == "id":
        return quick or (lambda value: test(value, _NOTHING) is None)
    return lru_cache(maxsize=_FEW)(lambda value: bool(quick(value)) or test(value, _NOTHING) is None)


def _words(value: str) -> bool:
    if value.isprintable() and not value.isspace() and 0 < len(value) <= MAX_STRING:
        return True
    return TESTS["string"](value, _NOTHING) is None


def _code(value_set: str) -> Sieve:
    return codes(value_set).__contains__


def _coding(value_set: str) -> Sieve:
    good, known = sieve("Coding"), pairs(value_set)
    return lambda value: (value.get("system"), value.get("code")) in known and good(value)


def _concept(value_set: str) -> Sieve:
    good, known = sieve("CodeableConcept"), pairs(value_set)

    def bound(value: dict[str, Any]) -> object:
        for coding in value["coding"]:
            if (coding.get("system"), coding.get("code")) in known:
                return good(value)
        return False

    return bound


def _reference(targets: frozenset[str] | None) -> Sieve:
    good = sieve("Reference")

    def leads(value: dict[str, Any]) -> object:
        if "reference" not in value:
            return good(value)
        kind = relative_type(value["reference"])
        if kind is None or (targets is not None and kind not in targets):
            return False
        return len(value) == 1 or good(value)

    return leads
