"""An extract on this machine as a `SourceAdapter`: asked about a person, it answers with her rows.

The file is read anew at each asking, so that a newer extract counts at once; a file that changes while it is
read is not used.
"""

import asyncio
from pathlib import Path

from adapters.gp.csv import extract, reader
from adapters.gp.csv.columns import ColumnMap
from adapters.interface import Capabilities, Fetched, Identifier, Original, PatientQuery

MEDIA_TYPE = "text/csv"


class CSVExtract:
    """`adapters.interface.SourceAdapter` of one file."""

    def __init__(self, path: Path, columns: ColumnMap, max_bytes: int) -> None:
        """`max_bytes`: a larger file is not read."""
        self._path = path
        self._columns = columns
        self._max_bytes = max_bytes

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("gp", pull=True, identifier_systems=extract.systems_of(self._columns))

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """By the identifiers that the extract has columns for."""
        return any(one.system in self.capabilities.identifier_systems for one in identifiers)

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """Her rows as they came. `unreachable`: no file, or a changing or too large one."""
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.to_thread(self._fetched, patient.identifiers)
        except TimeoutError:
            return Fetched("timed-out")

    def _fetched(self, asked: tuple[Identifier, ...]) -> Fetched:
        body = self._read()
        if body is None:
            return Fetched("failed", reason="unreachable")
        try:
            table = reader.read(body, self._columns)
        except reader.NoMatch:
            return Fetched("failed", reason="malformed")
        mine, unclear = extract.rows_of(table, self._columns, asked)
        if mine is None:
            return Fetched("answered" if unclear else "no-record", truncated=unclear)
        used = tuple(one for one in asked if one.system in self.capabilities.identifier_systems)
        return Fetched("answered", (Original(mine, MEDIA_TYPE, used),), truncated=unclear)

    def _read(self) -> bytes | None:
        """The whole file, if it stood still while it was read."""
        try:
            before = self._path.stat()
            if before.st_size > self._max_bytes:
                return None
            with self._path.open("rb") as file:
                body = file.read(self._max_bytes + 1)
            after = self._path.stat()
        except OSError:
            return None
        still = (before.st_mtime_ns, before.st_size, before.st_ino) == (
            after.st_mtime_ns,
            after.st_size,
            after.st_ino,
        )
        return body if still and len(body) == before.st_size else None
