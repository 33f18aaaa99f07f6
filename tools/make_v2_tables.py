"""Generate adapters/terminology/v2_*.csv from the concept maps of the HL7 v2-to-FHIR guide.

    python tools/make_v2_tables.py FOLDER_OF_THE_GUIDE [--check]

FOLDER is the guide's folder with `mappings/codesystems/*.csv`. `v2_units.csv`, `v2_coding_systems.csv` and
`v2_overrides.csv` are written by hand. Corrections are rows of
`v2_overrides.csv` with a reason each; generated files are never edited by hand. `--check` compares.
"""

import csv
import io
import sys
from pathlib import Path

TERMINOLOGY = Path(__file__).parent.parent / "adapters" / "terminology"
HEADER = "source_system,source_code,target_system,target_code,target_display,relation,origin".split(",")
MAPS = {
    "v2_address_type": "AddressType[Type]",
    "v2_address_use": "AddressType[Use]",
    "v2_administrative_sex": "AdministrativeSex",
    "v2_allergy_category": "AllergenType[AllergyIntoleranceCategory]",
    "v2_allergy_severity": "AllergySeverity[AllergyIntolerance.reaction.severity]",
    "v2_allergy_status": "",
    "v2_allergy_type": "AllergyType",
    "v2_appointment_status": "FillerStatusCodes[Appointment]",
    "v2_completion_status": "CompletionStatus",
    "v2_confidentiality": "ConfidentialityCode",
    "v2_contact_role": "ContactRole",
    "v2_diagnosis_type": "DiagnosisType",
    "v2_document_availability": "",
    "v2_document_completion": "",
    "v2_encounter_class": "PatientClass[EncounterClass]",
    "v2_encounter_event": "Event[EncounterStatus]",
    "v2_encounter_priority": "EncounterPriority",
    "v2_encounter_status": "PatientClass[EncounterStatus]",
    "v2_interpretation": "InterpretationCodes",
    "v2_marital_status": "MaritalStatus",
    "v2_name_use": "NameType",
    "v2_observation_status": "ObservationResultStatusCodesInterpretation",
    "v2_order_control": "OrderControlCode[ServiceRequest.status]",
    "v2_order_status": "OrderStatus",
    "v2_relationship": "Relationship",
    "v2_report_status": "ResultStatus[Non-Queries]",
    "v2_telecom_system": "TelecommunicationEquipmentType",
    "v2_telecom_use": "TelecommunicationUseCode",
}


def rows_from_guide(folder: Path, name: str) -> dict[str, list[str]]:
    """Source code to row; the first row of a code counts. No name: the guide has no such map, only we do."""
    if not name:
        return {}
    path = folder / "mappings" / "codesystems" / f"HL7 Concept Map_ {name} - Sheet1.csv"
    rows: dict[str, list[str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            cells = [cell.strip() for cell in row] + [""] * 12
            code, target = cells[0], cells[6]
            display = next((c for c in (cells[8], cells[7]) if c and not c.startswith("http")), "")
            system = next((c for c in cells[7:11] if c.startswith("http")), "")
            if number <= 2 or not code or code in rows:
                continue
            if not system or " " in target or len(target) > 40:
                target = system = display = ""
            relation = "equivalent" if target else "none"
            rows[code] = ["", code, system, target, display, relation, f"v2-to-fhir {name} row {number}"]
    return rows


def apply_overrides(name: str, rows: dict[str, list[str]]) -> None:
    with (TERMINOLOGY / "v2_overrides.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["map"] == name:
                rows[row["source_code"]] = [
                    "",
                    row["source_code"],
                    row["target_system"],
                    row["target_code"],
                    row["target_display"],
                    row["relation"],
                    f"override: {row['reason']}",
                ]


def table(folder: Path, name: str) -> str:
    rows = rows_from_guide(folder, MAPS[name])
    apply_overrides(name, rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows[code] for code in sorted(rows))
    return out.getvalue()


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0])
    stale = []
    for name in MAPS:
        path, text = TERMINOLOGY / f"{name}.csv", table(folder, name)
        if "--check" in arguments and path.read_text("utf-8") != text:
            stale.append(name)
        elif "--check" not in arguments:
            path.write_text(text, "utf-8", newline="\n")
    print("stale: " + " ".join(stale) if stale else f"{len(MAPS)} tables are as generated")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
