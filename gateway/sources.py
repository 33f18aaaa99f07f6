"""Each configured source with its adapter and normaliser: what `bootstrap` binds to the exchange."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from adapters.fhir_r4.client import FHIRClient, FHIRSettings
from adapters.gp.client import GPClient
from adapters.gp.csv.client import CSVExtract
from adapters.gp.csv.columns import BadMap, ColumnMap, columns_from_toml
from adapters.gp.request import GPConnectSettings
from adapters.hospital.feed import HospitalFeed
from adapters.interface import Source, SourceAdapter
from adapters.registry import normaliser, normaliser_of_extract
from adapters.specialist.client import DocumentClient, DocumentSettings
from adapters.specialist.folder import DropFeed
from adapters.transport import Transport
from gateway.config import Settings
from gateway.errors import RefusedToStart
from gateway.exchange.node import BoundSource
from gateway.files import require_unshared
from gateway.source_settings import SourceSettings, overlay_of


async def bind(settings: Settings, one: SourceSettings, id_key: bytes, stack: AsyncExitStack) -> BoundSource:
    """One source, ready to be asked or fed. Raises `RefusedToStart`."""
    source = Source(
        id=one.id,
        kind=one.kind,
        custodian=one.custodian,
        id_key=id_key,
        zone=one.zone,
        charset=one.charset,
        charset_override=one.charset_override,
        facility=one.facility,
        identifier_order=one.identifier_order,
        authorities=one.authorities,
        test_messages=one.test_messages,
        codes=overlay_of(one),
    )
    if one.path is not None and one.columns is not None:
        columns = await asyncio.to_thread(_column_map, one.id, one.columns)
        extract = CSVExtract(one.path, columns, settings.limits.source_bytes)
        return BoundSource(source, extract, normaliser_of_extract(columns))
    return BoundSource(source, await _adapter(settings, one, stack), normaliser(one.kind))


def _column_map(id: str, path: Path) -> ColumnMap:
    try:
        return columns_from_toml(path.read_text("utf-8"))
    except (OSError, UnicodeError):
        raise RefusedToStart(f"sources.{id}.columns: cannot be read") from None
    except BadMap as wrong:
        raise RefusedToStart(f"sources.{id}.columns: {wrong}") from None


def _authorisation(one: SourceSettings) -> dict[str, str]:
    """The header that the server wants, from a file that nobody else may read."""
    if one.token_file is None:
        return {}
    require_unshared(one.token_file)
    try:
        token = one.token_file.read_text("ascii").strip()
    except (OSError, UnicodeError):
        raise RefusedToStart(f"sources.{one.id}.token_file: cannot be read") from None
    if not token or not token.isprintable() or " " in token:
        raise RefusedToStart(f"sources.{one.id}.token_file: holds no bearer token")
    return {"Authorization": f"Bearer {token}"}


async def _adapter(settings: Settings, one: SourceSettings, stack: AsyncExitStack) -> SourceAdapter:
    if one.folder is not None:
        return DropFeed()
    if one.kind == "hospital" or one.url is None:
        return HospitalFeed()
    try:
        transport = Transport(one.url, max_bytes=settings.limits.source_bytes)
    except ValueError as wrong:
        raise RefusedToStart(f"sources.{one.id}.url: {wrong}") from None
    await stack.enter_async_context(transport)
    if one.kind == "fhir-r4":
        limits = settings.limits
        headers = await asyncio.to_thread(_authorisation, one)
        return FHIRClient(
            FHIRSettings(
                one.url, headers=headers, max_pages=limits.source_pages, max_bytes=limits.source_bytes
            ),
            transport,
        )
    if one.kind == "specialist":
        return DocumentClient(DocumentSettings(one.url), transport)
    return GPClient(
        GPConnectSettings(
            base_url=one.url,
            asid_from=one.asid_from,
            asid_to=one.asid_to,
            ods_code=one.ods,
            organisation_name=settings.node.id,
            issuer=settings.node.public_url,
            audience=one.url,
            includes=one.includes,
        ),
        transport,
    )
