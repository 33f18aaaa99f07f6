"""The committed table of R4's elements, read once (`tools/make_boundary.py` writes it)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type as R4 defines it."""

    name: str
    """As in the definition: a choice ends in `[x]`."""
    required: bool
    many: bool
    modifier: bool
    types: tuple[str, ...]

    @property
    def choice(self) -> bool:
        return self.name.endswith("[x]")


@cache
def _table() -> Mapping[str, Any]:
    loaded: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("table.json").read_text("utf-8")
    )
    return loaded


@cache
def resource_types() -> frozenset[str]:
    """Names of all concrete resource types."""
    return frozenset(_table()["resources"].split())


@cache
def elements(path: str) -> tuple[Element, ...]:
    """Elements of a type or backbone element in the order of the definition. Raises `KeyError`."""
    row: dict[str, str] = _table()["types"][path]
    shared = elements(row["^"]) if "^" in row else ()
    return shared + tuple(_element(name, words) for name, words in row.items() if name != "^")


def spellings(element: Element) -> list[tuple[str, str]]:
    """(JSON member, type): of a choice one for each type, of a primitive also the one with underscore."""
    found = []
    for words in element.types:
        name, plain = element.name, words.partition("(")[0].partition("!")[0]
        if element.choice:
            name = name[:-3] + plain[0].upper() + plain[1:]
        found.append((name, words))
        if plain[0].islower() and plain != "attribute":
            found.append((f"_{name}", "Element"))
    return found


@cache
def pairs(value_set: str) -> frozenset[tuple[str, str]]:
    """(system, code) of a value set of a required binding."""
    listed = _table()["codes"][value_set].items()
    return frozenset((system, code) for system, codes in listed for code in codes.split())


@cache
def codes(value_set: str) -> frozenset[str]:
    """The codes alone."""
    return frozenset(code for _, code in pairs(value_set))


def _element(name: str, words: str) -> Element:
    low, high, flag, *types = words.split()
    return Element(name, low != "0", high != "1", flag == "m", tuple(types))
