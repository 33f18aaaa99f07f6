"""Writes adapters/terminology/cda_*.csv: the concept maps of C-CDA on FHIR, and this project's own rows.

    python tools/make_cda_tables.py FOLDER

FOLDER is the folder of mapping sources with `ccda-on-fhir/input/maps`. A row of `OWN` wins over the
guide's row of the same code; its reason stands in the column `origin`. Where the guide gives one code two
targets, its first stands. Never edit the tables themselves: change this file and run it again.
"""

import csv
import json
import sys
from pathlib import Path

from lxml import etree

TABLES = Path(__file__).parent.parent / "adapters" / "terminology"
HEADER = "source_system source_code target_system target_code target_display relation origin".split()
NS = {"f": "http://hl7.org/fhir"}
SCT = "http://snomed.info/sct"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActStatus"
RELATIONS = {
    "equivalent": "equivalent",
    "equal": "equivalent",
    "wider": "wider",
    "inexact": "wider",
    "narrower": "narrower",
    "unmatched": "none",
    "": "none",
}

MAPS = {
    "cda_address_use": "AddressUse",
    "cda_gender": "AdministrativeGender",
    "cda_allergy_category": "AllergyIntoleranceCategory",
    "cda_allergy_type": "AllergyIntoleranceType",
    "cda_allergy_status": "AllergyStatus",
    "cda_concern_status": "ConditionClinicalStatus",
    "cda_criticality": "Criticality",
    "cda_encounter_status": "EncounterStatus",
    "cda_immunization_status": "ImmunizationStatus",
    "cda_medication_intent": "MedActivityMood",
    "cda_medication_status": "MedicationStatus",
    "cda_name_use": "NameUse",
    "cda_no_known_allergy": "NoKnownAllergies",
    "cda_null_flavor": "NullFlavorDataAbsentReason",
    "cda_problem_category": "ProblemCategory",
    "cda_problem_status": "ProblemStatus",
    "cda_procedure_status": "ProcedureStatus",
    "cda_report_status": "ResultReportStatus",
    "cda_result_status": "ResultStatus",
    "cda_severity": "Severity",
    "cda_telecom_use": "TelecomUse",
}
MRI = "http://hl7.org/fhir/CodeSystem/medicationrequest-intent"
MED = "http://hl7.org/fhir/CodeSystem/medicationrequest-status"
OBS = "http://hl7.org/fhir/observation-status"
DRS = "http://hl7.org/fhir/diagnostic-report-status"
EVT = "http://hl7.org/fhir/event-status"
SEV = "http://hl7.org/fhir/reaction-event-severity"
USE = "http://terminology.hl7.org/CodeSystem/v3-EntityNameUse"
CAT = "http://terminology.hl7.org/CodeSystem/condition-category"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
DAR = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

REQ = "http://hl7.org/fhir/request-status"
INTENT = "http://hl7.org/fhir/request-intent"
PRIO = "http://hl7.org/fhir/request-priority"
MAS = "http://terminology.hl7.org/CodeSystem/medication-admin-status"
DUS = "http://hl7.org/fhir/device-statement-status"
FMH = "http://hl7.org/fhir/history-status"
MDS = "http://terminology.hl7.org/CodeSystem/medicationdispense-status"
LOINC = "http://loinc.org"
US_CORE = "own: the guide's target is a code system of US Core, not of R4"
MOOD = "http://terminology.hl7.org/CodeSystem/v3-ActMood"
URGENCY = "http://terminology.hl7.org/CodeSystem/v3-ActPriority"


def own(source: str, target: str, words: str, reason: str) -> list[tuple[str, str, str, str, str, str, str]]:
    """Rows of `code=target` pairs; the display of a target that is a plain word is that word."""
    pairs = (pair.partition("=") for pair in words.split())
    return [
        (source, code, target, to, to.replace("-", " ").title(), "wider", f"own: {reason}")
        for code, _, to in pairs
    ]


