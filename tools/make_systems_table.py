"""Writes adapters/terminology/systems.csv: code systems and identifier systems by URI, OID and name.

    python tools/make_systems_table.py FOLDER

FOLDER is the folder of mapping sources with `oid-uri.csv` (OID to URI) and
`v2-to-fhir/mappings/v2-to-FHIR Map Inventory - Code System.csv` (tables of HL7 v2 that the guide names).
The names of HL7 v2 table 0396 and the systems that neither file has stand below, by hand, from the
published registries. Never edit the table itself: change this file and run it again.
"""

import csv
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "adapters" / "terminology" / "systems.csv"
INVENTORY = "v2-to-fhir/mappings/v2-to-FHIR Map Inventory - Code System.csv"
V2_ROOT = "2.16.840.1.113883.12"
THO = "http://terminology.hl7.org/CodeSystem/"

Row = tuple[str, str, str, str, str]
"""name, uri, oid, v2_table, kind"""

NAMES = {
    # Table 0396 proper, then the spellings that senders use instead of it.
    "LN": "http://loinc.org",
    "LOINC": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "SCT2": "http://snomed.info/sct",
    "SNOMED": "http://snomed.info/sct",
    "SNOMED-CT": "http://snomed.info/sct",
    "SNOMED CT": "http://snomed.info/sct",
    "SNOMEDCT": "http://snomed.info/sct",
    # SNOMED before CT ("T-28000"): its codes are not SNOMED CT's, so it must not share the URI.
    "SNM": "urn:oid:2.16.840.1.113883.6.5",
    "SNM3": "urn:oid:2.16.840.1.113883.6.51",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
    "ICD-10": "http://hl7.org/fhir/sid/icd-10",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10P": "http://www.cms.gov/Medicare/Coding/ICD10",
    "ICD10PCS": "http://www.cms.gov/Medicare/Coding/ICD10",
    "I9": "http://hl7.org/fhir/sid/icd-9",
    "ICD9": "http://hl7.org/fhir/sid/icd-9",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9CDX": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9CP": "http://hl7.org/fhir/sid/icd-9-cm",
    "ICD9CM": "http://hl7.org/fhir/sid/icd-9-cm",
    "ICD-9-CM": "http://hl7.org/fhir/sid/icd-9-cm",
    "UCUM": "http://unitsofmeasure.org",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "MVX": "http://hl7.org/fhir/sid/mvx",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "C4": "http://www.ama-assn.org/go/cpt",
    "C5": "http://www.ama-assn.org/go/cpt",
    "CPT": "http://www.ama-assn.org/go/cpt",
    "CPT4": "http://www.ama-assn.org/go/cpt",
    "CDT2": "http://www.ada.org/cdt",
    "CD2": "http://www.ada.org/cdt",
    "HPC": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "HCPCS": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "UNII": "http://fdasis.nlm.nih.gov",
    "WC": "http://www.whocc.no/atc",
    "NCIT": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "NDFRT": "http://hl7.org/fhir/ndfrt",
    "MEDR": "https://www.meddra.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "NUCC": "http://nucc.org/provider-taxonomy",
    "RC": "http://read.info/readv2",
    "READ": "http://read.info/readv2",
    "CTV3": "http://read.info/ctv3",
    "CDCREC": "urn:oid:2.16.840.1.113883.6.238",
    "ISO3166_1": "urn:iso:std:iso:3166",
    "DMD": "https://dmd.nhs.uk",
    # Two v2 tables whose content is published elsewhere, by name as by OID.
    "HL70292": "http://hl7.org/fhir/sid/cvx",
    "HL70227": "http://hl7.org/fhir/sid/mvx",
}

