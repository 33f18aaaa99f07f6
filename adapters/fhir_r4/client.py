"""Asks any FHIR R4 server for the whole record of one patient (normalisation.md 6).

1 what the server can do, once a day · 2 who she is there, by identifier, with POST, so that no identifier is
in a URL · 3 `$everything` where it is offered, else a search of each type by patient · 4 every page, on the
server's own origin only, no page twice, up to a limit. A page that fails is asked for once more; then what
came is kept, and the answer says that a page is missing. Never half a record that looks whole.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode, urljoin, urlsplit

from adapters.errors import SourceError, SourceMalformed, SourceRefused, SourceTimedOut, SourceUnavailable
from adapters.fhir_r4.capability import Capability, Search, capability_from_statement
from adapters.fhir_r4.pages import Page, decoded, original_from_pages, page_from_answer
from adapters.interface import Capabilities, Fetched, Identifier, Original, PatientQuery
from adapters.transport import Response, Transport

MEDIA_TYPE = "application/fhir+json"
_FORM = "application/x-www-form-urlencoded"
_A_DAY = timedelta(days=1)
_BUSY = frozenset((408, 425, 429))


@dataclass(frozen=True, slots=True)
class FHIRSettings:
    """Where a server is and how much of it is asked for."""

    base_url: str
    identifier_systems: tuple[str, ...] = ()
    """Identifier systems that it knows patients by; empty: any."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request: authorisation, if the server wants one."""
    page_size: int = 100
    max_pages: int = 200
    max_bytes: int = 64 * 1024 * 1024
    """Of all pages of one patient together."""
    parallel: int = 4


@dataclass(slots=True)
class _Record:
    """What came of one patient so far."""

    ends: float
    pages: list[Page] = field(default_factory=list)
    errors: list[SourceError] = field(default_factory=list)
    count: int = 0
    bytes: int = 0


