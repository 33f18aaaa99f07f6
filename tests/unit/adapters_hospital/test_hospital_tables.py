"""The concept maps of the hospital: as generated, and into the value sets that R4 demands."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = ROOT.parent / "shared" / "mapping-sources" / "v2-to-fhir"
TERMINOLOGY = ROOT / "adapters" / "terminology"

REQUIRED = {
    "v2_administrative_sex": "male female other unknown",
    "v2_address_type": "postal physical both",
    "v2_address_use": "home work temp old billing",
    "v2_allergy_category": "food medication environment biologic",
    "v2_allergy_severity": "mild moderate severe",
    "v2_allergy_type": "allergy intolerance",
    "v2_encounter_event": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "v2_encounter_status": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "v2_name_use": "usual official temp nickname anonymous old maiden",
    "v2_observation_status": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "v2_order_control": "draft active on-hold revoked completed entered-in-error unknown",
    "v2_order_status": "draft active on-hold revoked completed entered-in-error unknown",
    "v2_report_status": "registered partial preliminary final amended corrected appended cancelled entered-in-error",
    "v2_telecom_system": "phone fax email pager url sms other mobile",
    "v2_telecom_use": "home work temp old mobile",
}


def rows(name):
    with (TERMINOLOGY / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_targets_are_in_the_required_value_set(name):
    """No row of a map to a required binding leaves its value set (`mobile` is a use, handled as one)."""
    assert {row["target_code"] for row in rows(name)} - {""} <= set(REQUIRED[name].split())


def test_every_row_says_where_it_comes_from():
    """Relation and origin are on every row, and `none` has no target."""
    for path in TERMINOLOGY.glob("v2_*.csv"):
        for row in rows(path.stem) if path.stem != "v2_overrides" else ():
            assert row["origin"] and row["relation"] in ("equivalent", "wider", "narrower", "none")
            has_target = bool(row["target_code"] or row["target_system"])
            assert has_target != (row["relation"] == "none"), (path.stem, row["source_code"])


@pytest.mark.skipif(not GUIDE.exists(), reason="v2-to-FHIR guide not found at ../shared/mapping-sources")
def test_tables_are_as_generated():
    """Generated files are never edited by hand."""
    tool = ROOT / "tools" / "make_v2_tables.py"
    made = subprocess.run(
        [sys.executable, tool, GUIDE, "--check"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout
