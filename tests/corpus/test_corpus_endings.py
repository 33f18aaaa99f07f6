"""Every input of the shared corpus through the code of `carepact normalise`: how it ends, and what comes out.

Offenders are named by path and, of a value, by its place alone.
"""

import hashlib
import importlib
import os
import re
import subprocess
import sys
import warnings

import pytest

from adapters.boundary import defects
from adapters.codec import decode_own
from adapters.formats import sniff
from adapters.registry import kind_of

pytestmark = pytest.mark.corpus
MAY_FAIL = ("request", "outcome", "conformance", "malformed")
AGAIN = """import hashlib, sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.intake.single import Options, normalise_input, ndjson
for line in sys.stdin.read().splitlines():
    format, _, path = line.partition(" ")
    options = Options(at=datetime(2026, 1, 1, tzinfo=UTC), format=format, zone="Europe/London")
    made = normalise_input(Path(path).read_bytes(), Path(path).name, options)
    print(hashlib.sha256(b"".join(ndjson(made))).hexdigest())"""


def may_fail(one):
    untaken = one.row["format"] == "fhir-r4" and kind_of("fhir-r4") is None
    return (
        untaken
        or one.row["kind"] in MAY_FAIL
        or one.row["format"] == "fhir-xml"
        or one.row["well_formed"] == "0"
    )


def test_no_patient_input_ends_as_an_error(converted):
    """All inputs but requests, outcomes, conformance, broken ones and FHIR XML end complete or partial."""
    assert not [one.path for one in converted if one.single.status == "error" and not may_fail(one)]
    assert {one.single.status for one in converted} == {"complete", "partial", "error"}


def test_what_is_not_taken_in_says_so(converted):
    """FHIR as XML is `format-not-supported`, and nothing comes out."""
    for one in converted:
        if one.row["format"] == "fhir-xml":
            assert one.single.worst == "failed/format-not-supported" and not one.resources, one.path


def test_the_law_holds_on_every_input(converted):
    """total = mapped + kept + lost; each kept and lost item is covered by exactly one line."""
    for one in converted:
        counts, items = one.single.counts, one.items
        assert counts["total"] == counts["mapped"] + counts["kept"] + counts["lost"], one.path
        assert counts["kept"] == items["kept"], one.path
        assert counts["lost"] == items["not-mapped"] + items["rejected"] + items["failed"], one.path
        assert min(counts.values()) >= 0, one.path


def test_no_mapping_of_ours_broke(converted):
    """No unit of any input failed through a defect of ours."""
    broken = {one.path for one in converted if any(e["reason"] == "mapping-defect" for e in one.entries)}
    assert not broken


def test_every_bundle_is_closed_and_in_order(converted):
    """Literal references resolve inside, no address twice, Patients first and Provenance last."""
    for one in converted:
        refs = [f"{made['resourceType']}/{made['id']}" for made in one.resources]
        assert len(refs) == len(set(refs)), one.path
        for made in one.resources:
            text = re.sub(r'"div":"(?:[^"\\]|\\.)*"', "", str_of(made))
            said = set(re.findall(r'"reference":"([^"]*)"', text))
            inside = {f"#{inner['id']}" for inner in made.get("contained", ())}
            assert said <= set(refs) | inside | {"#"}, one.path
        turns = [{"Patient": 0, "Provenance": 2}.get(ref.partition("/")[0], 1) for ref in refs]
        assert turns == sorted(turns), one.path


def str_of(value):
    import json

    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_every_resource_passes_the_boundary_check(converted):
    """Read back from the bytes of the bundle, nothing is left that the check would mend."""
    for one in converted:
        for entry in decode_own(one.single.bundle).get("entry", ()):
            found = [(entry["resource"]["resourceType"], defect) for defect in defects(entry["resource"])]
            assert not found, one.path


def test_every_resource_has_the_shape_of_r4(converted):
    """The R4 models of an independent library take every resource."""
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one in converted:
            for made in one.resources:
                kind = made["resourceType"]
                model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
                try:
                    model.model_validate(made)
                except ValueError as error:
                    places = {".".join(map(str, e["loc"])) for e in error.errors()}  # type: ignore[attr-defined]
                    wrong.append((one.path, kind, places))
    assert not wrong


def test_formats_are_told_by_the_bytes(converted, corpus):
    """`auto` agrees with the manifest wherever the bytes say it; base STU3 looks like R4, and nothing else."""
    wrong = {}
    for one in converted:
        said = None if one.row["format"] == "fhir-xml" else one.row["format"]
        found = sniff((corpus / one.path).read_bytes())
        if found != said and not may_fail(one):
            wrong.setdefault((one.family, said, found), []).append(one.path)
    assert {key[1:] for key in wrong} <= {("gp-connect", "fhir-r4")}
    records = [path for paths in wrong.values() for path in paths if "tructured" in path]
    assert not records


def test_another_process_makes_the_same_bytes(converted, corpus):
    """Bundles and ledgers of every ninth input are the same under another hash seed."""
    some = [one for one in converted[::9] if one.row["format"] != "fhir-xml"]
    asked = "\n".join(f"{one.row['format']} {corpus / one.path}" for one in some)
    env = os.environ | {"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo"}
    ended = subprocess.run(
        [sys.executable, "-c", AGAIN], input=asked, env=env, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    from gateway.intake.single import ndjson

    first = [hashlib.sha256(b"".join(ndjson(one.single))).hexdigest() for one in some]
    differing = [one.path for one, a, b in zip(some, first, ended.stdout.split(), strict=True) if a != b]
    assert not differing
