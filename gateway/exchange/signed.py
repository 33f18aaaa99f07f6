"""What one of this node's keys has signed: exchanges whose statements or messages carry its id (DIR-07)."""

from sqlalchemy import Connection, select

from gateway.audit.sql import exchange
from keys import jws
from keys.errors import StatementRefused

_TYPES = {"decision": jws.DECISION, "completeness": jws.COMPLETENESS}


def exchanges_signed_by(connection: Connection, kid: str, since: int) -> tuple[dict[str, object], ...]:
    """Exchanges from `since` (POSIX seconds) on with a statement signed by this key, oldest first.

    The manifest of a sealed answer is signed by the same keys in the same second as its statements.
    """
    query = select(exchange).where(exchange.c.at >= since).order_by(exchange.c.at, exchange.c.id)
    found: list[dict[str, object]] = []
    for row in connection.execute(query):
        statements = {name: getattr(row, name) for name in _TYPES}
        signed = [name for name, data in statements.items() if data and kid in _signers(data, _TYPES[name])]
        if signed:
            about = {"exchange": row.id, "at": row.at, "organisation": row.organisation, "state": row.state}
            found.append(about | {"signed": signed})
    return tuple(found)


def _signers(statement: bytes, typ: str) -> frozenset[str]:
    try:
        return frozenset(one.kid for one in jws.parse(statement, typ).signatures)
    except StatementRefused:
        return frozenset()
