"""Writes consent/needed.json: the elements of each R4 resource type that it cannot go without.

usage: python tools/make_needed_table.py hl7.fhir.r4.core-4.0.1.tgz

An element is listed if min >= 1 or isModifier, by its path without the type; those of
its datatypes one level below it too. `modifierExtension` and `implicitRules` are handled in code.
"""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "consent" / "needed.json"
IN_CODE = frozenset(("modifierExtension", "implicitRules"))
TOO_OPEN = frozenset(
    ("BackboneElement", "Extension", "Dosage", "Timing", "ElementDefinition", "Narrative", "Meta")
)


def definitions(package: Path) -> list[dict[str, Any]]:
    """Structure definitions of concrete resources and datatypes."""
    with tarfile.open(package) as archive:
        files = (item for item in archive if "/StructureDefinition-" in item.name)
        read = (json.load(archive.extractfile(item) or sys.exit("unreadable package")) for item in files)
        return [one for one in read if one.get("derivation") == "specialization" and not one.get("abstract")]


def needed(element: dict[str, Any]) -> bool:
    last = element["path"].rpartition(".")[2]
    return last not in IN_CODE and (element["min"] >= 1 or bool(element.get("isModifier")))


def inner(definition: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """`(path without the type, element)` of a definition, its root aside."""
    return [
        (element["path"].partition(".")[2], element)
        for element in definition["snapshot"]["element"]
        if "." in element["path"]
    ]


def table(found: list[dict[str, Any]]) -> dict[str, str]:
    """Per resource type the paths, sorted, in one text."""
    datatypes = {
        one["type"]: [path for path, element in inner(one) if "." not in path and needed(element)]
        for one in found
        if one["kind"] == "complex-type" and one["type"] not in TOO_OPEN
    }
    rows: dict[str, str] = {}
    for one in (one for one in found if one["kind"] == "resource"):
        paths = {path for path, element in inner(one) if needed(element)}
        for path, element in inner(one):
            below = [part for kind in element.get("type", []) for part in datatypes.get(kind["code"], [])]
            paths |= {f"{path}.{part}" for part in below if not path.endswith("[x]")}
        rows[one["type"]] = " ".join(sorted(paths))
    return dict(sorted(rows.items()))


if __name__ == "__main__":
    lines = [
        f" {json.dumps(kind)}: {json.dumps(paths)}"
        for kind, paths in table(definitions(Path(sys.argv[1]))).items()
    ]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
