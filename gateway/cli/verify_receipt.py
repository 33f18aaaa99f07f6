"""A patient's receipt for people: who saw what, why, and what is not proven (trust-and-ledger.md 13)."""

from typing import TYPE_CHECKING, Any

from gateway.cli.act import decline, instant_from_seconds
from gateway.errors import Exit

if TYPE_CHECKING:
    from gateway.cli.verify_trust import Trusted
    from keys.receipt import Receipt, Told


def verified(held: "Receipt", trusted: "Trusted") -> tuple[dict[str, Any], list[str]]:
    """As JSON, and as lines. Ends with exit 5 or 6 where it does not hold."""
    from keys.receipt import ReceiptRefused, verify_receipt

    witnessed, witnesses = trusted.attested(held.checkpoint, held.me)
    at = witnessed if witnesses else held.at
    trusted.member(held.me)
    origins, keys = trusted.logs(held.me, at)
    try:
        told = verify_receipt(
            held, trusted.resolver(held.me, at), keys, origins=origins, keys_of=trusted.logs
        )
    except ReceiptRefused as refused:
        decline(Exit.BAD_PROOF if refused.proof else Exit.CONFLICT, f"does not hold: {refused}")
    judged = _judged(at, witnesses)
    return _json(held, told, judged), [*_lines(held, told), judged, *_not_proven(told)]


def _judged(at: int, witnesses: tuple[str, ...]) -> str:
    by = f"attested by {', '.join(witnesses)}" if witnesses else "by its own word"
    return f"keys judged as of {instant_from_seconds(at)}, {by}"


def _json(held: "Receipt", told: "tuple[Told, ...]", judged: str) -> dict[str, Any]:
    rows = [
        {"leaf": line.index, "at": instant_from_seconds(line.leaf.at), "kind": line.leaf.kind,
         "peer": line.leaf.peer, "partner": line.partner, "detail": line.detail}
        for line in told
    ]  # fmt: skip
    return {
        "kind": "receipt",
        "issued_by": held.me,
        "at": instant_from_seconds(held.at),
        "judged": judged,
        "leaves": rows,
    }


def _lines(held: "Receipt", told: "tuple[Told, ...]") -> list[str]:
    lines = [f"issued by {held.me} on {instant_from_seconds(held.at)}; {len(told)} entries, all proven\n"]
    for line in told:
        detail = line.detail
        who = detail.get("practitioner") or line.leaf.peer or detail.get("by") or "this node"
        what = detail.get("operation") or detail.get("view") or detail.get("action") or detail.get("op") or ""
        why = ", ".join(str(text) for text in (detail.get("purpose"), detail.get("reason")) if text)
        said = " ".join(str(text) for text in (line.leaf.kind, what) if text)
        beside = f"  [{line.partner} logged the same]" if line.partner else ""
        at = instant_from_seconds(line.leaf.at)
        lines.append(f"{at}  {said}  by {who}" + (f"  ({why})" if why else "") + beside)
    return [*lines, ""]


def _not_proven(told: "tuple[Told, ...]") -> list[str]:
    lines = ["not proven: that nothing was disclosed outside the gateway"]
    if not told or not told[-1].partner:
        lines.append("not proven: that there is no later entry than the last one")
    return lines
