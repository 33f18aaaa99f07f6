"""One row of a bulk import as a FHIR Consent (consent.md 17): what the columns state, nothing guessed.

Lists are `;`-separated, empty means "not stated". Dates without time are local days of the node: `instant`
turns them into instants, so that what is stored means the same everywhere.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from consent.errors import Uncomputable
from consent.fhir import consent_document
from consent.instants import interval
from consent.vocabulary import ACT_CODE, CONFIDENTIALITY, LADDER, RESOURCE_TYPES, SENSITIVITY_UP

COLUMNS = (
    "patient_system patient_id effect purposes recipients custodians labels classes data_from data_to "
    "valid_from valid_to performer evidence_ref source_key supersedes"
).split()
Instant = Callable[[str, bool], str]
"""(FHIR date, whether its end is meant) to an instant with zone."""


def document_from_row(
    row: Mapping[str, str], *, id: str, patient: str, at: datetime, instant: Instant
) -> dict[str, Any]:
    """The Consent of one row about this patient. Raises `Uncomputable` with the column."""
    effect, purposes = row["effect"].strip(), _listed(row["purposes"])
    if effect not in ("permit", "deny"):
        raise Uncomputable("effect", "must be permit or deny")
    if not purposes:
        raise Uncomputable("purposes", "must name a purpose")
    performer = row["performer"].strip()
    if performer and not performer.startswith(("RelatedPerson/", "Patient/")):
        raise Uncomputable("performer", "must be RelatedPerson/… or Patient/…")
    document = consent_document(
        id=id,
        patient=patient,
        at=at,
        **{effect: purposes},  # type: ignore[arg-type]
        to=_listed(row["recipients"]),
        custodians=_listed(row["custodians"]),
        performer=performer or None,
    )
    provision = document["provision"]
    provision |= _period("period", row["valid_from"], row["valid_to"], "valid", instant)
    provision |= _period("dataPeriod", row["data_from"], row["data_to"], "data", instant)
    if labels := _listed(row["labels"]):
        provision["securityLabel"] = [_label(code) for code in labels]
    if classes := _listed(row["classes"]):
        provision["class"] = [{"system": RESOURCE_TYPES, "code": code} for code in classes]
    if evidence := row["evidence_ref"].strip():
        document["sourceReference"] = {"display": evidence}
    return document


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _label(code: str) -> dict[str, str]:
    if code in SENSITIVITY_UP:
        return {"system": ACT_CODE, "code": code}
    if len(code) == 1 and code in LADDER:
        return {"system": CONFIDENTIALITY, "code": code}
    raise Uncomputable("labels", "is not in the vocabulary")


def _period(name: str, start: str, end: str, column: str, instant: Instant) -> dict[str, dict[str, str]]:
    stated = {}
    for side, text, last in (("start", start.strip(), False), ("end", end.strip(), True)):
        if text:
            if interval(text) is None:
                raise Uncomputable(f"{column}_{'to' if last else 'from'}", "is no date")
            stated[side] = instant(text, last)
    if len(stated) == 2:
        first, until = interval(stated["start"]), interval(stated["end"])
        if first and until and first[0] > until[1]:
            raise Uncomputable(f"{column}_from", "starts after its end")
    return {name: stated} if stated else {}
