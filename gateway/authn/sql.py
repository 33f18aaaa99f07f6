"""Clients, spent assertions, live tokens and refusals as tables; every function takes its Connection."""

import json
from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.authn.clients import Client, Status, client_from_document, document_from_client
from gateway.authn.errors import ClientExists, UnknownClient

metadata = MetaData()

client = Table(
    "client",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("organisation", String(128), nullable=False),
    Column("status", String(8), nullable=False),
    Column("document", Text, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

assertion_seen = Table(
    "assertion_seen",
    metadata,
    Column("iss", String(64), primary_key=True),
    Column("jti", String(256), primary_key=True),
    Column("exp", BigInteger, nullable=False),
    Index("ix_assertion_seen_exp", "exp"),
)

access_token = Table(
    "access_token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("client", String(64), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_access_token_client", "client"),
    Index("ix_access_token_expires", "expires"),
)

token_refusal = Table(
    "token_refusal",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("client", String(64), nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("error", String(32), nullable=False),
    Index("ix_token_refusal_at", "at"),
)

KEPT_PAST_EXPIRY = 86_400
"""Seconds that a spent `jti` stays after its `exp`: a clock set back by less re-opens nothing."""


def add_client(connection: Connection, new: Client, *, at: int) -> None:
    """Register; raises `ClientExists`."""
    row = {"id": new.id, "organisation": new.organisation, "status": new.status, "changed": at}
    row["document"] = json.dumps(document_from_client(new), sort_keys=True, separators=(",", ":"))
    if connection.execute(insert_once(client).values(row).on_conflict_do_nothing()).rowcount != 1:
        raise ClientExists


def find_client(connection: Connection, id: str) -> Client | None:
    """The registered client, disabled ones too."""
    row = connection.execute(select(client).where(client.c.id == id)).one_or_none()
    return None if row is None else client_from_document(row.id, row.status, json.loads(row.document))


def list_clients(connection: Connection) -> Sequence[Client]:
    """All clients by id."""
    rows = connection.execute(select(client).order_by(client.c.id))
    return [client_from_document(row.id, row.status, json.loads(row.document)) for row in rows]


def set_status(connection: Connection, id: str, status: Status, *, at: int) -> None:
    """Enable or disable; disabling ends the client's tokens too, at once. Raises `UnknownClient`."""
    done = connection.execute(update(client).where(client.c.id == id).values(status=status, changed=at))
    if done.rowcount != 1:
        raise UnknownClient
    if status == "disabled":
        connection.execute(delete(access_token).where(access_token.c.client == id))


def spend(connection: Connection, iss: str, jti: str, exp: int) -> bool:
    """Whether this is the first use. The unique index decides: of any number at once, one commit wins."""
    row = {"iss": iss, "jti": jti, "exp": exp}
    return connection.execute(insert_once(assertion_seen).values(row).on_conflict_do_nothing()).rowcount == 1


def record_refusal(
    connection: Connection, id: bytes, *, at: int, client_id: str, step: int, error: str
) -> None:
    """Keep that a known client was refused after its signature held (A-9). What it claimed is not kept."""
    row = {"id": id, "at": at, "client": client_id, "step": step, "error": error}
    connection.execute(insert(token_refusal).values(row))


def list_refusals(connection: Connection, *, since: int) -> list[tuple[int, str, int, str]]:
    """`(at, client, step, error)` from `since` on, oldest first."""
    kept = token_refusal.c
    rows = (
        select(kept.at, kept.client, kept.step, kept.error).where(kept.at >= since).order_by(kept.at, kept.id)
    )
    return [(row.at, row.client, row.step, row.error) for row in connection.execute(rows)]


def put_token(connection: Connection, hash: bytes, client_id: str, expires: int, sealed: bytes) -> None:
    """Store the row of a fresh token; the token itself is never stored."""
    row = {"hash": hash, "client": client_id, "expires": expires, "sealed": sealed}
    connection.execute(insert(access_token).values(row))


def find_token(connection: Connection, hash: bytes) -> tuple[str, int, bytes] | None:
    """`(client id, expires, sealed)` of a stored token."""
    row = connection.execute(select(access_token).where(access_token.c.hash == hash)).one_or_none()
    return None if row is None else (row.client, row.expires, row.sealed)


def purge(connection: Connection, *, now: int) -> int:
    """Drop expired tokens and spent assertions that no clock in its right mind would take again."""
    tokens = connection.execute(delete(access_token).where(access_token.c.expires <= now))
    old = assertion_seen.c.exp <= now - KEPT_PAST_EXPIRY
    return tokens.rowcount + connection.execute(delete(assertion_seen).where(old)).rowcount
