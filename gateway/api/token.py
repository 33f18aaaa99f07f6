"""`POST /oauth/token`: a signed assertion for an opaque token (RFC 6749, RFC 7523)."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.negotiate import media_type
from gateway.api.parameters import FORM
from gateway.api.services import services
from gateway.authn import members
from gateway.authn.tokens import OAuthError, answer
from gateway.errors import Problem
from gateway.fhir.json import encode
from gateway.logs import log

_INVALID = OAuthError(400, "invalid_request", 0)


async def issue(request: Request) -> Response:
    """RFC 6749 JSON, for success and refusal alike; a refusal is committed too (the assertion is spent)."""
    node = services(request)
    form = await _form(request)
    if form is None:
        return _reply(_INVALID)
    now = int(node.clock().timestamp())
    if members.is_members(form):
        result = await members.answer(
            node.database,
            form,
            endpoint=node.endpoint,
            key_of=node.logs.member_key,
            now=now,
            entropy=node.entropy,
        )
    else:
        result = await answer(
            node.database, form, endpoint=node.endpoint, is_under=node.is_under, now=now, entropy=node.entropy
        )
    if isinstance(result, OAuthError):
        log.warning("token_refused", step=result.step, error=result.error)
        return _reply(result)
    return Response(encode(result.body()), media_type="application/json", headers={"Pragma": "no-cache"})


async def _form(request: Request) -> list[tuple[str, str]] | None:
    if request.scope["query_string"] or "authorization" in request.headers:
        return None
    try:
        if media_type(request) != FORM:
            return None
        body = (await request.body()).decode("ascii")
        return parse_qsl(body, keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except (ValueError, Problem):
        return None


def _reply(error: OAuthError) -> Response:
    return Response(encode(error.body()), status_code=error.status, media_type="application/json")
