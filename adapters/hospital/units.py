"""Units: UCUM only where the sender says UCUM or spells one of our table, and nothing speaks against it.

A wrong unit is a wrong dose. What is in doubt keeps its words and has neither `system` nor `code`.
"""

import re

from adapters.hospital.context import Context
from adapters.hospital.message import Element
from adapters.hospital.readings import remembered
from adapters.terminology.tables import concept_map

_UCUM = "http://unitsofmeasure.org"
_SPELLED_ALIKE = frozenset({"", "ISO+"})
"""Component 3 of a code that our table may read: none, or ISO 2955, which spells these as UCUM does."""
_PREFIXES = {"": "", "kilo": "k", "deci": "d", "centi": "c", "milli": "m"}
_PREFIXES |= {"micro": "u", "nano": "n", "pico": "p", "femto": "f"}
_BASES = {"gram": "g", "gramme": "g", "litre": "L", "liter": "L", "mole": "mol", "metre": "m", "meter": "m"}
_BASES |= {"second": "s", "mol": "mol"}
_WORDS = {prefix + base: _PREFIXES[prefix] + _BASES[base] for prefix in _PREFIXES for base in _BASES}
_WORDS |= {"mcg": "ug", "minute": "min", "hour": "h", "day": "d", "week": "wk", "month": "mo", "year": "a"}
_WORDS |= {"percent": "%", "per cent": "%"}


@remembered
def unit_from_cwe(context: Context, element: Element) -> dict[str, str]:
    """`unit` in the sender's words; `system` and `code` only of coded UCUM or an exact synonym (3.3).

    Code and display of different meaning: both in words, remarked as `altered/conflict`.
    """
    if not element:
        return {}
    if len(element.parts[0]) > 1:
        return {"unit": element.words()}
    code, name = element.text(1), element.text(3)
    at = 2 if element.text(2) else 9
    display = element.text(at)
    is_ucum = name.upper() == "UCUM" or name == _UCUM
    coded = code if is_ucum and not re.search(r"\s", code) else _of_table(code)
    meant = _meaning(display)
    if coded and meant and coded not in (meant, _of_table(meant)) and _of_table(coded) != meant:
        context.message.account.remark(element.position(), "altered", "conflict")
        return {"unit": f"{element.take(1)} ({element.take(at)})"}
    made = {"unit": element.take(at) or element.take(1)}
    if is_ucum and coded:
        element.take(1)
        element.take(3)
        return made | {"system": _UCUM, "code": coded}
    return (made if made["unit"] else {}) | _by_table(element, coded, display, meant)


def _by_table(element: Element, coded: str, display: str, meant: str) -> dict[str, str]:
    """What our table says of a unit that is not coded as UCUM: of its code, or of what is displayed."""
    if element.text(3).upper() in _SPELLED_ALIKE and coded and (not display or meant):
        element.take(1)
        return {"system": _UCUM, "code": coded}
    shown = _of_table(display)
    return {"system": _UCUM, "code": shown} if shown else {}


def _of_table(spelled: str) -> str:
    known = concept_map("v2_units").get(("", spelled)) if spelled else None
    return known.code if known else ""


def _meaning(display: str) -> str:
    """UCUM of a displayed unit, by our table or in English; empty if it is neither."""
    found = _of_table(display)
    if found or not display:
        return found
    parts = re.split(r"\s*/\s*|\s+per\s+", display.strip().casefold())
    read = [_WORDS.get(part) or _WORDS.get(part.removesuffix("s"), "") for part in parts]
    return "/".join(read) if all(read) else ""
