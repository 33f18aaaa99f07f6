"""The same store on every shelf."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from keys.interface import KeyWrapper
from keys.store.file import FileKeyStore, FileSecretStore
from keys.store.memory import MemoryKeyStore, MemorySecretStore, MemoryShelf
from keys.store.secrets import ShelfSecretStore
from keys.store.shelf import ShelfKeyStore
from keys.store.sql import SQLKeyStore, SQLSecretStore, metadata
from keys.store.wrapper import RawWrapper


@pytest.fixture
def wrapper() -> KeyWrapper:
    """A KEK of one test."""
    return RawWrapper(os.urandom(32), os.urandom)


@pytest.fixture
def connection() -> Iterator[Any]:
    """A transaction on an empty SQLite database."""
    engine = create_engine("sqlite://")
    with engine.begin() as opened:
        metadata.create_all(opened)
        yield opened
    engine.dispose()


@pytest.fixture(params=["memory", "file", "sql"])
def reopen(request: Any, tmp_path: Path, connection: Any) -> Any:
    """(kind, wrapper) -> a store over the same bytes each time, as after a restart."""
    shelves = {"keys": MemoryShelf(), "secrets": MemoryShelf()}
    made = {
        ("memory", "keys"): lambda w: ShelfKeyStore(shelves["keys"], w, os.urandom),
        ("memory", "secrets"): lambda w: ShelfSecretStore(shelves["secrets"], w, os.urandom),
        ("file", "keys"): lambda w: FileKeyStore(tmp_path / "keys", w),
        ("file", "secrets"): lambda w: FileSecretStore(tmp_path / "keys", w),
        ("sql", "keys"): lambda w: SQLKeyStore(connection, w),
        ("sql", "secrets"): lambda w: SQLSecretStore(connection, w),
    }
    return lambda what, wrapper: made[request.param, what](wrapper)


__all__ = ["MemoryKeyStore", "MemorySecretStore"]
