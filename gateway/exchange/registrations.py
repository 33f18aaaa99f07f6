"""Registering health systems: every change of the register of clients has its leaf in the ledger.

A client's keys decide who may ask and whom an answer is sealed to, so the leaf is of kind `key`. It is
appended first, in the same unit of work: it takes the head that releases take.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.authn import sql
from gateway.authn.clients import Client, Status
from gateway.authn.errors import UnknownClient
from gateway.errors import Problem
from gateway.exchange.consents import Act
from gateway.exchange.node import Node

_NEXT = "Known ones: carepact client list"


class Registrations:
    """The clients of the node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def add(self, client: Client, act: Act) -> Client:
        """Register a client. Raises `ClientExists`."""

        def unit(connection: Connection) -> Client:
            kids = [key.kid for key in client.keys] + [key.kid for key in client.enc]
            self._log(connection, client.id, act, action="add", organisation=client.organisation, kids=kids)
            sql.add_client(connection, client, at=int(act.at.timestamp()))
            return client

        return await self._node.database.write(unit)

    async def set_status(self, id: str, status: Status, act: Act) -> Client:
        """Enable or disable; disabling ends the client's tokens at once. Raises `not_found`."""

        def unit(connection: Connection) -> Client:
            self._log(connection, id, act, action=status)
            try:
                sql.set_status(connection, id, status, at=int(act.at.timestamp()))
            except UnknownClient:
                raise Problem("not_found", hint=_NEXT) from None
            return _held(connection, id)

        return await self._node.database.write(unit)

    async def get(self, id: str) -> Client:
        """One client, disabled ones too. Raises `not_found`."""
        return await self._node.database.read(lambda c: _held(c, id))

    async def all(self) -> Sequence[Client]:
        """Every client by id."""
        return await self._node.database.read(sql.list_clients)

    def _log(self, connection: Connection, id: str, act: Act, **about: Any) -> None:
        node = self._node
        detail = {"client": id, "by": act.by, "reason": act.reason, **about}
        entry = Entry("key", int(act.at.timestamp()), detail=detail)
        ledger.append(connection, entry, me=node.member, vault=node.room(connection).vault,
                      entropy=node.entropy)  # fmt: skip


def _held(connection: Connection, id: str) -> Client:
    found = sql.find_client(connection, id)
    if found is None:
        raise Problem("not_found", hint=_NEXT)
    return found
