"""Writes gateway/fhir/order.json: the elements of each R4 type and backbone element, in their order.

usage: python tools/make_order_table.py hl7.fhir.r4.core-4.0.1.tgz

A row is a text of names: `name` of a primitive, `name:Type` of a datatype, `name:Path` of a backbone
element, `name[x]` of a choice. `@D`, `@B` and `@E` stand for the elements that every domain resource,
backbone element and datatype begins with.
"""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "gateway" / "fhir" / "order.json"
STARTS = {
    "@D": (
        "id meta:Meta implicitRules language text:Narrative contained:Resource extension:Extension "
        "modifierExtension:Extension"
    ),
    "@B": "id extension:Extension modifierExtension:Extension",
    "@E": "id extension:Extension",
}
OWN = frozenset(("BackboneElement", "Element"))


def definitions(package: Path) -> list[dict[str, Any]]:
    """Structure definitions of resources and datatypes, profiles aside."""
    with tarfile.open(package) as archive:
        files = (item for item in archive if "/StructureDefinition-" in item.name)
        read = (json.load(archive.extractfile(item) or sys.exit("unreadable package")) for item in files)
        kinds = ("resource", "complex-type")
        return [one for one in read if one["kind"] in kinds and one.get("derivation") != "constraint"]


def token(element: dict[str, Any]) -> str:
    """One element as it stands in a row."""
    path = element["path"]
    name = path.rpartition(".")[2]
    if name.endswith("[x]"):
        return str(name)
    if "contentReference" in element:
        return f"{name}:{element['contentReference'].partition('#')[2]}"
    code = element["type"][0]["code"]
    if code in OWN:
        return f"{name}:{path}"
    return f"{name}:{code}" if code[0].isupper() else str(name)


def table(found: list[dict[str, Any]]) -> dict[str, str]:
    """Row by type or path."""
    rows: dict[str, list[str]] = {}
    for one in found:
        rows.setdefault(one["type"], [])
        for element in one["snapshot"]["element"][1:]:
            rows.setdefault(element["path"].rpartition(".")[0], []).append(token(element))
    return {name: shortened(" ".join(row)) for name, row in sorted(rows.items())}


def shortened(row: str) -> str:
    """The row with its beginning as one sign."""
    for sign, start in STARTS.items():
        if row == start or row.startswith(f"{start} "):
            return (sign + row[len(start) :]).strip()
    return row


if __name__ == "__main__":
    lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in table(definitions(Path(sys.argv[1]))).items()]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
