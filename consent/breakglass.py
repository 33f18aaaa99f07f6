"""Break-glass: who is eligible, and what a grant opens (consent.md 9).

It opens L3 and overridable rules of L4; never L0, a FORBID of the law, a missing agreement, an onward rule
or a
hard hold of the source. If ordinary access suffices it is not consumed and leaves no mark.
"""

from consent.directory import Directory
from consent.floor import FloorPack
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
        and request.practitioner not in directory.blocked
    )


def refusal_of_emergency(eligible: bool, value: int, confidentiality: int, floor: FloorPack) -> str | None:
    """Why a declared emergency does not open what consents refused; None grants it."""
    if not eligible:
        return "emergency-not-eligible"
    if value == DENY_EMERGENCY:
        return "explicit-emergency-deny"
    return "emergency-ceiling" if confidentiality > floor.btg_ceiling else None
