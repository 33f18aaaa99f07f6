"""Loads the CSV tables beside this file once into frozen dicts; their hash is the mapping hash of Provenance.

One CSV per concept map, header `source_system,source_code,target_system,target_code,target_display,
relation,origin`; `relation` is `equivalent|wider|narrower|none`, `none` = known and without target.
`systems.csv`: `name,uri,oid,v2_table,kind,pattern,check`; the last two of identifiers with a check digit, as
`adapters/identity.py` reads them. A correction is a row of `v2_overrides.csv`, or of `OWN` in
`tools/make_cda_tables.py`, with its reason, which generated tables repeat in `origin`.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

HEADER = "source_system,source_code,target_system,target_code,target_display,relation,origin".split(",")
RELATIONS = ("equivalent", "wider", "narrower", "none")


@dataclass(frozen=True, slots=True)
class Concept:
    """Target of a concept map row; `code` empty when the source code is known and has no target."""

    system: str
    code: str
    display: str

    def coding(self) -> dict[str, str]:
        """FHIR Coding of this concept."""
        return {"system": self.system, "code": self.code} | (
            {"display": self.display} if self.display else {}
        )


@dataclass(frozen=True, slots=True)
class Overlay:
    """What an operator adds for one source (overlay.py): (source system, source code) to target.

    `hash`: eight hex digits over the file.
    """

    rows: Mapping[tuple[str, str], Concept]
    hash: str


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a table as they stand in its file."""
    text = resources.files(__package__).joinpath(f"{name}.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def concept_map(name: str) -> Mapping[tuple[str, str], Concept]:
    """(source system, source code) to target. A table that ignores the system has an empty first column."""
    return MappingProxyType(
        {
            (row["source_system"], row["source_code"]): Concept(
                row["target_system"], row["target_code"], row["target_display"]
            )
            for row in rows(name)
        }
    )


@cache
def table_names() -> tuple[str, ...]:
    """Names of all concept maps."""
    folder = resources.files(__package__)
    found = (one for one in folder.iterdir() if one.name.endswith(".csv"))
    header = ",".join(HEADER)
    maps = [one.name.removesuffix(".csv") for one in found if one.read_text("utf-8").startswith(header)]
    return tuple(sorted(maps))


@cache
def _systems() -> tuple[Mapping[str, str], Mapping[str, str]]:
    known = rows("systems")
    by_oid = {row["oid"]: row["uri"] for row in known if row["oid"]}
    by_name = {row["name"].upper(): row["uri"] for row in known if row["name"]}
    return MappingProxyType(by_oid), MappingProxyType(by_name)


def is_known_system(uri: str) -> bool:
    """A system that is nobody's own: registered, or of HL7."""
    if uri.startswith(("http://terminology.hl7.org/", "http://hl7.org/")):
        return True
    oid = uri.removeprefix("urn:oid:")
    return (
        uri in _systems()[0].values() or (oid != uri and system_from_oid(oid) != uri) or oid in _systems()[0]
    )


@cache
def checked_identifiers() -> Mapping[str, tuple[str, str]]:
    """URI of an identifier system with a check digit to its pattern and the name of its check."""
    return MappingProxyType(
        {row["uri"]: (row["pattern"], row["check"]) for row in rows("systems") if row["check"]}
    )


def system_from_oid(oid: str) -> str:
    """URI of an OID: the registered one where we know it, else `urn:oid:`; v2 tables by their number."""
    known = _systems()[0].get(oid)
    if known:
        return known
    prefix, _, last = oid.rpartition(".")
    if prefix == "2.16.840.1.113883.12" and last.isascii() and last.isdigit():
        return f"http://terminology.hl7.org/CodeSystem/v2-{int(last):04d}"
    return f"urn:oid:{oid}"


def oid_from_system(uri: str) -> str | None:
    """The registered OID of a URI, as document sharing names assigning authorities; None if it has none."""
    if uri.startswith("urn:oid:"):
        return uri.removeprefix("urn:oid:")
    return next((oid for oid, known in _systems()[0].items() if known == uri), None)


def system_from_name(name: str) -> str | None:
    """URI of a code system by its HL7 v2 table 0396 name (`LN`, `SCT`, `I10`, `HL70001`), else None."""
    upper = name.strip().upper()
    known = _systems()[1].get(upper)  # first: tables 0292 and 0227 are CVX and MVX, not v2 systems
    if known is None and upper.startswith("HL7") and upper[3:].isascii() and upper[3:].isdigit():
        return f"http://terminology.hl7.org/CodeSystem/v2-{int(upper[3:]):04d}"
    return known


@cache
def mapping_hash(*names: str) -> str:
    """Eight hex digits over the named tables: a changed table is a changed mapping."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(resources.files(__package__).joinpath(f"{name}.csv").read_bytes())
    return digest.hexdigest()[:8]
