"""The concept maps of the hospital: as generated, and into the value sets that R4 demands."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.hospital.messages.routes import ROUTES
from adapters.losses import REASONS

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


def test_every_field_of_every_mapped_segment_has_a_fate():
    """No gap in the numbers, no fate that the ledger does not know, no segment that a route maps and nobody lists."""
    listed = rows("hl7_fields")
    reasons = REASONS["not-mapped"] | {"mapped"}
    assert {row["fate"] for row in listed} <= reasons and {row["otherwise"] for row in listed} <= reasons | {
        ""
    }
    numbers = {}
    for row in listed:
        numbers.setdefault(row["segment"], []).append(int(row["field"]))
    assert numbers.pop("MSH") == list(range(3, 29))
    for segment, fields in numbers.items():
        assert fields == list(range(1, len(fields) + 1)), segment
    routed = frozenset().union(*(route.segments for route in ROUTES.values()))
    assert routed <= set(numbers)


def test_what_the_guide_maps_is_mapped_or_has_a_reason_of_its_own():
    """A field that carries a value into a resource is never `structural`."""
    by_hand = {(row["segment"], row["field"]): row["fate"] for row in rows("hl7_fields")}
    for field in (
        ("PID", "3"),
        ("OBX", "5"),
        ("RXA", "5"),
        ("TXA", "12"),
        ("PRB", "3"),
        ("SCH", "2"),
        ("IAM", "3"),
    ):
        assert by_hand[field] == "mapped"
