"""Step 7: who asks, why, in which role, in what emergency; from the assertion's `extensions` (http-api.md 2).

Two objects say it: `hl7-b2b` (SMART, UDAP) and `ihe_iua` (IHE IUA). They may both be there and must then
agree. `read` decides whether the claims are well formed (`invalid_request`), `authorise` whether this client
may make them (`unauthorized_client`). Neither looks at a patient's data. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from consent.vocabulary import ACT_REASON, PURPOSE_PARENTS, purpose_under, system_name
from gateway.authn.clients import Client
from gateway.authn.errors import Refused

T = TypeVar("T")

EMERGENCY = frozenset(("BTG", "ETREAT"))
SELF_ACCESS = frozenset(code for code in PURPOSE_PARENTS if purpose_under(code, ("PATRQT",)))
"""PATRQT and its descendants in v3-ActReason: the person herself or her proxy."""

MAX_ROLES = 16
_MAX_TEXT = 256
_IDENTIFIER = re.compile(r"[^\s|#]{1,200}[|#][^\s|#]{1,128}")


@dataclass(frozen=True, slots=True)
class Emergency:
    """A declared emergency: stored sealed, never logged. `patient` is `system|value`, the only one served."""

    reason: str
    patient: str


@dataclass(frozen=True, slots=True)
class Claims:
    """Well-formed claims; None and () where nothing was said."""

    purpose: str | None = None
    organisation: str | None = None
    subject: str | None = None
    """Identifier of the user, `system|value`: a practitioner, or with purpose PATRQT the person herself."""
    subject_name: str | None = None
    roles: tuple[str, ...] = ()
    emergency: Emergency | None = None


def read(claims: Mapping[str, Any]) -> Claims:
    """Parse the claims; raises `Refused(7, "invalid_request")`."""
    extensions = _member(claims, "extensions")
    b2b, iua = _member(extensions, "hl7-b2b"), _member(extensions, "ihe_iua")
    own = _member(extensions, "carepact")
    if own.keys() - {"emergency"}:
        raise _malformed()
    return Claims(
        purpose=_agreed(_purpose(b2b), _purpose(iua)),
        organisation=_agreed(_text(b2b, "organization_id"), _text(iua, "subject_organization_id")),
        subject=_subject(b2b),
        subject_name=_agreed(_text(b2b, "subject_name"), _text(iua, "subject_name")),
        roles=_agreed(_roles(b2b), _roles(iua)) or (),
        emergency=_emergency(own),
    )


def _malformed() -> Refused:
    return Refused(7, "invalid_request")


def _member(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name, {})
    if not isinstance(value, dict):
        raise _malformed()
    return value


def _text(parent: Mapping[str, Any], name: str) -> str | None:
    value = parent.get(name)
    if value is None and name not in parent:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > _MAX_TEXT or not value.isprintable():
        raise _malformed()
    return value


def _agreed(first: T | None, second: T | None) -> T | None:
    if first is not None and second is not None and first != second:
        raise _malformed()
    return second if first is None else first


def _code(value: object, only: str | None) -> str:
    """A bare code, `<system>#<code>`, or a Coding; where `only` is given, no other system."""
    system: object = None
    if isinstance(value, dict):
        system, value = value.get("system"), value.get("code")
    elif isinstance(value, str) and "#" in value:
        system, _, value = value.rpartition("#")
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_TEXT or not value.isprintable():
        raise _malformed()
    if system is not None and (not isinstance(system, str) or (only and system_name(system) != only)):
        raise _malformed()
    return value


def _purpose(parent: Mapping[str, Any]) -> str | None:
    """Exactly one known v3 ActReason code; several would be several questions."""
    if "purpose_of_use" not in parent:
        return None
    values = parent["purpose_of_use"]
    if not isinstance(values, list) or len(values) != 1:
        raise _malformed()
    code = _code(values[0], ACT_REASON)
    if code not in PURPOSE_PARENTS:
        raise _malformed()
    return code


def _roles(parent: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "subject_role" not in parent:
        return None
    values = parent["subject_role"]
    values = values if isinstance(values, list) else [values]
    if not 1 <= len(values) <= MAX_ROLES:
        raise _malformed()
    return tuple(sorted({_code(value, None) for value in values}))


def _subject(b2b: Mapping[str, Any]) -> str | None:
    """`<system>#<value>` as UDAP spells it; `|` is taken too. One inner form: `system|value`."""
    text = _text(b2b, "subject_id")
    return None if text is None else _identifier(text)


def _identifier(text: str) -> str:
    if not _IDENTIFIER.fullmatch(text) or not text.isprintable():
        raise _malformed()
    return text.replace("#", "|")


def _emergency(own: Mapping[str, Any]) -> Emergency | None:
    if "emergency" not in own:
        return None
    value = own["emergency"]
    if not isinstance(value, dict) or value.keys() != {"reason", "patient"}:
        raise _malformed()
    reason, patient = value["reason"], value["patient"]
    if not isinstance(reason, str) or not isinstance(patient, str) or not 10 <= len(reason.strip()) <= 500:
        raise _malformed()
    if "#" in patient:
        raise _malformed()
    return Emergency(reason.strip(), _identifier(patient))


def authorise(claims: Claims, client: Client, is_under: Callable[[str, str], bool]) -> Claims:
    """The claims with their defaults filled in, or `Refused(7, …)`.

    `is_under(organisation, ancestor)`: whether the first is the second or below it in the directory.
    """
    purpose = claims.purpose
    if purpose is None:
        if len(client.purposes) != 1:
            raise _malformed()
        purpose = client.purposes[0]
    organisation = claims.organisation or client.organisation
    if purpose not in client.purposes or not is_under(organisation, client.organisation):
        raise Refused(7, "unauthorized_client")
    if not set(claims.roles) <= set(client.roles):
        raise Refused(7, "unauthorized_client")
    _check_emergency(claims, purpose, client)
    if purpose in SELF_ACCESS and claims.subject is None:
        raise _malformed()
    return Claims(purpose, organisation, claims.subject, claims.subject_name, claims.roles, claims.emergency)


def _check_emergency(claims: Claims, purpose: str, client: Client) -> None:
    if claims.emergency is None:
        if purpose == "BTG":
            raise _malformed()
        return
    if purpose not in EMERGENCY or claims.subject is None:
        raise _malformed()
    if not client.may_declare_emergency:
        raise Refused(7, "unauthorized_client")
