"""`/directory`: the member list as files, from any node; at a publisher, a member's newer word of itself.

Public and self-authenticating (http-api.md 9): who reads verifies against a pinned root, who writes has
signed with the pair that the operator delegated to. No other credential is asked for or looked at.
"""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from gateway.api.services import Services, services
from gateway.directory.interface import DirectoryBusy, DirectoryRefused, DirectoryStale
from gateway.directory.joining import Joining, joining_from_bytes
from gateway.directory.ping import NONCE
from gateway.directory.publishing import take
from gateway.errors import Problem
from keys.errors import UnknownKey

UPDATE_BYTES = 256 * 1024
"""A role and a record of 64 KiB each, as base64."""
_TIMESTAMP = "metadata/timestamp.json"


async def read(request: Request) -> Response:
    """A file of the list that this node last verified; each carries its version or hash in its name."""
    path = request.url.path.removeprefix("/directory/")
    data = services(request).membership.file(path)
    if data is None:
        raise Problem("not_found")
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    age = "max-age=60" if path == _TIMESTAMP else "max-age=31536000, immutable"
    headers = {"ETag": tag, "Cache-Control": f"public, {age}"}
    if tag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="application/json", headers=headers)


async def ping(request: Request) -> Response:
    """Who answers here, signed over the caller's number (`gateway.directory.ping`)."""
    node = services(request)
    nonce = request.path_params["nonce"]
    if not NONCE(nonce):
        raise Problem("not_found")
    try:
        answer = node.pings.answer(nonce, int(node.clock().timestamp() * 1000))
    except UnknownKey:
        raise Problem("unavailable") from None
    if answer is None:
        raise Problem("throttled")
    return Response(answer, media_type="application/jose+json")


async def put_member(request: Request) -> Response:
    """A member's own role and record. 204; `stale` for a version that does not rise, else `invalid`."""
    node = services(request)
    membership = node.membership
    if not membership.desk.exists():
        raise Problem("method_not_allowed", hint="this node is no publisher of its federation")
    data = await _body(request)
    try:
        joining = _update(node, data, request.path_params["id"])
        about = {"by": joining.id, "reason": "its own update"}
        await take(membership, joining, about, int(node.clock().timestamp()))
    except DirectoryStale as refused:
        raise Problem("stale", hint=str(refused)) from None
    except DirectoryBusy as refused:
        raise Problem("unavailable", hint=str(refused)) from None
    except DirectoryRefused as refused:
        raise Problem("invalid", hint=str(refused)) from None
    return Response(status_code=204)


def _update(node: Services, data: bytes, id: str) -> Joining:
    held = node.membership.held()
    joining = joining_from_bytes(data, held.federation, node.membership.desk.fingerprint())
    if joining.id != id:
        raise DirectoryRefused("an update of another member")
    return joining


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem("unsupported_media", expression="Content-Type", hint="application/json")
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > UPDATE_BYTES:
            raise Problem("too_large")
    return bytes(data)
