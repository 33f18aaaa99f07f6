"""Agreements for people: rows with their status, and the document that `agreement new` writes."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from consent.agreement import SharingAgreement, Term
    from consent.interface import StoredAgreement


@dataclass(frozen=True, slots=True)
class AgreementTemplate:
    """Members of a new agreement and of its one term; what it leaves open the options or the parties say."""

    means: str
    members: Mapping[str, Any] = field(default_factory=dict)
    term: Mapping[str, Any] = field(default_factory=dict)


TEMPLATES: Mapping[str, AgreementTemplate] = {
    "direct-care": AgreementTemplate(
        "whoever treats may see and copy up to R; emergencies; either side records consents",
        {"emergency": True, "records_consent": True, "onward": "consent", "review_grace_days": 30},
        {"purposes": ["TREAT"], "actions": ["access", "disclose"], "max_confidentiality": "R",
         "obligations": ["CPLYPOL"]},
    ),
    "research": AgreementTemplate(
        "research without names, up to N, nothing passed on",
        {"onward": "none"},
        {"purposes": ["HRESCH"], "actions": ["access"], "max_confidentiality": "N",
         "obligations": ["CPLYPOL", "DEID"],
         "elements_redacted": ["Patient.name", "Patient.address", "Patient.telecom", "Patient.contact"]},
    ),
}  # fmt: skip


def document_from_options(
    id: str,
    version: int,
    *,
    providers: Sequence[str],
    recipients: Sequence[str],
    purposes: Sequence[str],
    start: str,
    end: str | None,
    emergency: bool,
    supersedes: int | None,
    template: AgreementTemplate | None = None,
) -> bytes:
    """The bytes of a new document (consent.md 5). Whether they are an agreement is the registry's to say.

    A template fills what the options leave open, and sets the review to one year after the start.
    """
    document: dict[str, Any] = {
        "id": id,
        "version": version,
        "providers": list(providers),
        "recipients": list(recipients),
        "effective": {"start": start} | ({"end": end} if end else {}),
        "terms": [{"id": "t1", "purposes": list(purposes) or ["TREAT"]}],
        "emergency": emergency,
    }
    if template is not None:
        document |= dict(template.members)
        document["emergency"] = emergency or template.members.get("emergency", False)
        document["terms"] = [{"id": "t1", **template.term} | ({"purposes": [*purposes]} if purposes else {})]
        document["review_due"] = _year_after(start)
    if supersedes is not None and supersedes < version:
        document["supersedes"] = f"{id}@{supersedes}"
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def _year_after(start: str) -> str:
    """The same day a year later, as a date; of what is no date, the registry tells."""
    year, _, rest = start.partition("-")
    if not (year.isdigit() and len(year) == 4):
        return start
    return f"{int(year) + 1:04}" + (f"-{rest[:5]}" if rest else "").replace("-02-29", "-02-28")


def rows_from_agreements(
    known: "Sequence[StoredAgreement]", at: "datetime", *, sent: Collection[str] = ()
) -> list[dict[str, Any]]:
    """One row a version, by id and version; `sent`: refs of what was proposed."""
    from consent.agreement import agreement_status
    from consent.instants import micros
    from gateway.exchange.agreements import readable

    versions = readable(known)
    return [
        _row(one, stored, agreement_status(one, micros(at), versions=versions, sent=one.ref in sent))
        for one, stored in zip(versions, known, strict=True)
    ]


def _row(one: "SharingAgreement", stored: "StoredAgreement", status: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "version": one.version,
        "status": status,
        "providers": sorted(one.providers),
        "recipients": sorted(one.recipients),
        "purposes": sorted({purpose for term in one.terms for purpose in term.purposes}),
        "signed": [said.org for said in stored.statements if said.action == "sign"],
        "start": _day(one.start),
        "end": _day(one.end),
        "review_due": _day(one.review_due),
        "emergency": one.emergency,
        "sha256": one.sha256,
        "recorded": stored.recorded.isoformat(),
        "statements": [_statement(said) for said in stored.statements],
    }


def differences_of_documents(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """`{change, what, before, after}` a difference: members by name, terms by id and within them by name."""
    from gateway.cli.policy_pack import change_row

    names = sorted({*before, *after} - {"terms"})
    rows = [change_row(name, before.get(name), after.get(name)) for name in names
            if before.get(name) != after.get(name)]  # fmt: skip
    old, new = _terms(before), _terms(after)
    for id in [*old, *(id for id in new if id not in old)]:
        if id not in old or id not in new:
            rows.append(change_row(f"term {id}", old.get(id), new.get(id)))
            continue
        for name in sorted({*old[id], *new[id]}):
            if old[id].get(name) != new[id].get(name):
                rows.append(change_row(f"term {id} {name}", old[id].get(name), new[id].get(name)))
    kept, order = ([id for id in one if id in two] for one, two in ((old, new), (new, old)))
    return [*rows, change_row("order of terms", kept, order)] if kept != order else rows


def _terms(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By their ids, `t<place>` where none is written; a second one of an id by its place too."""
    found: dict[str, dict[str, Any]] = {}
    for place, term in enumerate(document["terms"], 1):
        id = term.get("id", f"t{place}")
        found[f"{id} ({place})" if id in found else id] = term
    return found


