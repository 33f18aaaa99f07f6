"""Each R4 type as a shape that is compiled once, on first use, from the committed table.

A shape knows every JSON member that its type may have (a choice once for each of its types, a primitive also
with an underscore) and the test of each. Everything that is required or a choice has a bit, so that one pass
over the members finds what is missing or stands twice.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from adapters.boundary.defect import Contained, Defect, Found, Test
from adapters.boundary.invariants import RULES, contained_defects
from adapters.boundary.lists import many, not_excused, or_null, stepped
from adapters.boundary.primitives import QUICK, TESTS
from adapters.boundary.references import reference_defect, relative_type
from adapters.boundary.sieve import passes
from adapters.boundary.table import Element, codes, elements, pairs, resource_types, spellings

NOTHING_CONTAINED: Contained = {}
Quick = Callable[[str], object]
Row = tuple[int, Quick | None, Test]
"""Bit of a member, what finds a usual text good, its test."""


class Member:
    """One JSON member: the element that it spells, and the type that its value has."""

    __slots__ = ("element", "type")

    def __init__(self, element: Element, type: str) -> None:
        self.element = element
        self.type = type


class Shape:
    """One type or backbone element. Compiles itself at its first use: types contain each other."""

    __slots__ = ("_choices", "_required", "_rule", "_tests", "members", "path", "required")

    def __init__(self, path: str) -> None:
        self.path = path
        self.members: dict[str, Member] = {}
        self.required: list[tuple[int, Element]] = []
        self._choices = 0
        self._required = 0
        self._rule = RULES.get(path)
        self._tests: dict[str, Row] = {}

    def check(self, value: Any, ids: Contained) -> Found:
        """Everything that is wrong with one value of this type, None if nothing is."""
        if type(value) is not dict:
            return [Defect("type", "bad-text")]
        tests = self._tests or self._compile()
        found: list[Defect] = []
        seen = 0
        for name, item in value.items():
            known = tests.get(name)
            if known is None:
                found.append(Defect("unknown", "bad-text", name))
                continue
            bit, quick, test = known
            if bit:
                if bit & seen & self._choices:
                    found += self._twice(value, name)
                seen |= bit
            if quick is not None and type(item) is str and quick(item):
                continue
            wrong = test(item, ids)
            if wrong:
                found += stepped(not_excused(wrong, value, name), name)
        if seen & self._required != self._required:
            found += self._missing(seen)
        if self._rule is not None:
            found += self._rule(value) or ()
        if not value or (len(value) == 1 and "id" in value):
            found.append(Defect("ele-1", "bad-text"))
        return found or None

    def member(self, name: str) -> Member | None:
        """What a JSON member of this type is; None if R4 has none of that name."""
        _ = self._tests or self._compile()
        return self.members.get(name)

    def _compile(self) -> dict[str, Row]:
        tests: dict[str, Row] = {}
        if self.path in resource_types():
            tests["resourceType"] = (0, None, lambda value, ids: None)
        bit = 1
        for element in elements(self.path):
            own = 0
            if element.required or element.choice:
                own, bit = bit, bit << 1
            if element.required:
                self.required.append((own, element))
                self._required |= own
            if element.choice:
                self._choices |= own
            for name, type_ in spellings(element):
                self.members[name] = Member(element, type_)
                tests[name] = (own, _quick_of(element, type_), _test_of(element, type_, name))
        self._tests = tests
        return tests

    def _missing(self, seen: int) -> list[Defect]:
        return [
            Defect("required", "bad-text", missing=element.name)
            for bit, element in self.required
            if not bit & seen
        ]

    def _twice(self, value: dict[str, Any], name: str) -> list[Defect]:
        """A choice that stands twice; a primitive and its own extensions are one."""
        element = self.members[name].element
        same = {n.lstrip("_") for n in value if n in self.members and self.members[n].element is element}
        return [Defect("choice", "too-many", name)] if len(same) > 1 else []


@cache
def shape(path: str) -> Shape:
    """The one shape of a type or backbone element, known to the table."""
    return Shape(path)


def _quick_of(element: Element, words: str) -> Quick | None:
    """What alone may find a text good (`QUICK`, or the codes of the binding)."""
    plain, _, bound = words.partition("!")
    if element.many or (bound and plain != "code"):
        return None
    return codes(bound).__contains__ if bound else QUICK.get(plain)


def _test_of(element: Element, words: str, name: str) -> Test:
    if words == "Resource":
        test: Test = _contained if name == "contained" else _resource
    else:
        test = _one(words)
    if not element.many:
        return test
    return many(or_null(test) if name.startswith("_") else test)


def _one(words: str) -> Test:
    """The test of one value of a type as the table writes it."""
    plain, _, bound = words.partition("!")
    plain, _, targets = plain.partition("(")
    if bound:
        return {"code": _code, "Coding": _coding, "CodeableConcept": _concept}[plain](bound)
    if plain == "Reference":
        return _reference(frozenset(targets.rstrip(")").split("|")) if targets else None)
    return TESTS[plain] if plain in TESTS else shape(plain.removeprefix("@")).check


def _code(value_set: str) -> Test:
    known = codes(value_set)

    def test(value: Any, _: Contained) -> Found:
        return None if type(value) is str and value in known else [Defect("binding", "bad-code")]

    return test


def _coding(value_set: str) -> Test:
    check, known = shape("Coding").check, pairs(value_set)

    def test(value: Any, ids: Contained) -> Found:
        found = check(value, ids)
        if found or (value.get("system"), value.get("code")) in known:
            return found
        return [Defect("binding", "bad-code")]

    return test


def _concept(value_set: str) -> Test:
    check, known = shape("CodeableConcept").check, pairs(value_set)

    def test(value: Any, ids: Contained) -> Found:
        found = check(value, ids)
        if found or any((c.get("system"), c.get("code")) in known for c in value.get("coding", ())):
            return found
        # Nothing but the reason why there is none.
        return None if "coding" not in value and "extension" in value else [Defect("binding", "bad-code")]

    return test


def _reference(targets: frozenset[str] | None) -> Test:
    check = shape("Reference").check

    def test(value: Any, ids: Contained) -> Found:
        if type(value) is dict and len(value) == 1 and type(words := value.get("reference")) is str:
            kind = relative_type(words)
            if kind is not None and (targets is None or kind in targets):
                return None
        found = check(value, ids)
        if found or "reference" not in value:
            return found
        return reference_defect(value["reference"], targets, ids)

    return test


def _contained(value: Any, ids: Contained) -> Found:
    found = _shaped(value, ids)
    if not found and "contained" in value:
        return [Defect("dom-2", "too-many", "contained")]
    return found


def _resource(value: Any, ids: Contained) -> Found:
    """A whole resource: its own contained ones, and nobody else's."""
    listed = value.get("contained") if type(value) is dict else None
    if type(listed) is not list:
        return _shaped(value, NOTHING_CONTAINED)
    held = (one for one in listed if type(one) is dict)
    inner = {str(one.get("id")): str(one.get("resourceType")) for one in held}
    return (_shaped(value, inner) or []) + contained_defects(value) or None


def _shaped(value: Any, ids: Contained) -> Found:
    kind = value.get("resourceType") if type(value) is dict else None
    if type(kind) is not str or kind not in resource_types():
        return [Defect("type", "bad-code")]
    return shape(kind).check(value, ids)


def defects(resource: Any) -> list[Defect]:
    """Everything that is wrong with one resource (normalisation.md 1, rule 12). Empty: it may pass."""
    return [] if passes(resource) else told(resource)


def told(resource: Any) -> list[Defect]:
    """The same, from the shapes alone."""
    found = _resource(resource, NOTHING_CONTAINED) or []
    if type(resource) is dict and "id" not in resource:
        found.append(Defect("id", "bad-id", missing="id"))
    return found
