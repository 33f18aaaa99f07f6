"""What `exchange pull` states in its assertion: purpose, role, user, and an emergency that is declared."""

from typing import TYPE_CHECKING

from gateway.errors import Problem

if TYPE_CHECKING:
    from adapters.interface import Identifier
    from gateway.client.assertion import Purpose


def purpose_from_options(
    patient: "Identifier", purpose: str | None, role: str | None, user: str | None, emergency: str | None
) -> "Purpose":
    """An emergency is for this patient alone, and somebody declares it by name. Raises `invalid`."""
    from gateway.client.assertion import Purpose

    code = purpose or ("ETREAT" if emergency is not None else "TREAT")
    who = user and user.replace("|", "#", 1)
    if emergency is None:
        return Purpose(code, practitioner=who, role=role)
    if not 10 <= len(emergency.strip()) <= 500:
        raise Problem("invalid", expression="--emergency", hint="say why, in 10 to 500 characters")
    if who is None:
        hint = "an emergency is declared by somebody: SYSTEM|VALUE of the user"
        raise Problem("invalid", expression="--practitioner", hint=hint)
    said = {"reason": emergency.strip(), "patient": f"{patient.system}|{patient.value}"}
    return Purpose(code, practitioner=who, role=role, emergency=said)
