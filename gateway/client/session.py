"""A health system's session with its node: token, question, sealed answer, verified statement.

1. Sign a client assertion and get a token (SMART Backend Services); kept until shortly before it ends.
2. Ask, with a fresh nonce, for an answer sealed to the client's registered key (envelope.md 11).
3. Open it: signatures, audience, conversation, time, replay, hash; nothing is parsed before.
4. Verify the signed completeness statement, and raise unless the answer is complete or partial was accepted.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import httpx
from joserfc.jwk import ECKey

from gateway.client.answer import Answer, Request, answer_from_envelope, answer_from_json
from gateway.client.assertion import ASSERTION_TYPE, Purpose, client_assertion
from gateway.client.errors import NotReached, PartialAnswer, Refused, Unverified
from gateway.fhir.json import BadJSON, decode
from keys.envelope.recipient import http_request_digest
from keys.interface import Entropy, KeyStore
from keys.store.memory import MemoryReplay
from keys.syntax import b64u
from keys.trust import TrustList

Reach = Literal["local", "federation"]
"""How far a question goes: the node's own sources, or also other members', if the registration allows."""
ENVELOPE = "application/vnd.carepact.envelope"
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_WORD = re.compile(r"[a-z_-]{1,64}\Z")
_STATES = frozenset(("failed", "timed-out", "not-asked"))
_LINE = re.compile(r"[ -~]{1,200}\Z")
_MAX_BYTES = 96 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Registration:
    """What the operator of the node registered, and what the client keeps. `keys` holds the KEM key."""

    base_url: str
    """`public_url` of the node: all addresses derive from it."""
    member: str
    client_id: str
    signing_key: ECKey
    signing_kid: str
    scopes: str
    keys: KeyStore | None = None
    """Without it answers come in clear over TLS, and are not verified end to end."""

    @property
    def address(self) -> str:
        return f"{self.member}/{self.client_id}"


class CarepactClient:
    """Asks one node. `trust` is a callable because member lists change; `now` whole POSIX seconds."""

    def __init__(
        self,
        registration: Registration,
        purpose: Purpose,
        trust: Callable[[], TrustList],
        *,
        entropy: Entropy,
        now: Callable[[], int] = lambda: int(time.time()),
        deadline: float = 15.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport`: httpx's own unless given, for example one that presents a client certificate."""
        self._registration = registration
        self._purpose = purpose
        self._trust = trust
        self._entropy = entropy
        self._now = now
        self._deadline = deadline
        self._token = ""
        self._token_ends = 0
        self._replay = MemoryReplay()
        self._http = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - the whole call has one deadline
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def find_patients(
        self, system: str, value: str, *, accept_partial: bool = False, reach: Reach = "local"
    ) -> Answer:
        """Every source's Patient with this identifier, which travels in a form body, not in a URL."""
        body = _form({"identifier": search_token(system, value)}, reach)
        return await self._ask("POST", "/fhir/Patient/_search", body, accept_partial)

    async def everything(
        self, patient: str, *, accept_partial: bool = False, reach: Reach = "local"
    ) -> Answer:
        """The whole released record of a Patient id. Raises `ValueError` for what is no id."""
        path = f"/fhir/Patient/{_id(patient)}/$everything{_query(reach)}"
        return await self._ask("GET", path, b"", accept_partial)

    async def everything_of(
        self, system: str, value: str, *, accept_partial: bool = False, reach: Reach = "federation"
    ) -> Answer:
        """The whole released record of whom an identifier is; the node itself need not know her."""
        body = _form({"patient.identifier": search_token(system, value)}, reach)
        return await self._ask("POST", "/fhir/Patient/$everything", body, accept_partial)

    async def summary(self, patient: str, *, accept_partial: bool = False, reach: Reach = "local") -> Answer:
        """The International Patient Summary of a Patient id; its statement of sources is in the document."""
        path = f"/fhir/Patient/{_id(patient)}/$summary{_query(reach)}"
        return await self._ask("GET", path, b"", accept_partial)

    async def _ask(self, method: str, path: str, body: bytes, accept_partial: bool) -> Answer:
        registration = self._registration
        url = httpx.URL(registration.base_url.rstrip("/") + path)
        reused = self._now() < self._token_ends
        nonce, status, kind, reply = await self._asked(method, url, body)
        if status == 401 and reused:
            # The token ended early, for example with a change of the registration: a new one, once.
            self._token_ends = 0
            nonce, status, kind, reply = await self._asked(method, url, body)
        if status != 200:
            raise _refusal(status, reply)
        if registration.keys is not None:
            if kind != ENVELOPE:
                raise Unverified("asked for a sealed answer and got another")
            target = url.raw_path.decode("ascii")
            digest = http_request_digest(method, target, nonce, body)
            asked = Request(registration.member, registration.address, digest)
            answer = answer_from_envelope(
                reply, asked, registration.keys, self._trust(), now=self._now(), replay=self._replay
            )
        else:
            answer = answer_from_json(reply, registration.member, self._trust(), now=self._now())
        if not answer.complete and not accept_partial:
            raise PartialAnswer(answer.sources)
        return answer

    async def _asked(self, method: str, url: httpx.URL, body: bytes) -> tuple[bytes, int, str, bytes]:
        """One call with a live token and a fresh nonce: nonce, status, media type, reply."""
        nonce = self._entropy(16)
        headers = {"Authorization": f"Bearer {await self._live_token()}", "Accept": "application/fhir+json"}
        if self._registration.keys is not None:
            headers |= {"Accept": ENVELOPE, "Carepact-Nonce": b64u(nonce)}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return nonce, *await self._send(method, url, headers, body)

    async def _live_token(self) -> str:
        if self._now() < self._token_ends:
            return self._token
        registration = self._registration
        token_url = registration.base_url.rstrip("/") + "/oauth/token"
        assertion = client_assertion(
            registration.signing_key,
            kid=registration.signing_kid,
            client_id=registration.client_id,
            audience=token_url,
            purpose=self._purpose,
            now=self._now(),
            jti=b64u(self._entropy(16)),
        )
        form = {
            "grant_type": "client_credentials",
            "scope": registration.scopes,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        body = str(httpx.QueryParams(form)).encode("ascii")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, _, reply = await self._send("POST", httpx.URL(token_url), headers, body)
        granted = _json(reply)
        if status != 200:
            raise Refused(status, str(granted.get("error", "unknown")))
        token, life = granted.get("access_token"), granted.get("expires_in")
        if not isinstance(token, str) or not isinstance(life, int):
            raise Refused(status, "no-token")
        self._token = token
        self._token_ends = self._now() + max(0, life - 30)
        return self._token

    async def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Status, media type, body, within the deadline; foreign exceptions become ours."""
        try:
            async with asyncio.timeout(self._deadline):
                async with self._http.stream(method, url, headers=headers, content=body or None) as reply:
                    received = bytearray()
                    async for piece in reply.aiter_bytes():
                        received += piece
                        if len(received) > _MAX_BYTES:
                            raise NotReached("the answer is larger than this client takes")
                kind = reply.headers.get("content-type", "").split(";")[0].strip().lower()
                return reply.status_code, kind, bytes(received)
        except (httpx.HTTPError, TimeoutError):
            raise NotReached("the node did not answer") from None


def _query(reach: Reach) -> str:
    return "" if reach == "local" else f"?reach={reach}"


def _form(said: dict[str, str], reach: Reach) -> bytes:
    far = {} if reach == "local" else {"reach": str(reach)}
    return str(httpx.QueryParams(said | far)).encode("ascii")


def search_token(system: str, value: str) -> str:
    """`system|value` of a search: `\\`, `|`, `,` and `$` in them are data (FHIR R4 3.1.1.4.10)."""
    return "|".join(re.sub(r"([\\|,$])", r"\\\1", part) for part in (system, value))


def _refusal(status: int, reply: bytes) -> Refused:
    """The node's word, and what it says of each source; anything that is not of that form is `unknown`."""
    try:
        issues = [(i["details"]["coding"][0]["code"], i["details"]["text"]) for i in _json(reply)["issue"]]
        category, told = (
            issues[0][0],
            tuple(t for code, t in issues[1:] if code in _STATES and _LINE.match(t)),
        )
    except (LookupError, TypeError):
        category, told = "unknown", ()
    known = isinstance(category, str) and _WORD.match(category)
    return Refused(status, category if known else "unknown", told)


def _id(patient: str) -> str:
    if not _ID.match(patient):
        raise ValueError("a Patient id is 1 to 64 letters, digits, - and .")
    return patient


def _json(data: bytes) -> dict[str, Any]:
    try:
        value = decode(data)
    except BadJSON:
        return {}
    return value if isinstance(value, dict) else {}
