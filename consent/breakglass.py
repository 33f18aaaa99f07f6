"""Break-glass: who is eligible, what a grant opens, and how long it lives (consent.md 9).

It opens L3 and overridable rules of L4; never L0, a FORBID of the law, a missing agreement, an onward rule or
a hard hold of the source. If ordinary access suffices it is not consumed and leaves no mark.
"""

from collections.abc import Collection, Sequence

from consent.directory import UNNAMED, Directory
from consent.floor import BreakGlassTerms, FloorPack
from consent.grant import HOUR, Grant
from consent.instants import Micros
from consent.request import AccessRequest
from consent.tree import DENY_EMERGENCY
from consent.vocabulary import purpose_under


def declared(request: AccessRequest) -> bool:
    """An emergency was declared, with or without a reason."""
    return request.emergency is not None and request.emergency.declared is True


def eligible_to_ask(request: AccessRequest, purpose: str, floor: FloorPack, directory: Directory) -> bool:
    """Declared with a reason, by one who may, for emergency treatment: the request's half of eligibility.

    The other half is internal use, or an agreement that allows emergencies.
    """
    return (
        request.emergency is not None
        and request.emergency.stated
        and not floor.break_glass.roles.isdisjoint(request.roles)
        and purpose_under(purpose, ("ETREAT",))
        and (request.practitioner or UNNAMED) not in directory.blocked
    )


def refusal_of_emergency(eligible: bool, value: int, confidentiality: int, floor: FloorPack) -> str | None:
    """Why a declared emergency does not open what consents refused; None grants it."""
    if not eligible:
        return "emergency-not-eligible"
    if value == DENY_EMERGENCY:
        return "explicit-emergency-deny"
    return "emergency-ceiling" if confidentiality > floor.btg_ceiling else None


def bar_of_emergency(
    grants: Sequence[Grant], patients: Collection[str], reason: str, at: Micros, terms: BreakGlassTerms
) -> str | None:
    """Why the person of these grants may not break the glass for this patient now; None: she may.

    `patients`: all references of the patient. Words: `not-justified`, `review-overdue`, `revoked`,
    `same-reason` (run out: it is extended only with a new reason), `longest` (and not reviewed since).
    """
    if any(grant.blocks for grant in grants):
        return "not-justified"
    if terms.overdue == "block" and any(grant.overdue(at, terms) for grant in grants):
        return "review-overdue"
    held = newest_grant(grants, patients)
    if held is None or held.verdict is not None or held.state(at) == "open":
        return None
    if held.state(at) == "revoked":
        return "revoked"
    if reason.strip() in held.reasons:
        return "same-reason"
    return None if held.extendable(at, terms) or held.state(at) == "closed" else "longest"


def newest_grant(grants: Sequence[Grant], patients: Collection[str]) -> Grant | None:
    """The last one that was opened for this patient."""
    return max((g for g in grants if g.patient in patients), key=lambda g: (g.opened, g.id), default=None)


def next_step(held: Grant | None, at: Micros, terms: BreakGlassTerms) -> tuple[str, Micros]:
    """What one more use makes of the newest grant: `use`, `extend` or `open`, and until when it then holds.

    Only where `bar_of_emergency` is None.
    """
    life = terms.ttl_hours * HOUR
    if held is not None and held.verdict is None:
        if held.state(at) == "open":
            return "use", held.until
        if held.state(at) == "expired" and held.extendable(at, terms):
            return "extend", min(at + life, held.opened + terms.max_hours * HOUR)
    return "open", at + life
