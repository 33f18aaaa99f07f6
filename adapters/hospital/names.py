"""Names of the HL7 v2 segments (v2.1 to v2.9), the last field of those that are mapped, foreseen losses.

A name that is not here is `unknown-segment`; a field past the last one is `unknown-field`; a field with a
reason is lost for that reason, anything else that no mapping takes is `no-target`.
"""

SEGMENTS = frozenset(
    """
    ABS ACC ADD ADJ AFF AIG AIL AIP AIS AL1 APR ARQ ARV AUT BHS BLC BLG BPO BPX BTS BTX BUI CDM CDO CER CM0
    CM1 CM2 CNS CON CSP CSR CSS CTD CTI CTR DB1 DEV DG1 DMI DON DPS DRG DSC DSP DST ECD ECR EDU EQL EQP
    EQU ERQ ERR EVN FAC FHS FT1 FTS GOL GP1 GP2 GT1 IAM IAR IIM ILT IN1 IN2 IN3 INV IPC IPR ISD ITM IVC IVT
    LAN LCC LCH LDP LOC LRL MCP MFA MFE MFI MRG MSA MSH NCK NDS NK1 NPU NSC NST NTE OBR OBX ODS ODT OH1 OH2
    OH3 OH4 OM1 OM2 OM3 OM4 OM5 OM6 OM7 OMC ORC ORG OVR PAC PCE PCR PD1 PDA PDC PEO PES PID PKG PM1 PMT PR1
    PRA PRB PRC PRD PRT PSG PSH PSL PSS PTH PV1 PV2 PYE QAK QID QPD QRD QRF QRI RCP RDF RDT REL RF1 RFI RGS
    RMI ROL RQ1 RQD RXA RXC RXD RXE RXG RXO RXR RXV SAC SCD SCH SCP SDD SFT SGH SGT SHP SID SLT SPM SPR STF
    STZ TCC TCD TQ1 TQ2 TXA UAC UB1 UB2 URD URS VAR VND VTQ
    """.split()
)

ADMINISTRATIVE = frozenset("ACC BLG DSC FT1 GT1 MSA SFT UAC UB1 UB2 QAK QPD QRD QRF ERR DB1".split())
"""Segments without a target in a patient's record, by decision (normalisation.md 3.3)."""

LAST_FIELD = {
    "AIG": 15,
    "AIL": 13,
    "AIP": 13,
    "AIS": 13,
    "RGS": 3,
    "SCH": 28,
    "MSH": 28,
    "EVN": 7,
    "PID": 40,
    "PD1": 23,
    "NK1": 41,
    "PV1": 54,
    "PV2": 50,
    "AL1": 6,
    "DG1": 26,
    "ORC": 38,
    "OBR": 55,
    "OBX": 33,
    "NTE": 9,
    "SPM": 35,
    "ARV": 7,
    "MRG": 7,
    "IAM": 30,
    "IN1": 55,
    "PR1": 25,
    "PRB": 28,
    "PRT": 24,
    "ROL": 15,
    "RXA": 29,
    "RXC": 11,
    "RXD": 37,
    "RXE": 45,
    "RXO": 36,
    "RXR": 6,
    "TQ1": 14,
    "TXA": 28,
}

FORESEEN: dict[str, dict[int, str]] = {
    "MSH": dict.fromkeys((5, 6, 7, 8, 11, 14, 15, 16, 22, 23, 24, 25, 27, 28), "administrative")
    | dict.fromkeys((9, 12, 13, 17, 18, 19, 20, 21), "structural"),
    "EVN": {1: "structural", 2: "superseded", 3: "administrative", 7: "administrative"},
    "PID": {1: "structural", 18: "administrative", 32: "administrative", 33: "administrative"},
    "NK1": {1: "structural"},
    "PV1": {1: "structural"} | dict.fromkeys((18, *range(20, 36), 41, *range(46, 50), 51), "administrative"),
    "PV2": {},
    "AL1": {1: "structural"},
    "DG1": {1: "structural"} | dict.fromkeys((7, 8, 9, 10, 11, 12, 13, 14, 23, 24, 25), "administrative"),
    "ORC": dict.fromkeys((6, 10, 11, 13, 17, 18, 19, 20, 26, 27), "administrative"),
    "OBR": {1: "structural"}
    | dict.fromkeys((14, 18, 19, 21, 23, 26, 30, 36, 37, 40, 41, 42), "administrative"),
    "OBX": {1: "structural", 2: "structural", 12: "administrative"},
    "NTE": {1: "structural"},
    "SPM": {1: "structural"},
    "MRG": {3: "administrative"},
    "ARV": {1: "structural", 2: "structural", 6: "administrative"},
    "IAM": {1: "structural"} | dict.fromkeys((18, 19, 20, 21, 22, 23, 24, 25, 26, 28, 29), "administrative"),
    "IN1": {1: "structural"}
    | dict.fromkeys((6, 14, *range(20, 36), *range(37, 49), *range(50, 56)), "administrative"),
    "PR1": {1: "structural", 2: "structural"} | dict.fromkeys((14, 17, 18, 21, 22, 24), "administrative"),
    "PRB": dict.fromkeys((5, 6, 18), "administrative"),
    "PRT": dict.fromkeys((1, 2), "structural"),
    "ROL": dict.fromkeys((1, 2), "structural") | {7: "administrative"},
    "RXA": {1: "structural", 2: "structural", 26: "administrative"},
    "RXC": {7: "administrative", 10: "administrative", 11: "administrative"},
    "RXD": {1: "structural", 8: "administrative", 20: "administrative"},
    "RXE": dict.fromkeys((14, 16, 17, 18, 20, 28, 29, 30, 31, 36, 40, 41, 42, 43), "administrative"),
    "RXO": dict.fromkeys((8, 10, 15, 16, 27, 28, 29, 30), "administrative"),
    "RXR": {5: "administrative"},
    "AIG": dict.fromkeys((1, 2), "structural") | dict.fromkeys((6, 7, 13), "administrative"),
    "AIL": dict.fromkeys((1, 2), "structural") | {11: "administrative"},
    "AIP": dict.fromkeys((1, 2), "structural") | {11: "administrative"},
    "AIS": dict.fromkeys((1, 2), "structural") | {9: "administrative"},
    "RGS": dict.fromkeys((1, 2, 3), "structural"),
    "SCH": dict.fromkeys((4, 5, 13, 14, 15, 17, 18, 19, 21, 22, 23, 24), "administrative"),
    "TQ1": {1: "structural", 12: "structural"},
    "TXA": {1: "structural"} | dict.fromkeys((4, 7, 8, 11, 20, 21, 23, 26), "administrative"),
}
