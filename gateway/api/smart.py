"""`/.well-known/smart-configuration` (SMART App Launch 2.2, Backend Services)."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.services import services
from gateway.fhir.json import encode


async def configuration(request: Request) -> Response:
    """What a backend service needs to get a token; no browser flow, so no authorization endpoint."""
    node = services(request)
    body = {
        "token_endpoint": node.endpoint.token_url,
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
        "scopes_supported": [
            "system/*.rs",
            "system/Patient.rs",
            "system/Composition.r",
            "system/Consent.crus",
        ],
        "capabilities": ["client-confidential-asymmetric", "permission-v2"],
    }
    return Response(
        encode(body), media_type="application/json", headers={"Cache-Control": "public, max-age=300"}
    )
