"""Every table of every room, collected for Alembic: a room defines its own, none is written as text."""

from sqlalchemy import MetaData

import gateway.records.sql

METADATA: tuple[MetaData, ...] = (gateway.records.sql.metadata,)
