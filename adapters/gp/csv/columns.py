"""The column map of an extract: a TOML file of the operator's, read once and refused whole if it is wrong.

delimiter = ","                       # one character
encoding = "utf-8"                    # utf-8, windows-1252, iso-8859-1, utf-16
dates = "dmy"                         # iso, compact, dmy, mdy, dmonthy
zone = "Europe/London"                # of times without offset; without it they become dates
key = ["Entry"]                       # columns that name a row for good
patient = ["NHS number"]              # columns that name whose it is
ignore = ["Printed by"]               # columns that are known and left out

[columns]
"NHS number" = "patient.nhs-number"
"Code" = "condition.code"

[systems]
"condition.code" = "http://snomed.info/sct"

[values."condition.clinical-status"]
"A" = "active"
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from adapters.gp.csv.targets import NEEDS_SYSTEM, TARGETS, Target
from adapters.times import known_zone

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ENCODINGS = {"utf-8": "utf-8-sig", "windows-1252": "cp1252", "iso-8859-1": "latin-1", "utf-16": "utf-16"}
DATES = ("iso", "compact", "dmy", "mdy", "dmonthy")
_KEYS = frozenset("delimiter encoding dates zone key patient ignore columns systems values".split())


class BadMap(ValueError):
    """The map cannot be used; the message names its key, never a value of an extract."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How one extract is read. `columns`: name in the header to target."""

    columns: Mapping[str, Target]
    patient: tuple[str, ...]
    key: tuple[str, ...] = ()
    ignore: frozenset[str] = frozenset()
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    dates: str = "iso"
    zone: str | None = None
    systems: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    hash: str = ""
    """Eight hex digits over the file: another map is another mapping."""

    @property
    def named(self) -> frozenset[str]:
        """Columns that must be in the header: without one of them the file is another one."""
        return frozenset((*self.columns, *self.key, *self.patient))

    def name_of(self, column: str, cell: str) -> str:
        """A cell as part of a name: however a national number is spaced, it is the same one."""
        target = self.columns.get(column)
        plain = CONTROL.sub("", cell).strip()
        return plain.replace(" ", "").replace("-", "") if target and target.type == "nhs" else plain


def columns_from_toml(text: str) -> ColumnMap:
    """A map from the text of its file. Raises `BadMap`."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise BadMap("the column map is not TOML") from None
    unknown = said.keys() - _KEYS
    if unknown:
        raise BadMap(f"unknown key: {min(unknown)}")
    columns = _columns(said.get("columns"))
    patient = _names(said, "patient")
    if not patient:
        raise BadMap("patient: name the columns that say whose a row is")
    zone = said.get("zone")
    if zone is not None and not (isinstance(zone, str) and known_zone(zone)):
        raise BadMap("zone: not an IANA time zone")
    return ColumnMap(
        columns=columns,
        patient=patient,
        key=_names(said, "key"),
        ignore=frozenset(_names(said, "ignore")),
        delimiter=_delimiter(said.get("delimiter", ",")),
        encoding=ENCODINGS[_one_of(said, "encoding", tuple(ENCODINGS), "utf-8")],
        dates=_one_of(said, "dates", DATES, "iso"),
        zone=zone,
        systems=_systems(said.get("systems", {}), columns),
        values=_values(said.get("values", {}), columns),
        hash=sha256(text.encode()).hexdigest()[:8],
    )


def _columns(said: Any) -> dict[str, Target]:
    if not isinstance(said, dict) or not said:
        raise BadMap("columns: name at least one")
    found = {}
    for name, target in said.items():
        if not isinstance(target, str) or target not in TARGETS:
            raise BadMap(f"columns.{name}: no such target")
        found[name] = TARGETS[target]
    if len(set(found.values())) != len(found):
        raise BadMap("columns: two of them have one target")
    return found


def _systems(said: Any, columns: Mapping[str, Target]) -> dict[str, str]:
    if not isinstance(said, dict):
        raise BadMap("systems: a table of target to URI")
    used = {_name(target) for target in columns.values()}
    for name, uri in said.items():
        if name not in used or TARGETS[name].type != "token":
            raise BadMap(f"systems.{name}: no column has this target, or it has no system")
        if not isinstance(uri, str) or ":" not in uri or uri.split() != [uri]:
            raise BadMap(f"systems.{name}: not a URI")
    for name in sorted(used & NEEDS_SYSTEM):
        if name not in said:
            raise BadMap(f"systems.{name}: its values mean nothing without their system")
    return said


def _values(said: Any, columns: Mapping[str, Target]) -> dict[str, dict[str, str]]:
    if not isinstance(said, dict):
        raise BadMap("values: a table for each target")
    used = {_name(target): target for target in columns.values()}
    for name, codes in said.items():
        target = used.get(name)
        if target is None or target.type != "choice" or not isinstance(codes, dict):
            raise BadMap(f"values.{name}: no column has this target, or it is no choice")
        if not all(isinstance(code, str) and code in target.choices for code in codes.values()):
            raise BadMap(f"values.{name}: only {', '.join(sorted(target.choices))}")
    return said


def _name(target: Target) -> str:
    return f"{target.kind}.{target.field}"


def _names(said: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = said.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise BadMap(f"{key}: a list of column names")
    return tuple(names)


def _delimiter(said: Any) -> str:
    if not isinstance(said, str) or len(said) != 1 or said in '"\r\n':
        raise BadMap("delimiter: one character, no quote and no line end")
    return said


def _one_of(said: Mapping[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
    value = said.get(key, default)
    if value not in known:
        raise BadMap(f"{key}: one of {', '.join(known)}")
    return str(value)
