"""The splice floor of G1: what an answer cannot do without, with nothing of Carepact's own around it.

Fetch the stored bodies of what leaves in one query, (open them,) join them as entries, hash, sign with the
pair of suite 3, seal with its primitives to the same key, one durable commit of one row. Keys, ciphers and
the database are open before; no decision, no receipt, no leaf, no statement, no padding.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.cobblestone import Cobblestone256Encryptor
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, text

from benchmarks.stage import Stage
from gateway.db.engine import open_database
from gateway.fhir.json import decode_own
from gateway.records.interface import Database
from keys.algorithms import wrap_to
from keys.syntax import b64u

_PAYLOAD = 2048
"""Bytes that are signed, about a manifest with its checkpoint."""

_FETCH = text(
    "SELECT c.ref, c.intake, c.key, c.body FROM record_member m JOIN record r ON r.ref = m.ref "
    "JOIN contribution c ON c.ref = r.ref AND c.intake = r.intake "
    "WHERE m.active AND m.patient IN :patients"
).bindparams(bindparam("patients", expanding=True))
_KEEP = text("INSERT INTO floor (data) VALUES (:data)")


@dataclass(slots=True)
class Floor:
    """One run is `run(opened=…)`; it must produce as many bytes of entries as the exchange releases."""

    stage: Stage
    commits: Database
    patients: list[str]
    leaving: frozenset[str]
    ciphers: dict[str, AESGCM]
    pair: tuple[ed25519.Ed25519PrivateKey, mldsa.MLDSA65PrivateKey]

    async def run(self, *, opened: bool) -> int:
        """Length of the joined entries, in bytes."""
        rows = await self.stage.node.database.read(self._fetch)
        entries = [self._entry(*row, opened=opened) for row in rows if row[0] in self.leaving]
        joined = b'{"resourceType":"Bundle","entry":[' + b",".join(entries) + b"]}"
        payload = b64u(hashlib.sha256(joined).digest() + bytes(_PAYLOAD)).encode("ascii")
        signed = b"".join(key.sign(payload) for key in self.pair)
        cek = os.urandom(32)
        head = wrap_to(self.stage.seal.recipient.key.raw, cek, b"floor")
        stream = Cobblestone256Encryptor(cek, b"floor")
        envelope = head + stream.update(signed) + stream.update(joined) + stream.finalize()
        md = hashlib.sha256(envelope).digest()
        await self.commits.write(lambda c: c.execute(_KEEP, {"data": md}))
        return len(joined)

    def _fetch(self, connection: Connection) -> list[tuple[str, str, str, bytes]]:
        return [tuple(row) for row in connection.execute(_FETCH, {"patients": self.patients})]

    def _entry(self, ref: str, intake: str, key: str, sealed: bytes, *, opened: bool) -> bytes:
        body = sealed
        if opened:
            aad = f"record\0{ref}\0{intake}".encode()
            body = self.ciphers[key].decrypt(sealed[:12], sealed[12:], aad)
        url = f"{self.stage.node.base}/{ref}".encode()
        return b'{"fullUrl":"' + url + b'","resource":' + body + b',"search":{"mode":"match"}}'


@asynccontextmanager
async def floor_of(stage: Stage, folder: Path) -> AsyncIterator[Floor]:
    """The floor under exactly what an exchange of this stage releases now."""
    clear = decode_own(await stage.clear())
    urls = [entry["fullUrl"] for entry in clear["entry"] if entry["search"]["mode"] == "match"]
    leaving = frozenset(url.removeprefix(f"{stage.node.base}/") for url in urls)
    patients, ciphers = await stage.node.database.read(lambda c: _keys(c, stage))
    database = await open_database(f"sqlite:///{folder}/floor.db")
    try:
        await database.write(
            lambda c: c.execute(text("CREATE TABLE floor (n INTEGER PRIMARY KEY, data BLOB)"))
        )
        pair = (ed25519.Ed25519PrivateKey.generate(), mldsa.MLDSA65PrivateKey.generate())
        yield Floor(stage, database, patients, leaving, ciphers, pair)
    finally:
        await database.close()


def _keys(connection: Connection, stage: Stage) -> tuple[list[str], dict[str, AESGCM]]:
    """Her references, and the ciphers of all that is stored about her, made once."""
    room = stage.node.room(connection)
    patients = list(room.index.aliases(stage.person))
    names = {row[2] for row in connection.execute(_FETCH, {"patients": patients})}
    return patients, {name: room.vault._cipher(name, make=False) for name in names}
