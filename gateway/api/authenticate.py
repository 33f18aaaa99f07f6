"""Who is calling, and whether the interaction is in scope: before any body is read (http-api.md 1.4)."""

from starlette.requests import Request

from gateway.api.services import services
from gateway.authn import scopes
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
    require_scope(caller, type, letter)
    return caller


def require_scope(caller: Caller, type: str, letter: str) -> None:
    """Raises `forbidden`, naming the scope that is needed."""
    if not serves(caller, type, letter):
        raise Problem("forbidden", hint=f"needs scope system/{type}.{letter}")


def serves(caller: Caller, type: str, letter: str) -> bool:
    """Whether an interaction on a type is in scope without a constraint.

    No constraint (`?category=laboratory`) can be applied yet, and what it cannot be applied to is not served.
    """
    return caller.allows(type, letter) and not scopes.constraints(caller.scopes, type, letter)
