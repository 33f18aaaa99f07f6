"""The words of a decision: purposes, sensitivities, confidentiality, obligations, systems, reason codes.

Two hierarchies are pinned (child -> parents). Purposes: v3-ActReason PurposeOfUse of FHIR 4.0.1 with two
deliberate cuts: HLEGAL and POPHLTH are roots, so that consent to operations never opens litigation, nor
treatment population analytics. Sensitivities: v3-ActCode. "X or a descendant" runs along these arrows only.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

V3 = "http://terminology.hl7.org/CodeSystem/v3-"
ACT_CODE = V3 + "ActCode"
ACT_REASON = V3 + "ActReason"
CONFIDENTIALITY = V3 + "Confidentiality"
OBSERVATION_VALUE = V3 + "ObservationValue"
US_PRIVACY_LAW = V3 + "ActUSPrivacyLaw"
PARTICIPATION = V3 + "ParticipationType"
CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
CONSENT_ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"
RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
STRUCTURE_DEFINITION = "http://hl7.org/fhir/StructureDefinition"

KNOWN_LABEL_SYSTEMS = frozenset((ACT_CODE, ACT_REASON, CONFIDENTIALITY, OBSERVATION_VALUE, US_PRIVACY_LAW))
"""Labels of any other system raise the confidentiality to R at least."""

LADDER = "ULMNRV"
"""Confidentiality, lowest first; a level is the index. An unknown code counts as V."""
NORMAL, RESTRICTED, VERY_RESTRICTED = LADDER.index("N"), LADDER.index("R"), LADDER.index("V")

ACTIONS = frozenset(("access", "disclose", "collect", "use", "correct"))
EMERGENCY_PURPOSES = frozenset(("ETREAT", "BTG", "ERTREAT"))
"""A refusal whose own purposes name one of these is meant for emergencies too."""

_OIDS = {
    "urn:oid:2.16.840.1.113883.5.4": ACT_CODE,
    "urn:oid:2.16.840.1.113883.5.8": ACT_REASON,
    "urn:oid:2.16.840.1.113883.5.25": CONFIDENTIALITY,
}
_VALUE_SETS = {V3 + "InformationSensitivityPolicy": ACT_CODE, V3 + "PurposeOfUse": ACT_REASON}
_V3_NAME = re.compile(
    r"https?://(?:hl7\.org/fhir/v3/|terminology\.hl7\.org/CodeSystem/v3-"
    r"|(?:terminology\.)?hl7\.org(?:/fhir)?/ValueSet/v3-)(\w+)\Z"
)


@lru_cache(maxsize=4096)
def system_name(system: str) -> str:
    """One name for one system: no trailing `/`; old v3, value-set and OID spellings are aliases."""
    name = system.strip().rstrip("/")
    found = _V3_NAME.match(name)
    if found:
        name = V3 + found.group(1)
    return _VALUE_SETS.get(name) or _OIDS.get(name) or name


def _tree(text: str) -> dict[str, tuple[str, ...]]:
    """`PARENT > CHILD CHILD` lines to child -> parents; a line without `>` lists roots."""
    parents: dict[str, tuple[str, ...]] = {}
    for line in text.strip().splitlines():
        head, arrow, tail = line.partition(">")
        if not arrow:
            for root in head.split():
                parents.setdefault(root, ())
            continue
        for child in tail.split():
            parents[child] = (*parents.get(child, ()), head.strip())
    return parents


PURPOSE_PARENTS: Mapping[str, tuple[str, ...]] = _tree("""
TREAT HPAYMT HOPERAT HRESCH HMARKT PUBHLTH PATRQT HLEGAL POPHLTH
TREAT > ETREAT COC CLINTRL
ETREAT > BTG ERTREAT
HPAYMT > CLMATTCH COVAUTH COVERAGE REMITADV
COVERAGE > ELIGDTRM ELIGVER ENROLLM MILDCRG
HOPERAT > CAREMGT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HOUTCOMS HPRGRP HQUALIMP HSYSADMIN
HOPERAT > MEMADMIN MILCDM PATADMIN PATSFTY PERFMSR RECORDMGT SYSDEV TRAIN
HSYSADMIN > LABELING METAMGT
SYSDEV > HTEST
HRESCH > BIORCH CLINTRCH DSRCH POARCH TRANSRCH
CLINTRCH > CLINTRCHNPC CLINTRCHPC PRECLINTRCH
PUBHLTH > THREAT DISASTER
PATRQT > FAMRQT PWATRNY SUPNWK
""")

SENSITIVITY_PARENTS: Mapping[str, tuple[str, ...]] = _tree("""
ETH SPI GDIS HIV MST SCA SDV SEX STD TBOO VIO SICKLE
DEMO DOB GENDER LIVARG MARST RACE REL B EMPL LOCIS SSP ADOL CEL DIA DRGIS EMP PDS PHY PRS
SPI > BH
BH > SUD MH COGN DVD EMOTDIS
ETH > SUD
SUD > ETHUD OPIOIDUD
MH > PSY
PSY > PSYTHPN
""")


def _closure(parents: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    def up(code: str) -> frozenset[str]:
        return frozenset((code,)).union(*(up(parent) for parent in parents[code]))

    return {code: up(code) for code in parents}


PURPOSE_UP = _closure(PURPOSE_PARENTS)
SENSITIVITY_UP = _closure(SENSITIVITY_PARENTS)


def purpose_under(purpose: str, listed: Collection[str]) -> bool:
    """`purpose` is one of `listed` or a descendant; a purpose outside the vocabulary is only itself."""
    up = PURPOSE_UP.get(purpose)
    return purpose in listed if up is None else not up.isdisjoint(listed)


def sensitivity_under(sensitivity: str, listed: Collection[str]) -> bool:
    """`sensitivity` is one of `listed` or a descendant; an unknown one has no parents."""
    up = SENSITIVITY_UP.get(sensitivity)
    return sensitivity in listed if up is None else not up.isdisjoint(listed)


TAGS = frozenset(("42CFRPart2", "HIPAASelfPay", "HIPAAPsyNotes", "Title38Section7332"))
"""Privacy-law codes: tags of a resource wherever they stand in `meta.security`, whatever their system."""

NOT_SENSITIVITIES = TAGS | frozenset(
    (
        # privacy laws, compartments, consent directives
        "CommonRule HIPAANOPP COMPT ACOCOMPT CTCOMPT FMCOMPT HRCOMPT LRCOMPT PACOMPT RESCOMPT RMGTCOMPT "
        "EMRGONLY GRANTORCHOICE IMPLIED IMPLIEDD NOCONSENT NOPP OPTIN OPTINR OPTOUT OPTOUTE "
        # obligations
        "ObligationPolicy ANONY AOD AUDIT AUDTR CPLYCC CPLYCD CPLYJPP CPLYOPP CPLYOSP CPLYPOL "
        "DECLASSIFYLABEL DEID DELAU DOWNGRDLABEL DRIVLABEL ENCRYPT ENCRYPTR ENCRYPTT ENCRYPTU HUAPRV LABEL "
        "MASK MINEC PERSISTLABEL PRIVMARK PSEUD REDACT UPGRDLABEL "
        # refrains
        "RefrainPolicy NOAUTH NOCOLLECT NODSCLCD NODSCLCDS NOINTEGRATE NOLIST NOMOU NOORGPOL NOPAT "
        "NOPERSISTP NORDSCLCD NORDSCLCDS NORDSCLW NORELINK NOREUSE NOVIP ORCON"
    ).split()
)
"""v3-ActCode codes in `meta.security` that say nothing about how sensitive the content is."""

OBLIGATIONS = frozenset(
    (
        "AUDIT BTG-AUDIT BTG-NOTIFY-PATIENT BTG-REVIEW-72H NOTICE-42CFR2 "
        "NORDSCLCD NODSCLCDS DEID PSEUD ENCRYPT DELAU CPLYPOL"
    ).split()
)
BREAK_GLASS_OBLIGATIONS = frozenset(("BTG-AUDIT", "BTG-NOTIFY-PATIENT", "BTG-REVIEW-72H"))

STAGES = (
    "no-dsa dsa-not-signed dsa-suspended dsa-terminated dsa-not-yet-effective dsa-expired dsa-review-overdue "
    "dsa-purpose dsa-role dsa-action dsa-data-class dsa-sensitivity dsa-confidentiality dsa-lookback"
).split()
"""Why an agreement or term does not cover, in the order tested; the furthest of all is the reason."""

TELLABLE = frozenset(
    (
        "purpose-missing-or-unknown btg-undeclared proxy-not-authorised proxy-suspended-age no-lawful-basis "
        + " ".join(STAGES[:10])
    ).split()
)
"""Reasons that follow from request, directory and agreement alone, so that the requester may be told."""

REASONS = (
    TELLABLE
    | frozenset(STAGES)
    | frozenset(
        (
            "subject-mismatch self-access proxy-access proxy-excluded-label onward-sharing-forbidden "
            "onward-sharing-needs-consent consent-permit consent-deny outside-permitted-data no-consent "
            "performer-not-authorised consent-uncomputable break-glass emergency-not-eligible "
            "explicit-emergency-deny emergency-ceiling redaction-breaks-resource"
        ).split()
    )
)
"""The closed list, but for codes of packs (bare, `implied:…`, `mandate:…`) and of source rules."""
