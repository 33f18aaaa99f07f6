"""What officers do about break-glass grants: look, review, revoke, lift a block. Each step has its leaf.

The leaf is appended first: it takes the ledger's head, so a release under a grant either committed before
and is on record, or finds it revoked.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from consent.grant import VERDICTS, Grant, GrantEvent
from consent.instants import Micros, micros
from consent.store.grants import SQLGrantRegistry
from gateway.errors import Problem
from gateway.exchange.act import Act
from gateway.exchange.emergency import log_step
from gateway.exchange.node import Node
from gateway.exchange.rehearsal import write_or_rehearse

_NEXT = "Known ones: carepact breakglass list"


class Grants:
    """Every break-glass grant of the node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def since(self, at: Micros) -> tuple[Grant, ...]:
        """Grants opened from an instant on, oldest first; without reasons and notes."""
        return await self._node.database.read(lambda c: self._registry(c).since(at))

    async def get(self, id: str) -> Grant:
        """One grant with reasons and notes. Raises `not_found`."""
        return await self._node.database.read(lambda c: self._held(c, id))

    async def review(self, id: str, verdict: str, act: Act, *, dry_run: bool = False) -> Grant:
        """An officer's verdict, once the grant has ended; `act.reason` is the note. Raises `conflict`.

        `not-justified` keeps the person from breaking the glass again until `lift`.
        """
        if verdict not in VERDICTS:
            raise Problem("invalid", expression="--verdict", hint=" or ".join(VERDICTS))

        def check(grant: Grant) -> None:
            if grant.state(micros(act.at)) == "open":
                raise Problem("conflict", hint="it is still open: carepact breakglass revoke ends it")
            if grant.verdict is not None:
                raise Problem("conflict", hint="it is reviewed already: carepact breakglass show")

        return await self._step(id, "review", act, check, verdict=verdict, dry_run=dry_run)

    async def revoke(self, id: str, act: Act, *, dry_run: bool = False) -> Grant:
        """End an open grant now; its person opens no other for this patient before a review."""
        return await self._step(id, "revoke", act, _require_open(act), dry_run=dry_run)

    async def close(self, id: str, act: Act, *, dry_run: bool = False) -> Grant:
        """The emergency is over; another one opens another grant."""
        return await self._step(id, "close", act, _require_open(act), dry_run=dry_run)

    async def lift(self, id: str, act: Act, *, dry_run: bool = False) -> Grant:
        """Let the person of a grant that was not justified break the glass again."""

        def check(grant: Grant) -> None:
            if not grant.blocks:
                raise Problem("conflict", hint="this grant blocks nobody")

        return await self._step(id, "lift", act, check, dry_run=dry_run)

    async def _step(
        self,
        id: str,
        kind: str,
        act: Act,
        check: Callable[[Grant], None],
        *,
        verdict: str | None = None,
        dry_run: bool,
    ) -> Grant:
        def unit(connection: Connection) -> Grant:
            grant = self._held(connection, id)
            detail = {"grant": id, "action": kind, "by": act.by, "reason": act.reason, "verdict": verdict}
            told = {name: value for name, value in detail.items() if value is not None}
            log_step(connection, self._node, grant.patient, int(act.at.timestamp()), told)
            grant = self._held(connection, id)  # as it is once the head is ours
            check(grant)
            event = GrantEvent(kind, micros(act.at), act.by, verdict=verdict, text=act.reason)
            self._registry(connection).add(grant, event)
            return self._held(connection, id)

        return await write_or_rehearse(self._node.database, unit, dry_run)

    def _held(self, connection: Connection, id: str) -> Grant:
        grant = self._registry(connection).get(id)
        if grant is None:
            raise Problem("not_found", hint=_NEXT)
        return grant

    def _registry(self, connection: Connection) -> SQLGrantRegistry:
        return SQLGrantRegistry(connection, self._node.room(connection).vault)


def _require_open(act: Act) -> Callable[[Grant], None]:
    def check(grant: Grant) -> None:
        if grant.state(micros(act.at)) != "open":
            raise Problem("conflict", hint="it has ended already: carepact breakglass show")

    return check
