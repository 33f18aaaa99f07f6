"""One trace, told to the requester and to the administrator, and the receipt that is kept (consent.md 13)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from consent.decision import Decision, Deny, Permit, decision_to_json
from consent.instants import instant_text
from consent.request import AccessRequest, access_request_to_json
from consent.vocabulary import TELLABLE

ENGINE = "1"
"""Version of the rules that this code follows; it stands in every receipt."""
NOT_AVAILABLE = "not-available"


@dataclass(frozen=True, slots=True)
class Released:
    """Which stored version of which resource a receipt is about. `sha256`: hex, of the stored bytes."""

    ref: str
    version: str
    custodian: str
    sha256: str


def request_sha256(request: AccessRequest) -> str:
    """Hex SHA-256 of the request's own compact sorted JSON, an emergency's reason left out (it is kept
    sealed).
    """
    whole = access_request_to_json(request)
    if request.emergency is not None:
        whole["emergency"] = {"declared": request.emergency.declared, "code": request.emergency.code}
    return hashlib.sha256(_compact(whole)).hexdigest()


def receipt(
    decision: Decision,
    request: AccessRequest,
    released: Released,
    *,
    id: str,
    exchange: str,
    epochs: Mapping[str, Any],
    request_digest: str | None = None,
) -> bytes:
    """The bytes kept for one decision: compact, sorted, no names, no free text; the same input, the same
    bytes.

    `epochs`: `{"patient": n, "agreements": …, "directory": …}` that the decision was made under.
    `request_digest`: `request_sha256(request)` where many receipts share it.
    """
    whole = {
        "v": 1,
        "id": id,
        "exchange": exchange,
        "at": instant_text(request.at),
        "as_of": instant_text(request.known_at),
        "engine": ENGINE,
        "request_sha256": request_digest or request_sha256(request),
        "resource": {
            "ref": released.ref,
            "version": released.version,
            "custodian": released.custodian,
            "sha256": released.sha256,
        },
        "epochs": dict(epochs),
        **decision_to_json(decision),
    }
    # One for each resource of an answer: the same bytes as `_compact`, several times as fast.
    return _RECEIPT.encode(whole)


_RECEIPT = msgspec.json.Encoder(order="sorted")
_COMPACT = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _compact(value: Mapping[str, Any]) -> bytes:
    return _COMPACT.encode(value).encode()


def for_requester(
    decision: Decision, decision_id: str, *, emergency_eligible: bool | None = None
) -> dict[str, str]:
    """Effect, decision id, and a code that follows from the question alone, else `not-available`.

    `emergency_eligible`: `Plan.emergency_eligible(custodian)` if one was declared; it is answered always,
    so that
    it says nothing about the patient.
    """
    told: dict[str, str] = {"effect": decision.effect, "decision": decision_id}
    if isinstance(decision, Deny):
        told["reason"] = decision.reason if decision.reason in TELLABLE else NOT_AVAILABLE
    if emergency_eligible is not None:
        told["emergency"] = "eligible" if emergency_eligible else "not-eligible"
    return told


def for_administrator(decision: Decision) -> str:
    """Everything, in a few lines: what was decided, because of what, though what, and what would change
    it.
    """
    head = f"{decision.effect.upper()}  {decision.layer} {decision.reason}"
    lines = [head]
    if isinstance(decision, Deny):
        lines[0] += "  (break-glass could open it)" if decision.overridable else ""
    deciding = [entry for entry in decision.trace if entry["layer"] == decision.layer][-1:]
    lines += [f"  because  {_words(entry)}" for entry in deciding]
    others = [entry for entry in decision.trace if entry not in deciding]
    lines += [
        f"  {'though ' if isinstance(decision, Deny) else 'and    '}  {_words(entry)}" for entry in others
    ]
    if isinstance(decision, Permit):
        if decision.obligations:
            lines.append(f"  under    {', '.join(decision.obligations)}")
        if decision.redactions:
            lines.append(f"  without  {', '.join(decision.redactions)}")
    change = _change(decision)
    return "\n".join([*lines, f"  changes  {change}"] if change else lines)


def _words(entry: Mapping[str, Any]) -> str:
    layer, value = entry["layer"], entry["value"]
    if layer == "L1":
        return f"{entry['rule']} of {entry['pack']} says {value}"
    if layer == "L2":
        if "agreement" in entry:
            return f"agreement {entry['agreement']} term {entry['term']} covers it"
        return (
            "internal use needs no agreement"
            if value == "PERMIT"
            else f"no agreement covers it: {entry['rule']}"
        )
    if layer == "L4":
        return f"the source holds it back: {entry['rule']}"
    if "consent" not in entry:
        return "no consent speaks"
    return f"consent {consent_words(entry)} says {value}{_matched(entry.get('matched', ()))}"


def consent_words(entry: Mapping[str, Any]) -> str:
    """`c2 v3 provision 1.2` from `c2/_history/3` and `provision.provision[0].provision[1]`."""
    id_, _, version = str(entry["consent"]).partition("/_history/")
    places = [step.removesuffix("]").partition("[")[2] for step in str(entry.get("path", "")).split(".")]
    number = ".".join(str(int(place) + 1) for place in places if place.isdigit())
    return f"{id_} v{version}" + (f" provision {number}" if number else "")


def _matched(matched: Sequence[str]) -> str:
    return f" ({', '.join(matched)})" if matched else ""


_CHANGES = {
    "no-consent": "the patient permits it",
    "consent-deny": "the patient withdraws or edits that consent",
    "outside-permitted-data": "the patient widens that consent",
    "performer-not-authorised": "the patient, or one who may consent for her, permits it",
    "consent-uncomputable": "somebody repairs that consent",
    "explicit-emergency-deny": "the patient withdraws or edits that consent",
    "subject-mismatch": "nothing: the resource is about somebody else",
}


def _change(decision: Decision) -> str:
    if isinstance(decision, Permit):
        return ""
    said = _CHANGES.get(decision.reason)
    if said is None and decision.layer == "L2":
        said = "the two organisations agree on it"
    if said is None and decision.layer == "L4":
        said = "the source organisation lifts it"
    parts = [said] if said else []
    parts += ["break-glass if life is at risk"] if decision.overridable else []
    return "; ".join(parts)
