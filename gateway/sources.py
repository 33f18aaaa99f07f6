"""Each configured source with its adapter and normaliser: what `bootstrap` binds to the exchange."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

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
