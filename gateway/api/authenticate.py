"""Who is calling, and whether the interaction is in scope: before any body is read (http-api.md 1.4)."""

from starlette.requests import Request

from gateway.api.services import services
from gateway.authn.caller import Caller
from gateway.authn.tokens import authenticate
from gateway.errors import Problem


async def require(request: Request, type: str, letter: str) -> Caller:
    """The caller of a live token in whose scope this is. Raises `unauthenticated`, `forbidden`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem("unauthenticated")
    node = services(request)
    now = int(node.clock().timestamp())
    caller = await node.database.read(lambda connection: authenticate(connection, token.strip(), now))
    if caller is None:
        raise Problem("unauthenticated")
    if not caller.allows(type, letter):
        raise Problem("forbidden", hint=f"needs scope system/{type}.{letter}")
    return caller
