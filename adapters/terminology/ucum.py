"""Whether a unit is a code of UCUM, or an exact synonym of one (UCUM 2.1, section 2; grammar of table 1).

A wrong unit is a wrong dose. So a spelling that is valid UCUM, but in records far more often means something
else (`MG` is megagauss, `ML` megalitre, `K/uL` kelvin), is no code unless our table of synonyms has it, and a
word for a package or a form (`tablet`) is none at all.
"""

import re
from functools import cache, lru_cache

from adapters.terminology.tables import concept_map, rows

UCUM = "http://unitsofmeasure.org"
_LONGEST = 64
_SMALL = {"d": "deci", "c": "centi", "m": "milli", "u": "micro", "n": "nano", "p": "pico", "f": "femto"}
_PREFIXES = ("da", "k", "h", *_SMALL, "a", "z", "y")
_LARGE = ("Ki", "Mi", "Gi", "Ti", "Y", "Z", "E", "P", "T", "G", "M")
_OFTEN_LARGE = frozenset("Hz Bq Pa V eV J W Ohm By bit [IU] [iU]".split())
"""What is measured in millions; of anything else a capital M, P or E is a slip for the small letter."""

_UNIT = r"(?:10[*^]|(?:[!-'*,:-Z\\^-z|~]|\[[!-Z^-~]*\])+)"
_NOTE = r"\{[!-z|~]*\}"
_COMPONENT = re.compile(rf"(?:({_UNIT})(?:[+-]?\d+)?|\d+|\0)(?:{_NOTE})?|{_NOTE}")
_GROUP = re.compile(r"(?:(?<=[./(])|^)\(([^()]+)\)(?![^{]*\})")
_OPERATOR = re.compile(r"[./](?![^\[]*\]|[^{]*\})")

_POWER = re.compile(r"(?:x ?)?10(?:\*\*|[*^+Ee])(\d{1,2})")
_SPELLED = {"µ": "u", "μ": "u", "²": "2", "³": "3"}
_WORDS = {
    "mcg": "ug",
    "IU": "[IU]",
    "mIU": "m[IU]",
    "uIU": "u[IU]",
    "kIU": "k[IU]",
    "cc": "mL",
    "mmHg": "mm[Hg]",
}
_WORDS |= {"mEq": "meq", "gm": "g", "hr": "h", "hrs": "h", "sec": "s", "yr": "a", "yrs": "a", "lb": "[lb_av]"}
_WORDS |= {
    "lbs": "[lb_av]",
    "inch": "[in_i]",
    "inches": "[in_i]",
    "kgs": "kg",
    "degC": "Cel",
    "degF": "[degF]",
}
_NAMES = {"gram": "g", "gramme": "g", "litre": "L", "liter": "L", "metre": "m", "meter": "m", "mole": "mol"}
_NAMES = {
    name + stem: sign + code
    for sign, name in (_SMALL | {"": "", "k": "kilo"}).items()
    for stem, code in _NAMES.items()
}
_NAMES |= {"second": "s", "minute": "min", "hour": "h", "day": "d", "week": "wk", "month": "mo", "year": "a"}
_NAMES |= {"percent": "%", "international unit": "[IU]", "microgm": "ug"}


@lru_cache(maxsize=4096)
def ucum_code(written: str) -> str:
    """The UCUM code that a unit is or exactly means; empty if it is none, or in doubt."""
    if not written or len(written) > _LONGEST:
        return ""
    if is_ucum(written):
        return written
    known = concept_map("v2_units").get(("", written))
    return known.code if known else _synonym(written)


def is_ucum(code: str) -> bool:
    """A valid expression of UCUM that is not in doubt, by case-sensitive codes."""
    if "\0" in code:  # stands for a group below
        return False
    while group := _GROUP.search(code):
        if not _is_term(group.group(1)):
            return False
        code = f"{code[: group.start()]}\0{code[group.end() :]}"
    return _is_term(code)


def _is_term(term: str) -> bool:
    return all(_is_component(part) for part in _OPERATOR.split(term.removeprefix("/")))


def _is_component(part: str) -> bool:
    found = _COMPONENT.fullmatch(part)
    return found is not None and (found.group(1) is None or _is_unit(found.group(1)))


def _is_unit(unit: str) -> bool:
    """An atom, or a metric one with a prefix, that nobody takes for another."""
    known = _units()
    if unit in known:
        return not known[unit][1]
    for prefix in (*_PREFIXES, *_LARGE):
        metric, doubt = (
            known.get(unit.removeprefix(prefix), (False, "")) if unit.startswith(prefix) else (False, "")
        )
        if metric:
            return doubt != "always" and (prefix in _PREFIXES or unit.removeprefix(prefix) in _OFTEN_LARGE)
    return False


@cache
def _units() -> dict[str, tuple[bool, str]]:
    """Atoms: whether they take prefixes, and where they are in doubt (`bare`, `always`)."""
    return {row["code"]: (row["metric"] == "yes", row["doubt"]) for row in rows("ucum_units")}


def _synonym(written: str) -> str:
    """Each part of it by rule: powers of ten, English names, a closed list of spellings."""
    plain = "".join(_SPELLED.get(letter, letter) for letter in written)
    read = "/".join(_part(part) or "?" for part in re.split(r"\s*/\s*|\s+per\s+", plain))
    return read if is_ucum(read) else ""


def _part(part: str) -> str:
    power = _POWER.fullmatch(part)
    if power:
        return f"10*{power.group(1)}"
    name = part.casefold().removesuffix("(s)")
    named = _NAMES.get(name) or _NAMES.get(name.removesuffix("s"))
    return named or _WORDS.get(part) or part
