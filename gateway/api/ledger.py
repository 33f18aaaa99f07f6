"""`/ledger/`: our log for members, by C2SP tlog-tiles and tlog-witness (http-api.md 9). No entry is served.

Every route needs a member's token, which opens nothing else.
"""

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.services import services
from gateway.audit import origins, publishing
from gateway.audit.tiles import read_tile
from gateway.audit.witness import Elsewhere, add_checkpoint, held_of
from gateway.authn.members import authenticate
from gateway.errors import Problem
from keys.errors import ProofRefused
from keys.tiles import tile_from_path

_TEXT = "text/plain; charset=utf-8"
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


async def require_member(request: Request) -> str:
    """The member of a live member token, still in the trust list. Raises `unauthenticated`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    node = services(request)
    now = int(node.clock().timestamp())
    member = None
    if scheme.lower() == "bearer" and token:
        member = await node.database.read(lambda c: authenticate(c, token.strip(), now))
    if member is None or node.logs.directory().trust.member(member) is None:
        raise Problem("unauthenticated")
    return member


async def checkpoint(request: Request) -> Response:
    """The newest checkpoint that had its quorum of witnesses."""
    await require_member(request)
    desk = services(request).logs
    found = await desk.database.read(lambda c: publishing.newest(c, origins.current(c, desk.me)))
    if found is None:
        raise Problem("not_found")
    return Response(found.note, media_type=_TEXT)


async def tile(request: Request) -> Response:
    """`tile/<L>/<N>[.p/<W>]`: hashes alone. What the tree does not have yet is `not_found`."""
    await require_member(request)
    try:
        wanted = tile_from_path("tile/" + request.path_params["place"])
    except ProofRefused:
        raise Problem("not_found") from None
    data = await services(request).database.read(lambda c: read_tile(c, wanted))
    if data is None:
        raise Problem("not_found")
    return Response(data, media_type="application/octet-stream", headers=_FOR_EVER)


async def witness(request: Request) -> Response:
    """`add-checkpoint`: our cosignature of a member's checkpoint, once it provably extends what we know."""
    await require_member(request)
    done = await add_checkpoint(services(request).logs, await request.body())
    if isinstance(done, Elsewhere):
        return Response(f"{done.size}\n", status_code=409, media_type="text/x.tlog.size")
    return Response(done, media_type=_TEXT)


async def held(request: Request) -> Response:
    """The newest note of the caller's own log that we keep: what it needs where its own end was lost."""
    member = await require_member(request)
    desk = services(request).logs
    record = desk.directory().trust.member(member)
    note = await desk.database.read(lambda c: held_of(c, record)) if record is not None else None
    if note is None:
        raise Problem("not_found")
    return Response(note, media_type=_TEXT)
