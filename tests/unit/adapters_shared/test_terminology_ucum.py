"""Units: what is UCUM, what means exactly one of its codes, and what only looks like one."""

import csv
import importlib.util
import json
import tarfile
from pathlib import Path

import pytest

from adapters.terminology.ucum import is_ucum, ucum_code

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT.parent / "shared" / "fhir-packages" / "hl7.fhir.r4.core-4.0.1.tgz"
VALUE_SET = "package/ValueSet-ucum-common.json"


@pytest.mark.parametrize(
    "code",
    "mg 10*9/L mm[Hg] /min m2 m-2 mg/(kg.h) mL/min/{1.73_m2} {tbl} g.m/{beat} mg/24.h 1 [in_i'Hg] daL".split(),
)
def test_codes_of_ucum_are_codes(code):
    """Atoms, prefixes, exponents, groups, annotations and factors of the grammar."""
    assert is_ucum(code) and ucum_code(code) == code


@pytest.mark.parametrize(
    "code", ["", "tablet", "mg//L", "(m", "m)", "(m)2", "m{a}2", "[degF", "two words", "\0"]
)
def test_anything_else_is_none(code):
    """Neither a word nor a broken expression is a code."""
    assert ucum_code(code) == ""


@pytest.mark.parametrize("spelled", ["MG", "ML", "G", "C", "H", "EA", "ft", "pt", "Mmol", "u"])
def test_what_is_valid_and_means_something_else_is_no_code(spelled):
    """Megagauss, megalitre, exaampere, picotonne: valid, and in a record a slip for another unit."""
    assert ucum_code(spelled) == ""


@pytest.mark.parametrize(
    ("spelled", "code"),
    [
        ("K/uL", "10*3/uL"),
        ("IU/mL", "[IU]/mL"),
        ("mcg", "ug"),
        ("milliGRAM(s)", "mg"),
        ("Grams", "g"),
        ("10+3/ul", "10*3/ul"),
        ("kg/m²", "kg/m2"),
        ("mg per day", "mg/d"),
        ("µg/L", "ug/L"),
    ],
)
def test_exact_synonyms_have_a_code(spelled, code):
    """By table, by powers of ten, by English names of units."""
    assert ucum_code(spelled) == code


def test_every_synonym_leads_to_a_code():
    """A rule that yields no UCUM would be a wrong code."""
    from adapters.terminology import ucum

    assert all(is_ucum(code) for code in (*ucum._WORDS.values(), *ucum._NAMES.values()))


@pytest.mark.corpus
@pytest.mark.skipif(not PACKAGE.exists(), reason="../shared/fhir-packages not found: 1 test skipped")
def test_the_table_is_what_its_tool_writes_and_reads_the_value_set_of_r4(tmp_path, monkeypatch):
    """Regenerated it is the same; of 1364 codes in use only doubtful ones and those with blanks are refused."""
    with tarfile.open(PACKAGE) as package:
        source = package.extractfile(VALUE_SET).read()
    spec = importlib.util.spec_from_file_location("make_ucum_table", ROOT / "tools" / "make_ucum_table.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    (tmp_path / "codes.json").write_bytes(source)
    monkeypatch.setattr(tool, "TABLE", tmp_path / "units.csv")
    monkeypatch.setattr(tool.sys, "argv", ["tool", str(tmp_path / "codes.json")])
    tool.main()
    held = ROOT / "adapters" / "terminology" / "ucum_units.csv"
    assert (tmp_path / "units.csv").read_bytes() == held.read_bytes()
    codes = [one["code"] for part in json.loads(source)["compose"]["include"] for one in part["concept"]]
    with held.open(encoding="utf-8", newline="") as file:
        doubtful = {row["code"] for row in csv.DictReader(file) if row["doubt"]}
    refused = {code for code in codes if not is_ucum(code) and " " not in code}
    assert refused - doubtful <= {"K/W", "Ms"}
