"""Keys and secrets as rows, within the transaction of the connection that they are given."""

import os
from collections.abc import Iterable

from sqlalchemy import Column, Connection, LargeBinary, MetaData, String, Table, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once

from keys.interface import Entropy, KeyWrapper
from keys.store.secrets import ShelfSecretStore
from keys.store.shelf import ShelfKeyStore

metadata = MetaData()

node_key = Table(
    "node_key",
    metadata,
    Column("kid", String(43), primary_key=True),
    Column("record", LargeBinary, nullable=False),
)
"""One key a row: the bytes of a `CPK1` file (`store/record.py`)."""

node_secret = Table(
    "node_secret",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("record", LargeBinary, nullable=False),
)
"""One node secret a row, wrapped by the KEK under its name."""


class SQLShelf:
    """A table of two columns: a text key and `record`."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._name = next(iter(table.primary_key.columns))

    def names(self) -> Iterable[str]:
        return tuple(self._connection.scalars(select(self._name).order_by(self._name)))

    def read(self, name: str) -> bytes | None:
        found = select(self._table.c.record).where(self._name == name)
        return self._connection.scalar(found)

    def add(self, name: str, data: bytes) -> bool:
        # Both dialects render this clause alike; a savepoint would end SQLite's transaction with its release.
        row = insert_once(self._table).values({self._name.name: name, "record": data})
        return self._connection.execute(row.on_conflict_do_nothing()).rowcount == 1

    def replace(self, name: str, data: bytes) -> None:
        self._connection.execute(update(self._table).where(self._name == name).values(record=data))

    def stamp(self) -> int | None:
        return None  # another transaction may have written


class SQLKeyStore(ShelfKeyStore):
    """A `KeyStore` over `node_key`. Call `check()` once at the start of the node."""

    def __init__(self, connection: Connection, wrapper: KeyWrapper, entropy: Entropy = os.urandom) -> None:
        super().__init__(SQLShelf(connection, node_key), wrapper, entropy)


class SQLSecretStore(ShelfSecretStore):
    """A `SecretStore` over `node_secret`."""

    def __init__(self, connection: Connection, wrapper: KeyWrapper, entropy: Entropy = os.urandom) -> None:
        super().__init__(SQLShelf(connection, node_secret), wrapper, entropy)
