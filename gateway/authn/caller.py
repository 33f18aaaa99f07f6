"""Who is calling, as everything behind the token endpoint sees it: one value, read off a live token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.authn import scopes
from gateway.authn.claims import SELF_ACCESS, Claims, Emergency
from gateway.authn.clients import Client, Reach, Sealed
from keys.interface import PublicKey


@dataclass(frozen=True, slots=True)
class Caller:
    """Authority of one token. Nothing of a later request widens it (http-api.md 1.3)."""

    client: str
    organisation: str
    purpose: str
    scopes: tuple[scopes.Scope, ...]
    practitioner: str | None = None
    """Identifier `system|value`; None: an unnamed user, the least trusted colleague."""
    practitioner_name: str | None = None
    """For the access report alone; decides nothing."""
    person: str | None = None
    """Identifier `system|value` of a person acting for herself or as a proxy; then no practitioner."""
    roles: tuple[str, ...] = ()
    emergency: Emergency | None = None
    """Where declared, the token serves `emergency.patient` alone."""
    reach: Reach = "local"
    may_record_consent: bool = False
    sealed: Sealed = "off"
    enc: tuple[PublicKey, ...] = ()

    def allows(self, type: str, letter: str) -> bool:
        """Whether an interaction (`c r u d s`) on a resource type is in scope."""
        return scopes.allows(self.scopes, type, letter)

    def enc_key(self, at: int) -> PublicKey | None:
        """The live key to seal to at an instant (POSIX seconds): the one that lives longest."""
        live = [key for key in self.enc if key.nbf <= at < key.exp]
        return max(live, key=lambda key: key.exp, default=None)


def bound_from_claims(claims: Claims, granted: tuple[scopes.Scope, ...]) -> dict[str, Any]:
    """What a token is bound to, as JSON values; `Claims` after `authorise`."""
    emergency = claims.emergency
    return {
        "organisation": claims.organisation,
        "purpose": claims.purpose,
        "subject": claims.subject,
        "subject_name": claims.subject_name,
        "roles": list(claims.roles),
        "emergency": None if emergency is None else [emergency.reason, emergency.patient],
        "scope": scopes.render(granted),
    }


def caller_from_bound(bound: Mapping[str, Any], client: Client) -> Caller:
    """The caller of a live token; what the registration says is taken as it stands now."""
    personal = bound["purpose"] in SELF_ACCESS
    return Caller(
        client=client.id,
        organisation=bound["organisation"],
        purpose=bound["purpose"],
        scopes=scopes.intersect(scopes.parse_all(bound["scope"]), client.scopes),
        practitioner=None if personal else bound["subject"],
        practitioner_name=None if personal else bound["subject_name"],
        person=bound["subject"] if personal else None,
        roles=tuple(bound["roles"]),
        emergency=Emergency(*bound["emergency"]) if bound["emergency"] else None,
        reach=client.reach,
        may_record_consent=client.may_record_consent,
        sealed=client.sealed,
        enc=client.enc,
    )
