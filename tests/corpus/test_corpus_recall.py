"""How much of what others expect of an input is in ours: leaves (type, path, value), as a share per family.

Ids, references, narrative and meta are aside: they are each converter's own. Numbers are compared as numbers.
What a guide or its committee says is a gate; other converters' outputs are information. The shares stand in
`recall.json`, numbers only, and no family may fall below its own. To raise them after a gain:
`CAREPACT_BASELINE=write python -m pytest tests/corpus/test_corpus_recall.py`.
"""

import json
import os
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest
from lxml import etree

from gateway.exchange.types import CLINICAL

pytestmark = pytest.mark.corpus
BASELINE = Path(__file__).with_name("recall.json")
ASIDE = frozenset("id meta text fullUrl reference resourceType contained div implicitRules".split())
CARRIED = frozenset(CLINICAL) - {"Provenance"}
"""What an exchange carries; what each converter says of its own work is aside."""
SLACK = 0.002
"""A share may move by so much when the corpus' own files are read in another order."""


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


def made_leaves(one):
    return leaves_of(resources_in(json.loads(one.single.bundle, parse_float=Decimal)))


@pytest.fixture(scope="module")
def scores(converted, corpus):
    """`family` (and `family:authority` where the input has several) to its share of leaves."""
    sums = {}
    for one in converted:
        said = one.row["expected_path"]
        if not said:
            continue
        path = corpus / said
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        made = made_leaves(one)
        for file in files:
            committee = file.name.startswith("Rec_")
            name = one.family + (":committee" if committee else ":peers" if path.is_dir() else "")
            found, wanted = share(expected_leaves(file), made)
            before = sums.get(name, (0, 0))
            sums[name] = (before[0] + found, before[1] + wanted)
    return {name: round(found / wanted, 4) for name, (found, wanted) in sorted(sums.items()) if wanted}


def test_no_family_falls_below_its_baseline(scores):
    """The shares of `recall.json` are kept by every family."""
    if os.environ.get("CAREPACT_BASELINE") == "write":
        BASELINE.write_text(json.dumps(scores, indent=1) + "\n")
    baseline = json.loads(BASELINE.read_text())
    assert set(scores) == set(baseline)
    fallen = {name: (was, scores[name]) for name, was in baseline.items() if scores[name] < was - SLACK}
    assert not fallen
