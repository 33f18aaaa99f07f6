"""Every table of every room, collected for Alembic: a room defines its own, none is written as text."""

from sqlalchemy import MetaData

import consent.store.sql
import gateway.audit.sql
import gateway.authn.sql
import gateway.directory.sql
import gateway.exchange.peer.acks
import gateway.exchange.peer.evidence
import gateway.intake.tables
import gateway.outbox.sql
import gateway.records.tables
import keys.store.sql

METADATA: tuple[MetaData, ...] = (
    keys.store.sql.metadata,
    consent.store.sql.metadata,
    gateway.records.tables.metadata,
    gateway.directory.sql.metadata,
    gateway.authn.sql.metadata,
    gateway.audit.sql.metadata,
    gateway.exchange.peer.acks.metadata,
    gateway.exchange.peer.evidence.metadata,
    gateway.outbox.sql.metadata,
    gateway.intake.tables.metadata,
)
