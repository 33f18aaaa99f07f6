"""The room's tables. What identifies or describes a person is sealed or a keyed token; the plain columns are
random ids, keyed hashes, times and counters.
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
)

REF = String(130)
INSTANT = String(32)

metadata = MetaData()

subject_key = Table(
    "subject_key",
    metadata,
    Column("name", REF, primary_key=True),
    Column("wrapped", LargeBinary),  # null once the key is erased
    Column("person", REF, index=True),
)

person = Table(
    "person",
    metadata,
    Column("id", REF, primary_key=True),
    Column("made", INSTANT, nullable=False),
    Column("joined", REF, index=True),
    Column("sealed", LargeBinary),
)

patient_link = Table(
    "patient_link",
    metadata,
    Column("patient", REF, primary_key=True),
    Column("person", REF, nullable=False, index=True),
    Column("reason", String(32), nullable=False),
    Column("custodian", String(128), nullable=False),
    Column("source", String(64), nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("key", REF, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

identifier_token = Table(
    "identifier_token",
    metadata,
    Column("token", LargeBinary(32), primary_key=True),
    Column("owner", REF, primary_key=True, index=True),
)

record = Table(
    "record",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("custodian", String(128), nullable=False),
    Column("source", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("event_time", INSTANT, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("intake", String(64), nullable=False),
    Column("content", LargeBinary(32), nullable=False),
    Column("folded", LargeBinary),
    Column("folded_digest", LargeBinary),
    Column("memory", LargeBinary),
)

contribution = Table(
    "contribution",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("intake", String(64), primary_key=True),
    Column("key", REF, nullable=False),
    Column("event_time", INSTANT, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("content", LargeBinary(32), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("body", LargeBinary),
    Column("digest", LargeBinary),
    Column("act", LargeBinary),
    Index("ix_contribution_intake", "intake"),
)

contribution_past = Table(
    "contribution_past",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("replaced", INSTANT, nullable=False),
    *(Column(column.name, column.type, nullable=column.nullable) for column in contribution.c),
    Index("ix_contribution_past_ref", "ref"),
)
"""What an original said by the tables and the configuration of its time, before it was mapped again."""

record_member = Table(
    "record_member",
    metadata,
    Column("ref", REF, primary_key=True),
    Column("patient", REF, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("seen", INSTANT, nullable=False),
    Column("active", Boolean, nullable=False),
    Index("ix_record_member_patient", "patient", "active"),
)
