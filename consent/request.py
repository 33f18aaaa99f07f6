"""Who asks, why, about whom, for what: the question that a decision answers (consent.md 1).

Identity is proven before; what could not be proven is left out, and so is unknown. `mandate` is entered by
the
custodian's own staff: `access_request_from_json` takes it only when told that the JSON is the node's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from consent.errors import Uncomputable
from consent.instants import datetime_from_micros, instant_text
from consent.references import plain_reference
from consent.shape import boolean, members, moment, text, texts
from consent.vocabulary import ACTIONS


@dataclass(frozen=True, slots=True)
class Emergency:
    """A declaration; it counts only with a reason that is not blank."""

    declared: bool
    reason: str = ""
    code: str | None = None

    @property
    def stated(self) -> bool:
        return self.declared is True and bool(self.reason.strip())


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One question. `subject` is `Patient/x`; `org`, `practitioner` are directory ids; `purpose` in
    request order.
    """

    id: str
    subject: str
    org: str
    purpose: tuple[str, ...]
    at: datetime
    """Instant of disclosure (aware)."""
    practitioner: str | None = None
    person: str | None = None
    """`Patient/…` or `RelatedPerson/…` who acts in her own right."""
    roles: tuple[str, ...] = ()
    action: str = "access"
    emergency: Emergency | None = None
    mandate: str | None = None
    as_of: datetime | None = None
    """What was known then; `at` if None."""
    scope: Mapping[str, Any] = field(default_factory=dict)
    """Types and dates asked for; the decision does not read it."""

    @property
    def known_at(self) -> datetime:
        return self.as_of or self.at


_MEMBERS = (
    "id subject org practitioner person roles purpose action emergency mandate at as_of scope"
).split()  # fmt: skip


def access_request_from_json(value: Any, *, own: bool = False, id: str = "") -> AccessRequest:
    """The flat JSON of consent.md 1. `own`: written by this node, so that `mandate` is honoured.

    Raises `Uncomputable` with the member's path. `id` is used where the JSON has none.
    """
    found = members(value, "access", _MEMBERS, ("org", "subject", "at"))
    return AccessRequest(
        id=text(found["id"], "access.id") if "id" in found else id,
        subject=plain_reference(text(found["subject"], "access.subject")),
        org=text(found["org"], "access.org"),
        purpose=_purposes(found.get("purpose")),
        at=datetime_from_micros(_instant(found["at"], "access.at")),
        practitioner=_optional(found, "practitioner"),
        person=plain_reference(text(found["person"], "access.person")) if "person" in found else None,
        roles=texts(found.get("roles", []), "access.roles"),
        action=_action(found.get("action", "access")),
        emergency=_emergency(found.get("emergency")),
        mandate=_optional(found, "mandate") if own else None,
        as_of=datetime_from_micros(_instant(found["as_of"], "access.as_of")) if "as_of" in found else None,
        scope=found.get("scope", {}),
    )


def access_request_to_json(request: AccessRequest) -> dict[str, Any]:
    """The same shape back; absent members are left out, times are UTC with six digits."""
    whole: dict[str, Any] = {
        "id": request.id,
        "subject": request.subject,
        "org": request.org,
        "practitioner": request.practitioner,
        "person": request.person,
        "roles": list(request.roles),
        "purpose": list(request.purpose),
        "action": request.action,
        "emergency": _emergency_json(request.emergency),
        "mandate": request.mandate,
        "at": instant_text(request.at),
        "as_of": instant_text(request.as_of) if request.as_of else None,
        "scope": dict(request.scope) or None,
    }
    return {key: item for key, item in whole.items() if item is not None}


def _purposes(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (text(value, "access.purpose"),) if isinstance(value, str) else texts(value, "access.purpose")


def _instant(value: Any, path: str) -> int:
    if "T" not in text(value, path):
        raise Uncomputable(path, "must be an instant")
    return moment(value, path)


def _optional(found: Mapping[str, Any], name: str) -> str | None:
    return text(found[name], f"access.{name}") if name in found else None


def _action(value: Any) -> str:
    if value not in ACTIONS:
        raise Uncomputable("access.action", "is not in the vocabulary")
    return str(value)


def _emergency(value: Any) -> Emergency | None:
    if value is None:
        return None
    found = members(value, "access.emergency", ("declared", "reason", "code"))
    reason = found.get("reason", "")
    if not isinstance(reason, str):
        raise Uncomputable("access.emergency.reason", "must be text")
    code = text(found["code"], "access.emergency.code") if "code" in found else None
    return Emergency(boolean(found.get("declared", False), "access.emergency.declared"), reason, code)


def _emergency_json(emergency: Emergency | None) -> dict[str, Any] | None:
    if emergency is None:
        return None
    whole = {"declared": emergency.declared, "reason": emergency.reason, "code": emergency.code}
    return {key: item for key, item in whole.items() if item is not None}
