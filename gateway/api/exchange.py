"""`POST /exchange`: sealed questions of other members' nodes (http-api.md 9).

Outside, every refusal of an envelope is the same bytes: 400 with one constant OperationOutcome. Only length
(413), media type (415), load (429) and our own unreadiness (503) differ, and none of them depends on content.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.api.services import services
from gateway.errors import Problem
from keys.envelope.framing import MEDIA_TYPE
from keys.errors import EnvelopeRefused


async def _timely(
    pieces: AsyncIterator[bytes], seconds: float, read: Callable[[], None]
) -> AsyncIterator[bytes]:
    """The same pieces, all of them within so many seconds: who dribbles keeps no opening from others."""
    until = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with asyncio.timeout_at(until):
                piece = await anext(pieces)
        except StopAsyncIteration:
            read()
            return
        except TimeoutError:
            raise EnvelopeRefused("framing") from None
        yield piece


async def receive(request: Request) -> Response:
    """One envelope in, one out. Nothing of the message is told but in the sealed answer."""
    if request.headers.get("content-type", "").strip().lower() != MEDIA_TYPE:
        raise Problem("unsupported_media", expression="Content-Type", hint=MEDIA_TYPE)
    node = services(request)
    address = request.client.host if request.client else ""
    with node.openings.one(address) as read:
        try:
            envelope = await node.respond(_timely(request.stream(), node.settings.limits.body_read, read))
        except (EnvelopeRefused, ClientDisconnect):
            raise Problem("refused") from None
    return Response(envelope, media_type=MEDIA_TYPE) if envelope else Response(status_code=204)
