"""Names of the HL7 v2 segments (v2.1 to v2.9), the last field of those that are mapped, foreseen losses.

A name that is not here is `unknown-segment`; a field past the last one is `unknown-field`; a field with a
reason is lost for that reason, anything else that no mapping takes is `no-target`.
"""

from adapters.terminology.tables import rows

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

_FIELDS = rows("hl7_fields")
"""Every field of every segment that some message maps, and what becomes of it. Written by hand: `fate` is
`mapped` or the reason why it is lost, `otherwise` the reason of what of a mapped field nobody takes."""

MAPPED = frozenset((row["segment"], int(row["field"])) for row in _FIELDS if row["fate"] == "mapped")

LAST_FIELD: dict[str, int] = {}
FORESEEN: dict[str, dict[int, str]] = {}
for _row in _FIELDS:
    LAST_FIELD[_row["segment"]] = int(_row["field"])
    _reason = _row["otherwise"] if _row["fate"] == "mapped" else _row["fate"]
    if _reason:
        FORESEEN.setdefault(_row["segment"], {})[int(_row["field"])] = _reason
