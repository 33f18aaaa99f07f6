"""An operator's own map of a source's codes: what it may say, what it may not, and what comes of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.interface import Original, Source
from adapters.registry import normaliser
from adapters.terminology.overlay import OverlayRefused, overlaid, overlay_from_bytes
from adapters.terminology.tables import HEADER, concept_map, table_names

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
LOCAL = "urn:carepact:source:st-brides.example:adt:99LAB"
GOOD = f"99LAB,K,{LOINC},2823-3,Potassium,equivalent,laboratory lead 2026-02"


def overlay(*rows):
    data = "\n".join((",".join(HEADER), *rows)).encode()
    return overlay_from_bytes(data, custodian="st-brides.example", source="adt")


def test_a_namespace_is_the_sources_own():
    """A system without colon, its full URN, and a URI of nobody known are systems of the source."""
    found = overlay(
        GOOD,
        f"{LOCAL},NA,{LOINC},2951-2,Sodium,equivalent,lead",
        f"https://st-brides.example/codes,7,{SNOMED},22298006,,wider,lead",
        "urn:oid:1.2.3.4,9,,,,none,no counterpart",
    )
    assert found.rows[LOCAL, "K"].code == "2823-3" and found.rows[LOCAL, "NA"].code == "2951-2"
    assert {key[0] for key in found.rows} == {LOCAL, "https://st-brides.example/codes", "urn:oid:1.2.3.4"}


@pytest.mark.parametrize(
    "system",
    [
        "",
        "LN",
        "sct",
        "HL70078",
        "I10",
        LOINC,
        SNOMED,
        "urn:oid:2.16.840.1.113883.6.1",
        "http://terminology.hl7.org/CodeSystem/v2-0078",
        "http://hl7.org/fhir/observation-status",
        "https://fhir.nhs.uk/Id/nhs-number",
        "urn:carepact:source:st-brides.example:other:99LAB",
        "urn:carepact:source:oak.example:adt:99LAB",
        "urn:carepact:source:st-brides.example:adt:",
        "urn:carepact:conflict",
        "not a uri:",
    ],
)
def test_codes_of_a_known_or_foreign_system_are_not_to_be_mapped(system):
    """What LOINC means is not this hospital's to say, nor what another source means."""
    with pytest.raises(OverlayRefused, match="line 2: source_system"):
        overlay(f'"{system}",K,{LOINC},2823-3,,equivalent,lead')


def test_no_target_of_a_status_confidentiality_or_negation_map_is_accepted():
    """Not one target that our own tables of those kinds have."""
    tried = 0
    for name in table_names():
        if not any(word in name for word in ("status", "confidentiality", "null_flavor", "no_known")):
            continue
        for target in concept_map(name).values():
            if target.system and target.code:
                tried += 1
                with pytest.raises(OverlayRefused, match="line 2: .*(absence|absent)"):
                    overlay(f"99LAB,K,{target.system},{target.code},,equivalent,lead")
    assert tried > 100


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("99LAB,K", "columns"),
        (GOOD + ",more", "columns"),
        (f"99LAB,,{LOINC},2823-3,,equivalent,lead", "source_code"),
        (f"99LAB,K,{LOINC},2823-3,,equivalent,", "origin"),
        (f"99LAB,K,{LOINC},2823-3,,same,lead", "relation"),
        (f"99LAB,K,{LOINC},2823-3,,none,lead", "relation"),
        ("99LAB,K,,,,equivalent,lead", "relation"),
        (f"99LAB,K,{LOINC},,,equivalent,lead", "relation"),
        ("99LAB,K,,2823-3,,equivalent,lead", "relation"),
        ("99LAB,K,LN,2823-3,,equivalent,lead", "target_system"),
    ],
)
def test_a_bad_row_refuses_the_file_with_its_line(row, reason):
    """Nothing is half loaded; the text holds no value of the file."""
    with pytest.raises(OverlayRefused, match=f"line 3: .*{reason}") as refused:
        overlay(GOOD, row.replace("99LAB,K", "99LAB,Zq7canary") if row.count(",") == 6 else row)
    assert "Zq7canary" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"a,b\n", b'source_system,"x'])
def test_what_is_no_table_is_refused(data):
    """Wrong header, wrong encoding, nothing."""
    with pytest.raises(OverlayRefused):
        overlay_from_bytes(data, custodian="c", source="s")


def test_a_code_is_mapped_once():
    """Two rows for one code, also under its two spellings, would make the order of rows matter."""
    with pytest.raises(OverlayRefused, match="before"):
        overlay(GOOD, f"{LOCAL},K,{LOINC},2951-2,,equivalent,lead")


def test_targets_stand_beside_the_sources_own_coding():
    """The local coding stays first, the target follows once, everything else is as it was."""
    mine = {"system": LOCAL, "code": "K", "display": "Kalium"}
    resource = {
        "resourceType": "Observation",
        "meta": {"security": [{"system": LOCAL, "code": "K"}]},
        "status": "final",
        "code": {"coding": [mine], "text": "Kalium"},
        "category": [{"coding": [{"system": "http://x.example", "code": "K"}]}],
        "component": [{"code": {"coding": [mine, {"system": LOINC, "code": "2823-3"}]}}],
        "dataAbsentReason": {"coding": [mine]},
        "valueQuantity": {"value": Decimal("5.10")},
    }
    before = json.dumps(resource, default=str)
    made = overlaid(resource, overlay(GOOD))
    assert json.dumps(resource, default=str) == before
    target = {"system": LOINC, "code": "2823-3", "display": "Potassium"}
    assert made == resource | {"code": {"coding": [mine, target], "text": "Kalium"}}


MESSAGE = (
    b"MSH|^~\\&|LAB|RXX|GW|RXX|202601021000||ORU^R01^ORU_R01|R-1|P|2.5\r"
    b"PID|1||9990000018^^^NHS||Okafor^Adaeze||19800517|F\r"
    b"OBR|1||F1^LAB|BIO^Biochemistry^99LAB|||202601030900||||||||||||||||||F\r"
    b"OBX|1|NM|K^Kalium^99LAB||5.10|mmol/L|||||F|||202601030900\r"
)


def normalised(codes):
    source = Source("adt", "hospital", "st-brides.example", b"k" * 32, zone="Europe/London")
    original = Original(MESSAGE, "application/hl7-v2", intake="in-1")
    return normaliser("hospital").normalise(original, replace(source, codes=codes), AT)


def test_a_feed_with_an_overlay_yields_both_codes_and_says_so():
    """The Observation has the standard code; mapping and Provenance name the overlay; ids and ledger stay."""
    plain, mapped = normalised(None), normalised(overlay(GOOD))
    by_type = {one["resourceType"]: one for one in mapped.resources}
    codes = [(c["system"], c["code"]) for c in by_type["Observation"]["code"]["coding"]]
    assert codes == [(LOCAL, "K"), (LOINC, "2823-3")]
    assert mapped.mapping == f"{plain.mapping}+{overlay(GOOD).hash}"
    assert mapped.provenance["policy"] == [f"urn:carepact:mapping:{mapped.mapping}"]
    assert plain.provenance["policy"] == [f"urn:carepact:mapping:{plain.mapping}"]
    assert [one["id"] for one in plain.resources] == [one["id"] for one in mapped.resources]
    assert mapped.losses == plain.losses


def test_another_file_is_another_mapping():
    """The hash follows every byte, so that Provenance tells which file it was."""
    assert overlay(GOOD).hash != overlay(GOOD + " again").hash
