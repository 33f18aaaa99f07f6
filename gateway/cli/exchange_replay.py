"""`carepact exchange replay`: past decisions derived again, byte for byte (consent.md 16)."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.cli.act import seconds_from_text
from gateway.cli.explanation import kept_receipts, require_signed
from gateway.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime
    from gateway.exchange.replay import Replayed

MAX_EXCHANGES = 1_000_000
_WORDS = {
    "differs": "is derived otherwise today: what was stored, or the engine, is not what it was",
    "no-basis": "cannot be derived again: what it was made from is not kept",
    "broken": "does not open: carepact audit verify",
    "unsigned": "the signed statement does not hold over the kept receipts: carepact audit verify",
}


@dataclass(frozen=True, slots=True)
class Replay:
    """`rows`: one exchange each."""

    rows: tuple[dict[str, Any], ...]

    @property
    def holds(self) -> bool:
        """Everything that was not erased is the same."""
        return all(row["state"] in ("same", "erased") for row in self.rows)

    def lines(self) -> list[str]:
        """What does not hold, then a count."""
        told = [
            f"{', '.join(row['differing']) or row['exchange']}  {_WORDS[row['state']]}"
            for row in self.rows
            if row["state"] in _WORDS
        ]
        same = sum(row["decisions"] for row in self.rows if row["state"] == "same")
        erased = sum(row["state"] == "erased" for row in self.rows)
        gone = f"; {erased} exchanges are about erased records" if erased else ""
        return [*told, f"{same} decisions of {len(self.rows)} exchanges derived again, byte for byte{gone}"]


async def replayed(node: "Runtime", id: str | None, since: str | None, verify: bool) -> Replay:
    """Raises `not_found`, `conflict`, `invalid`."""
    ids = await node.database.read(lambda c: _exchanges(c, node, id, since))
    rows = []
    for one in ids:  # a unit each: long replays hold no snapshot
        rows.append(await node.database.read(partial(_row, node=node, exchange=one, verify=verify)))
    return Replay(tuple(rows))


def _exchanges(connection: "Connection", node: "Runtime", id: str | None, since: str | None) -> list[str]:
    if id is not None:
        return [kept_receipts(connection, node.node, id)[0].id]
    from gateway.audit.exchanges import list_exchanges

    start = seconds_from_text(since or "", node.clock(), "--since")
    return [one.id for one in list_exchanges(connection, since=start, limit=MAX_EXCHANGES)][::-1]


def _row(connection: "Connection", node: "Runtime", exchange: str, verify: bool) -> dict[str, Any]:
    from gateway.exchange.replay import replay

    done = replay(connection, node.node, exchange)
    if done.state == "same" and verify:
        found, kept, _ = kept_receipts(connection, node.node, exchange)
        try:
            require_signed(node.node, found, kept)
        except Problem:
            return _json(done) | {"state": "unsigned"}
    return _json(done)


def _json(done: "Replayed") -> dict[str, Any]:
    return {
        "exchange": done.exchange,
        "state": done.state,
        "decisions": done.decisions,
        "differing": list(done.differing),
    }
