"""The boundary check: every planted defect is seen, every valid resource passes, the table is the standard's."""

import importlib.util
import sys
from copy import deepcopy
from pathlib import Path

import pytest

from adapters import codec
from adapters.boundary import defects, mend
from adapters.boundary.primitives import QUICK, TESTS
from adapters.boundary.table import resource_types
from benchmarks.planted import VALID, planted

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT.parent / "shared" / "fhir-packages" / "hl7.fhir.r4.core-4.0.1.tgz"


@pytest.mark.parametrize("kind", VALID)
def test_a_valid_resource_passes_untouched(kind):
    """A valid resource is the very same object after the check, also when it came as bytes."""
    assert mend(VALID[kind]).resource is VALID[kind]
    assert not defects(codec.decode(codec.encode(VALID[kind])))


@pytest.mark.parametrize(("name", "resource"), planted(), ids=[name for name, _ in planted()])
def test_a_planted_defect_is_seen_and_never_passes(name, resource):
    """Each single defect is found; what is mended is valid, and the resource as it came stays as it was."""
    before = deepcopy(resource)
    assert defects(resource)
    mended = mend(resource)
    assert resource == before
    assert mended.lines
    assert mended.resource is None or not defects(mended.resource)


@pytest.mark.parametrize("wrong", [None, [], "x", {}, {"resourceType": "Nonsense", "id": "x"}, {"id": "x"}])
def test_what_is_no_resource_is_a_defect(wrong):
    """Anything that is not a resource of R4 is told, without an exception."""
    assert defects(wrong)


def test_the_rules_say_where():
    """A defect leads to its value by member names and list places."""
    resource = deepcopy(VALID["medication"])
    resource["dosageInstruction"][0]["timing"]["repeat"]["periodUnit"] = "day"
    (found,) = defects(resource)
    assert found.path == ("dosageInstruction", 0, "timing", "repeat", "periodUnit")
    assert (found.rule, found.reason) == ("binding", "bad-code")


@pytest.mark.parametrize(
    ("start", "end", "fine"),
    [
        ("2020", "2020-01-01", True),
        ("2020-03", "2020", True),
        ("2020-02-01", "2020-01", False),
        ("2020-01-01T10:00:00+02:00", "2020-01-01T08:30:00Z", True),
        ("2020-01-01T10:00:00Z", "2020-01-01T11:00:00+02:00", False),
        ("2020-01-01T01:00:00+05:00", "2019-12-31T23:00:00Z", True),
    ],
)
def test_a_period_is_compared_at_its_precision_and_offset(start, end, fine):
    """per-1 holds where it cannot be said to fail: partial dates, and moments in different zones."""
    resource = deepcopy(VALID["patient"])
    resource["name"][0]["period"] = {"start": start, "end": end}
    assert (not defects(resource)) is fine


def test_every_type_of_r4_has_a_shape():
    """The table knows all 146 resource types, and an empty one of each is a defect and no exception."""
    assert len(resource_types()) == 146
    for kind in resource_types():
        assert defects({"resourceType": kind, "id": "x", "nonsense": 1})


@pytest.mark.skipif(not PACKAGE.exists(), reason="the R4 definitions are not at hand")
def test_the_table_is_what_the_definitions_say(tmp_path, monkeypatch):
    """The committed table is what its generator makes of the R4 definitions."""
    spec = importlib.util.spec_from_file_location("make_boundary", ROOT / "tools" / "make_boundary.py")
    tool = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "make_boundary", tool)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(tool, "TARGET", tmp_path / "table.json")
    tool.main(PACKAGE)
    assert (tmp_path / "table.json").read_text() == (ROOT / "adapters/boundary/table.json").read_text()


_DAYS = [
    f"{year}-{month:02}-{day:02}" for year in ("0000", "2024") for month in range(14) for day in range(33)
]
_CLOCKS = ("", "T10:00:00Z", "T24:00:00Z", "T10:00:60.5+14:00", "T10:00:00+14:30", "T10:00:00", "T10:00Z")
_TEXTS = ("", " ", "a", " a", "a b", "a  b", "a\n", "a\x00", "\u00e9", "a\t", "x" * 2000, "x" * 64, "x" * 65)


@pytest.mark.parametrize("name", sorted(QUICK))
def test_what_is_quickly_found_good_passes_the_test_of_its_type(name):
    """The short cut for usual texts lets nothing through that the type's own test refuses."""
    texts = [day + clock for day in (*_DAYS, "2024", "2024-02", "2024-13") for clock in _CLOCKS]
    good = [text for text in (*texts, *_TEXTS) if QUICK[name](text)]
    assert good and not [text for text in good if TESTS[name](text, {})]