OWN: dict[str, list[tuple[str, str, str, str, str, str, str]]] = {
    "cda_administration_status": own(
        ACT,
        MAS,
        "completed=completed active=in-progress aborted=stopped cancelled=not-done held=on-hold "
        "suspended=on-hold nullified=entered-in-error obsolete=stopped",
        "v3 meaning; the guide has no medications administered",
    ),
    "cda_device_status": own(
        ACT,
        DUS,
        "completed=completed active=active aborted=stopped cancelled=stopped held=on-hold suspended=on-hold "
        "nullified=entered-in-error new=intended obsolete=stopped",
        "v3 meaning; the guide has no devices",
    ),
    "cda_dispense_status": own(
        ACT,
        MDS,
        "completed=completed active=in-progress aborted=stopped cancelled=cancelled held=on-hold "
        "suspended=on-hold nullified=entered-in-error obsolete=stopped",
        "v3 meaning; the guide has no dispenses",
    ),
    "cda_medication_course": own(
        SCT,
        MED,
        "55561003=active 421139008=on-hold 392521001=completed 73425007=stopped",
        "status observation of C32",
    ),
    "cda_family_status": own(
        ACT, FMH, "completed=completed active=partial nullified=entered-in-error", "v3 meaning; no guide"
    ),
    "cda_medication_intent": own(MOOD, MRI, "RQO=order PRP=proposal PRMS=plan", "v3 meaning"),
    "cda_request_status": own(
        ACT,
        REQ,
        "active=active completed=completed aborted=revoked cancelled=revoked held=on-hold suspended=on-hold "
        "new=draft nullified=entered-in-error obsolete=revoked",
        "v3 meaning; the guide has no plan",
    ),
    "cda_request_intent": own(
        MOOD, INTENT, "INT=plan PRMS=plan PRP=proposal RQO=order ARQ=order APT=plan", "v3 meaning of the mood"
    ),
    "cda_request_priority": own(
        URGENCY, PRIO, "R=routine EL=routine UR=urgent A=asap S=stat EM=stat", "v3 meaning"
    ),
    "cda_medication_status": own(ACT, MED, "cancelled=cancelled", "same word; the guide is silent")
    + own(ACT, MED, "held=on-hold", "as suspended")
    + own(ACT, MED, "new=draft", "as the guide's table for immunisation requests")
    + own(ACT, MED, "obsolete=stopped", "replaced by a newer act, so not taken"),
    "cda_result_status": own(ACT, OBS, "nullified=entered-in-error new=registered", "v3 meaning"),
    "cda_report_status": own(ACT, DRS, "nullified=entered-in-error new=registered", "v3 meaning"),
    "cda_procedure_status": own(
        ACT, EVT, "nullified=entered-in-error new=preparation held=on-hold suspended=on-hold", "v3 meaning"
    ),
    "cda_immunization_status": [(ACT, "active", "", "", "", "none", "own: given or not cannot be told")],
    "cda_severity": [
        (SCT, "371923003", SEV, "moderate", "Moderate", "wider", "own: mild to moderate, the higher of two"),
        (SCT, "371924009", SEV, "severe", "Severe", "wider", "own: moderate to severe, the higher of two"),
        (SCT, "399166001", SEV, "severe", "Severe", "wider", "own: fatal has no target of its own"),
    ],
    "cda_name_use": [
        (USE, "P", "http://hl7.org/fhir/name-use", "anonymous", "Anonymous", "wider", "own: pseudonym"),
    ],
    "cda_problem_category": [
        (LOINC, code, CAT, target, display, "equivalent", "own: the section says which list")
        for code, target, display in (
            ("11348-0", "problem-list-item", "Problem List Item"),
            ("46241-6", "encounter-diagnosis", "Encounter Diagnosis"),
            ("11535-2", "encounter-diagnosis", "Encounter Diagnosis"),
            ("29308-4", "encounter-diagnosis", "Encounter Diagnosis"),
        )
    ]
    + [(LOINC, "75310-3", LOINC, "75310-3", "Health concerns Document", "equivalent", US_CORE)],
    "cda_no_known_allergy": [
        (SCT, code, SCT, target, display, "wider", "own: section 4 of the mapping rules, by type")
        for code, target, display in (
            ("418038007", "716186003", "No known allergy"),
            ("420134006", "716186003", "No known allergy"),
            ("419511003", "409137002", "No known drug allergy"),
            ("59037007", "409137002", "No known drug allergy"),
            ("418471000", "429625007", "No known food allergy"),
            ("235719002", "429625007", "No known food allergy"),
        )
    ],
    "cda_no_known_substance": [
        (SCT, code, SCT, target, display, relation, "guide: CCDA-FHIR Terms, CF_AllergyIntoleranceAbsentCode")
        for code, target, display, relation in (
            ("1003752001", "1003774007", "No known Hevea brasiliensis latex allergy", "equivalent"),
            ("410942007", "409137002", "No known drug allergy", "equivalent"),
            ("426232007", "428607008", "No known environmental allergy", "wider"),
            ("762766007", "429625007", "No known food allergy", "equivalent"),
            ("260769002", "716186003", "No known allergy", "wider"),
        )
    ],
    "cda_null_flavor": [
        (NULL, "INV", DAR, "unsupported", "Unsupported", "wider", "own: as OTH"),
        (NULL, "DER", DAR, "unknown", "Unknown", "wider", "own: derivable, not derived"),
        (NULL, "UNC", DAR, "as-text", "As Text", "wider", "own: un-encoded"),
        (NULL, "QS", DAR, "unknown", "Unknown", "wider", "own: a quantity nobody counted"),
    ],
}

