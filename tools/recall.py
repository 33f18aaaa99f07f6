"""What is compared where outputs of others are held against ours: leaves (type, path, value), counted.

Ids, references, narrative and meta are aside: they are each converter's own. Numbers are compared as numbers.
"""

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation

from lxml import etree

from gateway.exchange.types import CLINICAL

ASIDE = frozenset("id meta text fullUrl reference resourceType contained div implicitRules".split())
CARRIED = frozenset(CLINICAL) - {"Provenance"}
"""What an exchange carries; what each converter says of its own work is aside."""


def uncommented(text):
    """JSON out of `.jsonc`: comments go, strings stay, and so do commas before an end."""
    bare = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', lambda m: m[1] or "", text, flags=re.DOTALL)
    return re.sub(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', lambda m: m[1] or "", bare)


def from_xml(element):
    """A FHIR XML element as (name, children or value) leaves."""
    name = etree.QName(element).localname
    own = [(name, element.get("value"))] if element.get("value") is not None else []
    if element.get("url") is not None:
        own.append((f"{name}.url", element.get("url")))
    inner = [(f"{name}.{path}", value) for child in element for path, value in from_xml(child)]
    return own + inner


def as_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return format(Decimal(value).normalize(), "f")
    try:
        return (
            format(Decimal(value).normalize(), "f") if re.fullmatch(r"-?\d+\.\d+", value) else value.strip()
        )
    except InvalidOperation:
        return value


def leaves(value, path=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ASIDE:
                yield from leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif value is not None:
        yield path, as_text(value)


def leaves_of(resources):
    counted = Counter()
    for one in resources:
        if one.get("resourceType") in CARRIED:
            counted.update((one["resourceType"], *leaf) for leaf in leaves(one))
    return counted


def resources_in(value):
    """Resources of a bundle, of a list, or the one that it is."""
    if isinstance(value, list):
        return [inner for one in value for inner in resources_in(one)]
    if value.get("resourceType") == "Bundle":
        return [
            inner for entry in value.get("entry", ()) for inner in resources_in(entry.get("resource", {}))
        ]
    if "resourceType" not in value:
        return resources_in(value["resource"]) if "resource" in value else []
    return [value]


def expected_leaves(path):
    if path.suffix == ".xml":
        root = etree.fromstring(path.read_bytes())
        counted = Counter()
        for holder in root.iter("{http://hl7.org/fhir}resource"):
            for resource in holder:
                kind = etree.QName(resource).localname
                if kind not in CARRIED:
                    continue
                for said, value in (leaf for child in resource for leaf in from_xml(child)):
                    if not ASIDE & set(said.split(".")):
                        counted[(kind, f".{said}", as_text(value))] += 1
        return counted
    text = path.read_text("utf-8-sig")
    decoder = json.JSONDecoder(parse_float=Decimal, strict=False)
    value, _ = decoder.raw_decode(uncommented(text).strip())  # one output has an end too many
    return leaves_of(resources_in(value))


def share(expected, made):
    """Found and expected leaves: each counts as often as it is expected and made."""
    return sum((expected & made).values()), sum(expected.values())


def authority_of(file, path):
    """Whose expectation a file is, where an input has several."""
    return ":committee" if file.name.startswith("Rec_") else ":peers" if path.is_dir() else ""


def made_leaves(bundle):
    """Leaves of a bundle of ours, as bytes."""
    return leaves_of(resources_in(json.loads(bundle, parse_float=Decimal)))