class FHIRClient:
    """`adapters.interface.SourceAdapter` of one R4 server. Who made the transport opens and closes it."""

    def __init__(self, settings: FHIRSettings, transport: Transport) -> None:
        """`transport` is bound to the FHIR base, with the credentials that the server wants."""
        self._settings = settings
        self._transport = transport
        self._base = settings.base_url.rstrip("/") + "/"
        self._capability: tuple[datetime, Capability] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("fhir-r4", True, self._settings.identifier_systems)

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """Whether it knows patients by any of these systems."""
        return bool(self._usable(identifiers))

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """The whole record within `deadline` seconds, retries included."""
        usable = self._usable(patient.identifiers)
        if not usable:
            return Fetched("no-record")
        ends = asyncio.get_running_loop().time() + deadline
        try:
            capability = await self._capabilities(patient.at, ends)
            found = await self._patients(usable, ends)
        except SourceError as error:
            return _failed(error)
        if found is None:
            return Fetched("no-record")
        record = _Record(ends)
        for id in found.patients:
            await self._read(id, capability, record)
        return self._fetched(record, found, patient.identifiers)

    def _usable(self, identifiers: tuple[Identifier, ...]) -> tuple[Identifier, ...]:
        systems = self._settings.identifier_systems
        named = (one for one in identifiers if not systems or one.system in systems)
        return tuple(one for one in named if not one.system.startswith("urn:carepact:"))

    async def _capabilities(self, at: datetime, ends: float) -> Capability:
        """The CapabilityStatement, at most a day old. Raises `SourceRefused` for another FHIR than 4.0."""
        if self._capability is None or not timedelta() <= at - self._capability[0] < _A_DAY:
            response = await self._ask("GET", "metadata", ends, None)
            statement = decoded(response.headers.get("content-type", ""), response.body)
            self._capability = at, capability_from_statement(statement)
        if not self._capability[1].speaks_r4:
            raise SourceRefused("does not speak FHIR 4.0")
        return self._capability[1]

    async def _patients(self, identifiers: tuple[Identifier, ...], ends: float) -> Page | None:
        """The page with her Patient, by the first identifier that the server knows."""
        for one in identifiers:
            words = f"{_escaped(one.system)}|{_escaped(one.value)}"
            page = await self._page("POST", "Patient/_search", ends, urlencode({"identifier": words}))
            if page.patients:
                return page
        return None

    async def _read(self, id: str, capability: Capability, record: _Record) -> None:
        """All pages about one Patient of the server."""
        size = str(self._settings.page_size)
        if capability.everything:
            url = f"Patient/{quote(id, safe='')}/$everything?_count={size}"
            record.pages += await self._follow("GET", url, None, record)
            return
        limit = asyncio.Semaphore(self._settings.parallel)

        async def search(one: Search) -> list[Page]:
            pairs = [(one.parameter, f"Patient/{id}"), ("_count", size)]
            pairs += [("_include", words) for words in one.includes]
            async with limit:
                return await self._follow("POST", f"{one.type}/_search", urlencode(pairs), record)

        # In the order of the statement, whichever ends first: the same record is the same original.
        for pages in await asyncio.gather(*(search(one) for one in capability.searches)):
            record.pages += pages

    async def _follow(self, method: str, url: str, form: str | None, record: _Record) -> list[Page]:
        """One search to its end; a page that fails ends it, and is remembered."""
        pages: list[Page] = []
        seen: set[str] = set()
        try:
            pages.append(await self._tried(method, url, form, record))
            while (following := pages[-1].following) is not None:
                address = self._own(following)
                if address in seen:
                    raise SourceMalformed("pages that lead back to themselves")
                seen.add(address)
                pages.append(await self._tried("GET", address, None, record))
        except SourceError as error:
            record.errors.append(error)
        return pages

    async def _tried(self, method: str, url: str, form: str | None, record: _Record) -> Page:
        """One page within the limits, asked for once more if the server broke off."""
        record.count += 1
        if record.count > self._settings.max_pages:
            raise SourceMalformed("pages without end")
        try:
            page = await self._page(method, url, record.ends, form)
        except SourceTimedOut:
            raise
        except SourceUnavailable:
            page = await self._page(method, url, record.ends, form)
        if page.short:
            record.errors.append(SourceMalformed("said that something is missing"))
        record.bytes += len(page.body)
        if record.bytes > self._settings.max_bytes:
            raise SourceMalformed("a record larger than the limit")
        return page

    async def _page(self, method: str, url: str, ends: float, form: str | None) -> Page:
        response = await self._ask(method, url, ends, form)
        return page_from_answer(response.headers.get("content-type", ""), response.body)

    async def _ask(self, method: str, url: str, ends: float, form: str | None) -> Response:
        kind = {"Content-Type": _FORM} if form is not None else {}
        response = await self._transport.request(
            method,
            url,
            deadline=ends - asyncio.get_running_loop().time(),
            headers={**self._settings.headers, "Accept": MEDIA_TYPE, **kind},
            content=form.encode("ascii") if form is not None else None,
        )
        if response.status == 200:
            return response
        if response.status >= 500 or response.status in _BUSY:
            raise SourceUnavailable("answered with a server error")
        raise SourceRefused("answered with a refusal")

    def _own(self, url: str) -> str:
        """The address of a next page, absolute. Raises `SourceRefused` off the server's own origin."""
        try:
            absolute = urljoin(self._base, url)
            own = urlsplit(absolute).scheme in ("http", "https")
        except ValueError:
            own = False
        if not own or not self._transport.same_origin(absolute):
            raise SourceRefused("a page outside the server's own origin")
        return absolute

    def _fetched(self, record: _Record, found: Page, asked: tuple[Identifier, ...]) -> Fetched:
        if record.errors and not record.pages:
            return _failed(record.errors[0])
        pages = record.pages
        if not set(found.patients) <= {id for page in pages for id in page.patients}:
            pages = [found, *pages]
        body = original_from_pages([page.body for page in pages], len(record.errors))
        return Fetched("answered", (Original(body, MEDIA_TYPE, asked),), whole=not record.errors)


def _escaped(value: str) -> str:
    """FHIR search: `\\`, `,`, `|` and `$` in a value are escaped with a backslash."""
    return "".join(f"\\{c}" if c in "\\,|$" else c for c in value)


def _failed(error: SourceError) -> Fetched:
    if isinstance(error, SourceTimedOut):
        return Fetched("timed-out")
    if isinstance(error, SourceRefused):
        return Fetched("failed", reason="refused")
    return Fetched("failed", reason="malformed" if isinstance(error, SourceMalformed) else "unreachable")