CHECKS: dict[str, tuple[str, str, str]] = {
    # Identifiers of persons whose number proves itself: OID, pattern, name of the check in identity.py
    # (`cc.name`: that module of python-stdnum). Denmark's CPR gave up its check digit in 2007.
    "https://fhir.nhs.uk/Id/nhs-number": ("2.16.840.1.113883.2.1.4.1", "[0-9]{10}", "mod11"),
    "https://phs.scot/id/chi-number": ("2.16.840.1.113883.2.1.3.2.4.16.53", "[0-9]{10}", "mod11"),
    "https://hscni.net/id/hsc-number": ("2.16.840.1.113883.2.1.3.2.4.18.23", "[0-9]{10}", "mod11"),
    "https://standards.digital.health.nz/ns/nhi-id": (
        "2.16.840.1.113883.2.18.2",
        "[A-HJ-NP-Z]{3}([0-9]{4}|[0-9]{2}[A-HJ-NP-Z]{2})",
        "nhi",
    ),
    "http://ns.electronichealth.net.au/id/hi/ihi/1.0": ("1.2.36.1.2001.1003.0", "800360[0-9]{10}", "luhn"),
    "http://fhir.nl/fhir/NamingSystem/bsn": ("2.16.840.1.113883.2.4.6.3", "[0-9]{9}", "nl.bsn"),
    "http://electronichealth.se/identifier/personnummer": (
        "1.2.752.129.2.1.3.1",
        "(18|19|20)[0-9]{10}",
        "swedish",
    ),
    "http://fhir.health.gov.il/identifier/il-national-id": ("", "[0-9]{9}", "il.idnr"),
    "http://hl7.it/sid/codiceFiscale": ("2.16.840.1.113883.2.9.4.3.2", "[A-Z0-9]{16}", "it.codicefiscale"),
    "http://rnds.saude.gov.br/fhir/r4/NamingSystem/cpf": ("2.16.840.1.113883.13.237", "[0-9]{11}", "br.cpf"),
    "https://fhir.infoway-inforoute.ca/NamingSystem/ca-bc-patient-healthcare-id": (
        "2.16.840.1.113883.4.50",
        "[0-9]{10}",
        "ca.bc_phn",
    ),
    "https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/ssin": ("", "[0-9]{11}", "belgian"),
    "urn:oid:1.2.246.21": ("1.2.246.21", "[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]", "fi.hetu"),
    "urn:oid:1.2.250.1.213.1.4.8": ("1.2.250.1.213.1.4.8", "[0-9]{6}[0-9AB]{2}[0-9]{7}", "fr.nir"),
    "urn:oid:1.2.40.0.10.1.4.3.1": ("1.2.40.0.10.1.4.3.1", "[0-9]{10}", "at.vnr"),
    "urn:oid:2.16.578.1.12.4.1.4.1": ("2.16.578.1.12.4.1.4.1", "[0-9]{11}", "norwegian"),
    "urn:oid:2.16.756.5.32": ("2.16.756.5.32", "756[0-9]{10}", "ch.ssn"),
    "urn:oid:2.16.840.1.113883.3.4424.1.1.616": (
        "2.16.840.1.113883.3.4424.1.1.616",
        "[0-9]{11}",
        "pl.pesel",
    ),
}

MORE: tuple[Row, ...] = (
    # OIDs in use that the registry file lacks; second OIDs of one system are rows of their own.
    ("", "http://hl7.org/fhir/sid/cvx", "2.16.840.1.113883.6.59", "", "code-system"),
    ("", "http://hl7.org/fhir/sid/icd-9", "2.16.840.1.113883.6.42", "", "code-system"),
    (
        "",
        "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "2.16.840.1.113883.6.285",
        "",
        "code-system",
    ),
    ("", "https://www.meddra.org", "2.16.840.1.113883.6.163", "", "code-system"),
    ("", "urn:ietf:bcp:47", "2.16.840.1.113883.6.121", "", "code-system"),
    ("", "http://read.info/readv2", "2.16.840.1.113883.2.1.6.2", "", "code-system"),
    ("", "http://read.info/ctv3", "2.16.840.1.113883.2.1.3.2.4.14", "", "code-system"),
    ("", "http://snomed.info/sct", "2.16.840.1.113883.2.1.3.2.4.15", "", "code-system"),
    (
        "",
        "https://www.cdc.gov/nhsn/cdaportal/terminology/codesystem/hsloc.html",
        "2.16.840.1.113883.6.259",
        "",
        "code-system",
    ),
)


def rows_from_registry(folder: Path) -> list[Row]:
    """OID rows; systems of HL7 v3 are named by the last step of their URI, for the reader's eye."""
    with (folder / "oid-uri.csv").open(encoding="utf-8", newline="") as file:
        return [
            (
                row["uri"].removeprefix(THO) if row["uri"].startswith(THO + "v3-") else "",
                row["uri"],
                row["oid"],
                v2_table_from_oid(row["oid"]),
                row["kind"],
            )
            for row in csv.DictReader(file)
        ]


def v2_table_from_oid(oid: str) -> str:
    """Four digits of an HL7 v2 table's OID, else empty."""
    root, _, number = oid.rpartition(".")
    return f"{int(number):04d}" if root == V2_ROOT else ""


def rows_from_inventory(folder: Path) -> list[Row]:
    """One row for each HL7 v2 table that the v2-to-FHIR guide maps."""
    with (folder / INVENTORY).open(encoding="utf-8", newline="") as file:
        names = {row["v2 Table"].strip() for row in csv.DictReader(file)}
    tables = {name[3:] for name in names if name.startswith("HL7") and name[3:].isdigit()}
    return [
        (f"HL7{table}", f"{THO}v2-{table}", f"{V2_ROOT}.{int(table)}", table, "code-system")
        for table in sorted(tables)
    ]


def systems(folder: Path) -> list[Row]:
    """All rows, sorted; an OID of the registry wins over the same OID of the inventory (CVX, MVX)."""
    registry = rows_from_registry(folder)
    taken = {row[2] for row in registry}
    rows = registry + [row for row in rows_from_inventory(folder) if row[2] not in taken]
    rows += [row for row in MORE if row[2] not in taken]
    rows += [("", uri, oid, "", "identifier") for uri, (oid, _, _) in CHECKS.items() if oid not in taken]
    rows += [(name, uri, "", "0396", "code-system") for name, uri in NAMES.items()]
    return sorted(rows, key=lambda row: (row[1], row[2], row[0]))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: make_systems_table.py FOLDER")
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", "uri", "oid", "v2_table", "kind", "pattern", "check"))
        for row in systems(Path(sys.argv[1])):
            writer.writerow((*row, *CHECKS.get(row[1], ("", "", ""))[1:]))


if __name__ == "__main__":
    main()
