"""Writes adapters/boundary/table.json: every element of every R4 type in a few words, for the boundary check.

usage: python tools/make_boundary.py hl7.fhir.r4.core-4.0.1.tgz

`types`: path of a type or backbone element to its elements, `"min max flags type…"`; `m` = modifier element.
A type is its name (`attribute`: a string without extensions of its own), `Reference(A|B)` with targets,
`name!valueset` with a required binding, or `@path` of the element whose content it has. The member `^`
names the base whose elements come before.
`codes`: of each value set that can be listed, its systems with their codes.
"""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "adapters" / "boundary" / "table.json"
PREFIX = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
NOT_LISTED = frozenset(("mimetypes", "ucum-units", "all-languages"))
"""Value sets with a grammar in place of a list."""


EXTENSIONS = {"extension": "0 * - Extension"}
MODIFIERS = {"modifierExtension": "0 * m Extension"}
RESOURCE = {
    "id": "0 1 - id",
    "meta": "0 1 - Meta",
    "implicitRules": "0 1 m uri",
    "language": "0 1 - code",
}
DOMAIN = RESOURCE | {"text": "0 1 - Narrative", "contained": "0 * - Resource"} | EXTENSIONS | MODIFIERS
ELEMENT = {"id": "0 1 - attribute"} | EXTENSIONS
BASES = {
    "DomainResource": DOMAIN,
    "Resource": RESOURCE,
    "BackboneElement": ELEMENT | MODIFIERS,
    "Element": ELEMENT,
}


def read(package: Path) -> dict[str, list[dict[str, Any]]]:
    """The definitions of a package by resource type."""
    found: dict[str, list[dict[str, Any]]] = {}
    with tarfile.open(package) as archive:
        for item in archive:
            if item.name.startswith("package/") and item.name.endswith(".json"):
                one = json.load(archive.extractfile(item) or sys.exit("unreadable package"))
                found.setdefault(one.get("resourceType", ""), []).append(one)
    return found


class Codes:
    """Expands value sets that are lists; one that has a filter over other people's codes is None."""

    def __init__(self, found: dict[str, list[dict[str, Any]]]) -> None:
        self._systems = {one["url"]: one for one in found["CodeSystem"]}
        self._sets = {one["url"]: one for one in found["ValueSet"]}
        self.used: dict[str, dict[str, str]] = {}

    def name_of(self, url: str) -> str | None:
        """Short name of a value set, remembered for the table; None if it cannot be listed."""
        url = url.partition("|")[0]
        name = url.rpartition("/")[2]
        if name in NOT_LISTED:
            return None
        if name not in self.used:
            codes = self._expand(url)
            if not codes:
                return None
            systems = sorted({system for system, _ in codes})
            self.used[name] = {
                system: " ".join(sorted(code for of, code in codes if of == system)) for system in systems
            }
        return name

    def _expand(self, url: str) -> set[tuple[str, str]] | None:
        compose = self._sets.get(url, {}).get("compose")
        if not compose:
            return None
        codes: set[tuple[str, str]] = set()
        for part in compose["include"]:
            one = self._part(part)
            if one is None:
                return None
            codes |= one
        for part in compose.get("exclude", []):
            codes -= self._part(part) or set()
        return codes

    def _part(self, part: dict[str, Any]) -> set[tuple[str, str]] | None:
        if "valueSet" in part:
            sets = [self._expand(url.partition("|")[0]) for url in part["valueSet"]]
            return None if None in sets else set.intersection(*[one for one in sets if one is not None])
        system = part["system"]
        if "concept" in part:
            return {(system, concept["code"]) for concept in part["concept"]}
        definition = self._systems.get(system)
        if definition is None or definition.get("content") != "complete":
            return None
        chosen = definition.get("concept", [])
        for rule in part.get("filter", []):
            if (rule["property"], rule["op"]) != ("concept", "is-a"):
                return None
            chosen = [one for one in self._all(chosen) if one["code"] == rule["value"]]
        return {(system, one["code"]) for one in self._all(chosen)}

    def _all(self, concepts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for top in concepts for one in (top, *self._all(top.get("concept", [])))]


def type_words(element: dict[str, Any], codes: Codes) -> list[str]:
    """The types of one element."""
    if "contentReference" in element:
        return ["@" + element["contentReference"].lstrip("#")]
    binding = element.get("binding", {})
    bound = codes.name_of(binding["valueSet"]) if binding.get("strength") == "required" else None
    words = []
    for one in element["type"]:
        code = one["code"].removeprefix(SYSTEM_TYPE)
        code = {"String": "attribute", "SimpleQuantity": "Quantity"}.get(code, code)
        targets = [t.removeprefix(PREFIX) for t in one.get("targetProfile", [])]
        if code == "Reference" and targets and "Resource" not in targets:
            code = f"Reference({'|'.join(targets)})"
        elif code in ("BackboneElement", "Element") and element["path"].count("."):
            code = "@" + element["path"]
        bindable = code in ("code", "Coding", "CodeableConcept")
        words.append(f"{code}!{bound}" if bound and bindable else code)
    return words


def elements(definition: dict[str, Any], codes: Codes) -> dict[str, dict[str, str]]:
    """Each path of one definition to its direct elements."""
    shapes: dict[str, dict[str, str]] = {}
    for element in definition["snapshot"]["element"]:
        above, _, name = element["path"].rpartition(".")
        if above:
            words = ["id"] if (above, name) == (definition["type"], "id") else type_words(element, codes)
            if definition["kind"] != "resource" and name == "id":
                words = ["attribute"]
            flag = "m" if element.get("isModifier") else "-"
            text = f"{element['min']} {element['max']} {flag} {' '.join(words)}"
            shapes.setdefault(above, {})[name] = text
    return shapes


def based(shape: dict[str, str]) -> dict[str, str]:
    """A shape without the elements of the largest base that it begins with."""
    for base, shared in BASES.items():
        if shape != shared and all(shape.get(name) == words for name, words in shared.items()):
            return {"^": base} | {name: words for name, words in shape.items() if name not in shared}
    return shape


def main(package: Path) -> None:
    found = read(package)
    codes = Codes(found)
    shapes: dict[str, dict[str, str]] = {}
    kinds: dict[str, list[str]] = {"resource": [], "complex-type": []}
    for one in sorted(found["StructureDefinition"], key=lambda each: str(each["url"])):
        concrete = one.get("derivation") == "specialization" or one["type"] == "Element"
        if one["kind"] in kinds and concrete and not (one["abstract"] and one["kind"] == "resource"):
            shapes |= elements(one, codes)
            kinds[one["kind"]].append(one["type"])
    shapes = {path: based(shape) for path, shape in shapes.items()} | BASES
    table = {"resources": sorted(kinds["resource"]), "types": shapes, "codes": codes.used}
    lines = [f' "resources": {json.dumps(" ".join(table["resources"]))}']
    for part in ("types", "codes"):
        rows = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(table[part].items())]
        lines.append(f' "{part}": {{\n' + ",\n".join(rows) + "\n }")
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
