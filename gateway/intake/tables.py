"""The room's tables: originals sealed, ledger lines of positions and reasons. Plain are ids, times, sizes,
counts and hashes.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

INSTANT = String(32)

metadata = MetaData()

intake = Table(
    "intake",
    metadata,
    Column("arrival", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("source", String(64), nullable=False),
    Column("custodian", String(128), nullable=False),
    Column("pushed", Boolean, nullable=False),
    Column("received", INSTANT, nullable=False),
    Column("seen", INSTANT, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("claim", LargeBinary(32), unique=True),  # source and control id, held by the first that had it
    Column("state", String(16), nullable=False),
    Column("reason", String(32)),
    Column("person", String(130)),
    Column("mapping", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("mapped", BigInteger, nullable=False),
    Column("kept", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("truncated", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("ack", LargeBinary),
    Index("ix_intake_source_sha256", "source", "sha256"),
    Index("ix_intake_source_person", "source", "person", "seen"),
    Index("ix_intake_state", "state"),
)

loss = Table(
    "loss",
    metadata,
    Column("intake", String(64), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("unit", Integer, nullable=False),
    Column("position", Text, nullable=False),
    Column("items", Integer, nullable=False),
    Column("disposition", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("target", Text),
    Column("resource", String(130)),
)
