"""Step 2: the one `AccessRequest`, from what the token proved; nothing later reads headers."""

from consent.request import AccessRequest, Emergency
from gateway.directory.interface import Register
from gateway.exchange.request import Ask
from gateway.exchange.resolve import Subject

NOBODY = "Patient/-"
"""Subject of a request whose patient is unknown: no resource is about it, so nothing is permitted."""


def access_request(ask: Ask, subject: Subject, register: Register) -> AccessRequest:
    """Users become directory ids by the register; one that it does not know stays unnamed, and so unknown."""
    caller = ask.caller
    emergency = caller.emergency
    return AccessRequest(
        id=ask.exchange,
        subject=subject.person or NOBODY,
        org=caller.organisation,
        purpose=(caller.purpose,),
        at=ask.at,
        practitioner=register.practitioner(caller.practitioner),
        person=_acting_person(ask, subject, register),
        roles=caller.roles,
        emergency=Emergency(True, emergency.reason) if emergency else None,
        scope={"types": list(ask.types)},
    )


def _acting_person(ask: Ask, subject: Subject, register: Register) -> str | None:
    """The patient herself, or a proxy whom the register knows; `RelatedPerson/-` is nobody's proxy.

    Herself only if her identifier leads to this person and to nobody else: that it also stands somewhere on
    this record (an old number, one of another's filed by mistake) opens nothing.
    """
    identifier = ask.caller.person
    if identifier is None:
        return None
    if subject.is_self:
        return subject.person or NOBODY
    return register.people.get(identifier, "RelatedPerson/-")
