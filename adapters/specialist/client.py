"""Asks a document source (MHD manner, ITI-67 and ITI-68) for a patient's clinical documents.

1 search `DocumentReference` by patient identifier, with POST, so that no identifier is in a URL · 2 follow
`link[next]`, on the source's own origin only · 3 fetch each attachment, same origin only, and check size and
hash where the source stated them. A document that cannot be had counts as truncated; it never stops the rest.
"""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from adapters.codec import BadJSON, decode
from adapters.errors import SourceError, SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from adapters.interface import Capabilities, FailReason, Fetched, Identifier, Original, PatientQuery
from adapters.specialist.patient import is_about_another
from adapters.specialist.searchset import Listing, media_type, next_link, read_page, verify
from adapters.transport import Response, Transport

JSON = dict[str, Any]
_FORM = "application/x-www-form-urlencoded"
_REASONS: tuple[tuple[type[SourceError], FailReason], ...] = (
    (SourceRefused, "refused"),
    (SourceMalformed, "malformed"),
)


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """Where a document source is and how much of it is asked for."""

    base_url: str
    """FHIR base of the document server."""
    identifier_systems: tuple[str, ...] = ()
    """Identifier systems that it knows patients by; empty: any."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request: authorisation, if the source wants one."""
    max_pages: int = 50
    max_documents: int = 500
    parallel: int = 4


class DocumentClient:
    """`adapters.interface.SourceAdapter` of kind specialist, over one `Transport`."""

    def __init__(self, settings: DocumentSettings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport
        self._base = settings.base_url.rstrip("/") + "/"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("specialist", True, self._settings.identifier_systems)

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """Whether it knows patients by any of these systems."""
        return bool(self._usable(identifiers))

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """All current documents of the patient. `deadline`: seconds in total."""
        usable = self._usable(patient.identifiers)
        if not usable:
            return Fetched("no-record")
        ends = asyncio.get_running_loop().time() + deadline
        listing = await self._list(usable, ends)
        if not listing.attachments:
            return _nothing_found(listing)
        limit = asyncio.Semaphore(self._settings.parallel)
        wanted = listing.attachments[: self._settings.max_documents]
        outcomes = await asyncio.gather(*(self._attachment(a, patient, ends, limit) for a in wanted))
        originals = tuple(o for o in outcomes if isinstance(o, Original))
        errors = [o for o in outcomes if isinstance(o, SourceError)]
        lost = len(errors) + len(listing.attachments) - len(wanted) + listing.missing
        if not originals:
            return _failed(errors[0], lost)
        return Fetched("answered", originals, truncated=lost)

    def _usable(self, identifiers: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
        systems = self._settings.identifier_systems
        named = (i for i in identifiers if not systems or i.system in systems)
        return tuple(i for i in named if not i.system.startswith("urn:carepact:"))

    async def _list(self, identifiers: tuple[Identifier, ...], ends: float) -> Listing:
        """A search by each identifier until one finds documents: all name the same patient.

        What came before a page that failed is kept.
        """
        worst = Listing()
        for one in identifiers:
            listing = Listing()
            query = f"{_escaped(one.system)}|{_escaped(one.value)}"
            form = urlencode({"patient.identifier": query, "status": "current"}).encode("ascii")
            try:
                await self._pages(form, listing, ends)
            except SourceError as error:
                listing.error = error
                listing.missing += 1
            if listing.attachments:
                return listing
            worst = Listing(missing=max(worst.missing, listing.missing), error=listing.error or worst.error)
        return worst

    async def _pages(self, form: bytes, listing: Listing, ends: float) -> None:
        page = await self._bundle("POST", "DocumentReference/_search", ends, form)
        seen: set[str] = set()
        while page is not None:
            read_page(page, listing)
            following = next_link(page)
            if following is None:
                return
            url = self._own(following)
            if url in seen or len(seen) + 1 >= self._settings.max_pages:
                raise SourceMalformed("pages without end")
            seen.add(url)
            page = await self._bundle("GET", url, ends, None)

    async def _bundle(self, method: str, url: str, ends: float, form: bytes | None) -> JSON | None:
        """One page; None if the source knows no such patient."""
        kind = {"Content-Type": _FORM} if form is not None else {}
        response = await self._ask(method, url, ends, {"Accept": "application/fhir+json"} | kind, form)
        if response.status == 404 and method == "POST":
            return None
        _check(response)
        try:
            bundle = decode(response.body)
        except BadJSON:
            raise SourceMalformed("the answer was not FHIR JSON") from None
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise SourceMalformed("the answer was no Bundle")
        return bundle

    async def _ask(
        self, method: str, url: str, ends: float, headers: Mapping[str, str], body: bytes | None = None
    ) -> Response:
        left = ends - asyncio.get_running_loop().time()
        return await self._transport.request(
            method, url, deadline=left, headers={**self._settings.headers, **headers}, content=body
        )

    async def _attachment(
        self, attachment: JSON, patient: PatientQuery, ends: float, limit: asyncio.Semaphore
    ) -> Original | SourceError:
        """The bytes of one document, or why they could not be had.

        Other bytes than promised are no document; but if they are somebody else's, they are handed on,
        so that the mix-up is kept as evidence and the source quarantined.
        """
        try:
            async with limit:
                body = await self._content(attachment, ends)
        except SourceError as error:
            return error
        try:
            verify(attachment, body)
        except SourceError as error:
            if not is_about_another(body, patient.identifiers):
                return error
        return Original(body, media_type(attachment) or "text/xml", asked=patient.identifiers)

    async def _content(self, attachment: JSON, ends: float) -> bytes:
        data, url = attachment.get("data"), attachment.get("url")
        if isinstance(data, str):
            try:
                return base64.b64decode(data, validate=True)
            except ValueError:
                raise SourceMalformed("an inline document was not base64") from None
        if not isinstance(url, str):
            raise SourceMalformed("a document without address")
        response = await self._ask("GET", self._own(url), ends, {"Accept": "text/xml, application/xml"})
        _check(response)
        return response.body

    def _own(self, url: str) -> str:
        """An address that the source gave, absolute; refused unless it is on the source's own origin."""
        try:
            absolute = urljoin(self._base, url)
            parts = urlsplit(absolute)
            own = parts.scheme in ("http", "https") and bool(parts.netloc)
        except ValueError:
            own = False
        if not own or not self._transport.same_origin(absolute):
            raise SourceRefused("an address outside the source's own origin")
        return absolute


def _escaped(value: str) -> str:
    """FHIR search: `\\`, `,`, `|` and `$` in a value are escaped with a backslash."""
    return "".join(f"\\{c}" if c in "\\,|$" else c for c in value)


def _check(response: Response) -> None:
    if response.status in (200, 203):
        return
    if response.status >= 500:
        raise SourceUnavailable("answered with a server error")
    raise SourceRefused("answered with a refusal")


def _nothing_found(listing: Listing) -> Fetched:
    if listing.error is not None:
        return _failed(listing.error, listing.missing)
    if listing.missing:
        return _failed(SourceMalformed("no document that can be read"), listing.missing)
    return Fetched("no-record")


def _failed(error: SourceError, lost: int) -> Fetched:
    if isinstance(error, SourceTimedOut):
        return Fetched("timed-out", truncated=lost)
    reasons: list[FailReason] = [reason for kind, reason in _REASONS if isinstance(error, kind)]
    return Fetched("failed", reason=(reasons or ["unreachable"])[0], truncated=lost)