Row = tuple[str, str, str, str, str, str, str]


def value(node: etree._Element | None, name: str) -> str:
    found = node.find(f"f:{name}", NS) if node is not None else None
    return (found.get("value") or "").strip() if found is not None else ""


def rows_from_guide(path: Path) -> list[Row]:
    """Rows of one ConceptMap resource; the version after `|` is no part of a system."""
    rows: dict[tuple[str, str], Row] = {}
    if not path.exists():
        return rows_from_json(path.with_suffix(".json"))
    for group in etree.parse(path).iterfind(".//f:group", NS):
        source, target_system = (value(group, k).partition("|")[0] for k in ("source", "target"))
        for number, element in enumerate(group.iterfind("f:element", NS), 1):
            target = element.find("f:target", NS)
            code, to = value(element, "code"), value(target, "code")
            if not code or (source, code) in rows:
                continue
            relation = RELATIONS[value(target, "equivalence")] if to else "none"
            system = target_system if to else ""
            display = value(target, "display") if to else ""
            rows[source, code] = (source, code, system, to, display, relation, f"{path.name}#{number}")
    return list(rows.values())


def rows_from_json(path: Path) -> list[Row]:
    """The same for the guide's maps that are JSON."""
    rows: list[Row] = []
    for group in json.loads(path.read_text("utf-8"))["group"]:
        source = group["source"].partition("|")[0]
        for number, element in enumerate(group["element"], 1):
            to = element["target"][0]
            relation = RELATIONS[to["equivalence"]]
            target = (group["target"].partition("|")[0], to["code"], to.get("display", ""))
            rows.append((source, element["code"], *target, relation, f"{path.name}#{number}"))
    return rows


def write(name: str, rows: list[Row]) -> None:
    with (TABLES / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(sorted(rows))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: make_cda_tables.py FOLDER")
    maps = Path(sys.argv[1]) / "ccda-on-fhir" / "input" / "maps"
    for name in sorted(set(MAPS) | set(OWN)):
        guide = rows_from_guide(maps / f"ConceptMap-CF-{MAPS[name]}.xml") if name in MAPS else []
        merged = {row[:2]: row for row in guide} | {row[:2]: row for row in OWN.get(name, [])}
        write(name, list(merged.values()))


if __name__ == "__main__":
    main()
