"""The signed client assertion of SMART Backend Services (`private_key_jwt`, RFC 7523)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE = 240


@dataclass(frozen=True, slots=True)
class Purpose:
    """Who asks and why, as the node reads it once from the signed assertion (http-api.md 2)."""

    code: str
    """v3 ActReason code, for example `TREAT`."""
    practitioner: str | None = None
    """`<system>#<value>` of the person; None: an unnamed user, the least trusted colleague."""
    role: str | None = None
    organisation: str | None = None
    emergency: Mapping[str, str] | None = None
    """`{"reason": …, "patient": "system|value"}` for a declared emergency."""

    def extensions(self) -> dict[str, Any]:
        """`hl7-b2b` and, in an emergency, `carepact` claims objects."""
        b2b: dict[str, Any] = {"version": "1", "purpose_of_use": [self.code]}
        if self.practitioner:
            b2b["subject_id"] = self.practitioner
        if self.role:
            b2b["subject_role"] = self.role
        if self.organisation:
            b2b["organization_id"] = self.organisation
        found: dict[str, Any] = {"hl7-b2b": b2b}
        return found | ({"carepact": {"emergency": dict(self.emergency)}} if self.emergency else {})


def client_assertion(
    key: ECKey, *, kid: str, client_id: str, audience: str, purpose: Purpose, now: int, jti: str
) -> str:
    """A compact ES384 JWS, good for four minutes and for one use (`jti`)."""
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + _LIFE,
        "jti": jti,
        "extensions": purpose.extensions(),
    }
    return jwt.encode({"alg": "ES384", "kid": kid, "typ": "JWT"}, claims, key, algorithms=["ES384"])
