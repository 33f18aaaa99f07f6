"""Terminology tables: one URI for a system however it is named, frozen, hashed, true to their sources."""

import csv
import importlib.util
from pathlib import Path

import pytest

from adapters.terminology import tables
from adapters.terminology.tables import concept_map, mapping_hash, system_from_name, system_from_oid

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "adapters" / "terminology"
SOURCES = ROOT.parent / "shared" / "mapping-sources"
HEADER = "source_system,source_code,target_system,target_code,target_display,relation,origin"


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("oid", "uri"),
    [
        ("2.16.840.1.113883.6.96", "http://snomed.info/sct"),
        ("2.16.840.1.113883.6.1", "http://loinc.org"),
        ("2.16.840.1.113883.2.1.4.1", "https://fhir.nhs.uk/Id/nhs-number"),
        ("2.16.840.1.113883.12.1", "http://terminology.hl7.org/CodeSystem/v2-0001"),
        ("2.16.840.1.113883.12.999", "http://terminology.hl7.org/CodeSystem/v2-0999"),
        ("2.16.840.1.113883.12.292", "http://hl7.org/fhir/sid/cvx"),
        ("2.16.840.1.113883.6.59", "http://hl7.org/fhir/sid/cvx"),
        ("1.2.3.4", "urn:oid:1.2.3.4"),
    ],
)
def test_a_known_oid_is_its_uri(oid, uri):
    """Known systems never stay OIDs; v2 tables by number, but CVX and MVX; the unknown as urn:oid."""
    assert system_from_oid(oid) == uri


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("LN", "http://loinc.org"),
        (" sct ", "http://snomed.info/sct"),
        ("I10", "http://hl7.org/fhir/sid/icd-10"),
        ("I9C", "http://hl7.org/fhir/sid/icd-9-cm"),
        ("RXNORM", "http://www.nlm.nih.gov/research/umls/rxnorm"),
        ("HL70001", "http://terminology.hl7.org/CodeSystem/v2-0001"),
        ("HL70485", "http://terminology.hl7.org/CodeSystem/v2-0485"),
        ("hl70292", "http://hl7.org/fhir/sid/cvx"),
        ("99ZZZ", None),
        ("L", None),
        ("", None),
        ("HL7", None),
    ],
)
def test_a_name_of_table_0396_is_its_uri(name, uri):
    """Names in any case; local ones (L, 99zzz) are nobody's."""
    assert system_from_name(name) == uri


def test_old_snomed_is_not_snomed_ct():
    """SNM names other codes than SCT: sharing a URI would make T-28000 a SNOMED CT code."""
    assert system_from_name("SNM") != system_from_name("SCT")


@pytest.mark.parametrize("column", ["oid", "name"])
def test_no_oid_and_no_name_has_two_meanings(column):
    """Each OID and each name occurs once, so that the order of rows cannot matter."""
    found = [r[column].upper() for r in rows(FOLDER / "systems.csv") if r[column]]
    assert len(found) == len(set(found)) > 60


def test_concept_maps_are_well_formed():
    """Every map: the agreed header, sorted, one target for a code, relation none exactly without one."""
    maps = [p for p in FOLDER.glob("*.csv") if p.read_text("utf-8").startswith(HEADER)]
    assert len(maps) >= 20
    for path in maps:
        found = rows(path)
        keys = [(r["source_system"], r["source_code"]) for r in found]
        assert len(keys) == len(set(keys)), path.name
        for row in found:
            assert row["relation"] in {"equivalent", "wider", "narrower", "none"}, path.name
            target = row["target_code"] or row["target_system"]
            assert (row["relation"] == "none") == (not target), (path.name, row)
            assert row["origin"], path.name


def test_a_map_is_looked_up_and_cannot_be_changed():
    """(system, code) to a concept with its coding; the map is read-only."""
    severity = concept_map("cda_severity")
    assert severity["http://snomed.info/sct", "24484000"].coding() == {
        "system": "http://hl7.org/fhir/reaction-event-severity",
        "code": "severe",
        "display": "Severe",
    }
    assert ("http://snomed.info/sct", "1") not in severity
    with pytest.raises(TypeError):
        severity["a", "b"] = None


def test_the_hash_names_the_tables(tmp_path, monkeypatch):
    """Eight hex digits, equal for equal tables; another byte in a table is another hash."""
    before = mapping_hash("systems", "cda_severity")
    assert len(before) == 8 and int(before, 16) >= 0
    assert before == mapping_hash("systems", "cda_severity") != mapping_hash("systems")
    for name in ("systems", "cda_severity"):
        (tmp_path / f"{name}.csv").write_bytes((FOLDER / f"{name}.csv").read_bytes())
    with (tmp_path / "cda_severity.csv").open("a") as file:
        file.write("x,1,,,,none,test\n")
    monkeypatch.setattr(tables.resources, "files", lambda _: tmp_path)
    tables.mapping_hash.cache_clear()
    assert mapping_hash("systems", "cda_severity") != before
    tables.mapping_hash.cache_clear()


@pytest.mark.parametrize("name", ["make_systems_table", "make_cda_tables"])
def test_the_generator_gives_what_is_committed(name, tmp_path, monkeypatch):
    """Generated files are never edited by hand: running the tool again changes nothing."""
    if not SOURCES.exists():
        pytest.skip("mapping sources not found at ../shared/mapping-sources")
    made = tool(name)
    if name == "make_systems_table":
        monkeypatch.setattr(made, "TARGET", tmp_path / "systems.csv")
    else:
        monkeypatch.setattr(made, "TABLES", tmp_path)
    monkeypatch.setattr(made.sys, "argv", [name, str(SOURCES)])
    made.main()
    written = list(tmp_path.glob("*.csv"))
    assert written
    for path in written:
        assert path.read_bytes() == (FOLDER / path.name).read_bytes(), path.name
