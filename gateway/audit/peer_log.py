"""Another member's log over HTTP: its checkpoint, its tiles, and its cosignature of ours (http-api.md 9).

One connection for one errand. The token is asked for with an assertion by a `sig` key of ours; credentials
never leave the origin of the `ledger` endpoint in the member's record.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from adapters.codec import BadJSON, decode
from adapters.transport import Response, Transport
from gateway.audit.desk import LogDesk
from gateway.authn.members import SCOPE, assertion
from gateway.authn.tokens import ASSERTION_TYPE, GRANT
from keys.errors import ProofRefused, UnknownKey
from keys.lifecycle import newest
from keys.member import Member
from keys.note import base64_from_bytes
from keys.tiles import Tile, path_from_tile

MAX_BYTES = 256 * 1024
_FORM = "application/x-www-form-urlencoded"


class PeerRefused(Exception):
    """The member's node answered, and not with what was asked for. Its words are not kept."""

    def __init__(self) -> None:
        super().__init__("the member's log did not answer as agreed")


class Behind(Exception):
    """The witness last cosigned another size than we thought (409 of tlog-witness)."""

    def __init__(self, size: int) -> None:
        super().__init__("the witness is elsewhere")
        self.size = size


class PeerLog:
    """Raises `SourceError` of the transport, `PeerRefused`; `ProofRefused` for a member without endpoint."""

    def __init__(self, desk: LogDesk, member: Member, *, deadline: float) -> None:
        endpoint = member.endpoints.get("ledger", "")
        self._desk, self._deadline = desk, deadline
        try:
            if not endpoint.endswith("/ledger"):
                raise ValueError
            self._transport = Transport(endpoint + "/", max_bytes=MAX_BYTES, reach=desk.reach)
        except ValueError:
            raise ProofRefused("the member names no usable log endpoint") from None
        self._base = endpoint.removesuffix("/ledger")
        self._token = ""

    async def __aenter__(self) -> "PeerLog":
        try:
            await self._authenticate()
        except BaseException:
            await self._transport.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    async def checkpoint(self) -> bytes:
        """The newest published note."""
        return (await self._get("checkpoint")).body

    async def held(self) -> bytes:
        """The newest note of our own log that the member keeps."""
        return (await self._get("witness/held")).body

    async def tiles(self, wanted: Sequence[Tile]) -> Mapping[Tile, bytes]:
        """Hash tiles as bytes; their hashes are proven only by what is computed from them."""
        return {tile: (await self._get(path_from_tile(tile))).body for tile in wanted}

    async def add_checkpoint(self, old: int, proof: Sequence[bytes], note: bytes) -> bytes:
        """Signature lines of the witness (C2SP tlog-witness). Raises `Behind`."""
        lines = [f"old {old}", *(base64_from_bytes(one) for one in proof), "", ""]
        body = "\n".join(lines).encode("ascii") + note
        reply = await self._send("POST", "witness/add-checkpoint", body)
        if reply.status == 409:
            size = reply.body.removesuffix(b"\n")
            if size.isdigit() and len(size) < 19:
                raise Behind(int(size))
        return _good(reply).body

    async def _get(self, path: str) -> Response:
        return _good(await self._send("GET", path))

    async def _send(self, method: str, path: str, content: bytes | None = None) -> Response:
        headers = {"Authorization": f"Bearer {self._token}"}
        if content is not None:
            headers["Content-Type"] = "text/plain; charset=utf-8"
        return await self._transport.request(
            method, path, deadline=self._deadline, headers=headers, content=content
        )

    async def _authenticate(self) -> None:
        desk, now, url = self._desk, self._desk.now(), f"{self._base}/oauth/token"
        try:
            key = newest(desk.keys.public(), "sig", "Ed25519", now)
        except UnknownKey:
            raise PeerRefused from None
        text = assertion(desk.me, url, key.kid, lambda data: desk.keys.sign(key.kid, data), now, desk.entropy)
        form = {"grant_type": GRANT, "scope": SCOPE, "client_assertion_type": ASSERTION_TYPE}
        content = urlencode(form | {"client_assertion": text}).encode("ascii")
        reply = await self._transport.request(
            "POST", url, deadline=self._deadline, headers={"Content-Type": _FORM}, content=content
        )
        self._token = _token(_good(reply))


def _good(reply: Response) -> Response:
    if reply.status != 200:
        raise PeerRefused
    return reply


def _token(reply: Response) -> str:
    try:
        answer: Any = decode(reply.body, max_depth=4)
        token = answer["access_token"]
    except (BadJSON, KeyError, TypeError):
        raise PeerRefused from None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or len(token) > 512:
        raise PeerRefused
    return token
