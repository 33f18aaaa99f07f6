"""The exchanges of this node: what was asked by whom, how it ended, and the statements signed about it."""

from dataclasses import asdict

from sqlalchemy import Connection, Row, insert, select

from gateway.audit.interface import Ambiguous, Exchange
from gateway.audit.sql import exchange


def record(connection: Connection, new: Exchange) -> None:
    """Keep one exchange, in the unit of work of its release."""
    connection.execute(insert(exchange).values(asdict(new)))


def find(connection: Connection, prefix: str) -> Exchange | None:
    """One exchange by its id or a unique prefix of it. Raises `Ambiguous`."""
    where = exchange.c.id.startswith(prefix, autoescape=True)
    rows = connection.execute(select(exchange).where(where).order_by(exchange.c.id).limit(2)).all()
    if len(rows) > 1 and rows[0].id != prefix:
        raise Ambiguous
    return _exchange_from_row(rows[0]) if rows else None


def list_exchanges(
    connection: Connection,
    *,
    since: int = 0,
    client: str | None = None,
    state: str | None = None,
    person: str | None = None,
    limit: int = 1000,
) -> tuple[Exchange, ...]:
    """Exchanges from `since` (POSIX seconds) on, newest first, by the ledger within one second."""
    query = select(exchange).where(exchange.c.at >= since)
    for column, wanted in (
        (exchange.c.client, client),
        (exchange.c.state, state),
        (exchange.c.person, person),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    query = query.order_by(
        exchange.c.at.desc(), exchange.c.leaf.desc().nulls_last(), exchange.c.id.desc()
    ).limit(limit)
    return tuple(_exchange_from_row(row) for row in connection.execute(query))


def _exchange_from_row(row: Row[tuple[object, ...]]) -> Exchange:
    return Exchange(**row._asdict())