def matrix_from_agreements(known: "Sequence[StoredAgreement]", at: "datetime") -> list[dict[str, Any]]:
    """One row for each custodian, recipient and purpose that an agreement names: what flows, what stopped."""
    from consent.agreement import counting
    from consent.instants import micros
    from gateway.exchange.agreements import readable

    now = micros(at)
    cells: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for one in counting(readable(known), now):
        why_not, signed = stopped(one, now), one.standing(now).signed
        for provider, recipient, term, purpose in _cells(one):
            row = cells.setdefault((provider, recipient, purpose), {"under": [], "limits": [], "stopped": []})
            silent = [org for org in (provider, recipient) if org not in signed]
            if why := why_not or (f"not signed by {', '.join(silent)}" if silent else ""):
                row["stopped"].append(f"{one.ref} {why}")
            else:
                row["under"].append(f"{one.ref} {term.id}")
                row["limits"].append(_limits(term))
    return [
        {"custodian": key[0], "recipient": key[1], "purpose": key[2], "flows": bool(row["under"])}
        | {name: list(dict.fromkeys(filter(None, said))) for name, said in row.items()}
        for key, row in sorted(cells.items())
    ]


def _cells(one: "SharingAgreement") -> "Iterator[tuple[str, str, Term, str]]":
    for provider in sorted(one.providers):
        for recipient in sorted(one.recipients):
            for term in one.terms:
                for purpose in sorted(term.purposes):
                    yield provider, recipient, term, purpose


def stopped(one: "SharingAgreement", now: int) -> str:
    """Why nothing flows under it, empty where something may."""
    from consent.agreement import agreement_status

    status = agreement_status(one, now)
    if status != "active":
        return status
    if one.start > now:
        return "not yet effective"
    return "review overdue" if one.overdue(now) else ""


def _limits(term: "Term") -> str:
    """Which of a term's conditions narrow it beyond its purposes, by name; values are in its text."""
    from consent.agreement import Term

    plain = Term(term.id, term.purposes)
    names = ("actions", "roles", "data_classes", "exclude_sensitivity", "max_confidentiality",
             "lookback_days", "elements_redacted")  # fmt: skip
    said = ", ".join(name for name in names if getattr(term, name) != getattr(plain, name))
    return f"{term.id}: {said}" if said else ""


def _statement(said: Any) -> str:
    tail = f" from {said.effective.isoformat()}" if said.effective else ""
    return f"{said.action} by {said.org} at {said.at.isoformat()}{tail}"


def _day(at: int | None) -> str | None:
    from consent.instants import datetime_from_micros

    return None if at is None else datetime_from_micros(at).date().isoformat()
