"""What became of the given files: every value per source, every part per file, each with its reason."""

from typing import Any

from sqlalchemy import Connection

from gateway.bootstrap import Runtime
from gateway.intake.interface import Kept
from gateway.intake.losses import losses_of, sum_losses
from gateway.sandbox.given_files import Served, problems, settle, shortened
from gateway.sandbox.tour import Step, Timer

_EVERY = 1_000_000
"""Originals of one source: more than any tour sends."""


async def kept_of(runtime: Runtime) -> dict[str, tuple[Kept, ...]]:
    """All originals of each kind of source."""
    return {
        bound.source.kind: await runtime.node.intake.newest(bound.source.id, limit=_EVERY)
        for bound in runtime.node.sources
    }


async def tell_fates(runtime: Runtime, served: list[Served], timer: Timer) -> bool:
    """What became of every value, per source and per file; what entered no record makes the tour fail."""
    settle(served, await kept_of(runtime))
    sums = [row for bound in runtime.node.sources if (row := await _sums(runtime, bound.source.id))]
    columns = ("source", "originals", "total", "mapped", "kept", "lost", "most")
    words = "mapped, kept as it came, or lost with a line"
    if sums:
        timer.done(Step("What became of every value", words, columns, sums))
    per_file = ("file", "parts", "stored", "total", "mapped", "kept", "lost")
    rows = [one.row() for one in served]
    timer.done(Step("What became of every file", "", per_file, shortened(rows)))
    named = problems(served, await _positions(runtime, served))
    if named:
        title = "Messages and documents that entered no record"
        reasons = ("file", "part", "answer", "reason")
        timer.done(Step(title, "", reasons, shortened(named), failed=True))
    return not named


async def _positions(runtime: Runtime, served: list[Served]) -> dict[str, str]:
    """Where the reading of each original that entered no record failed."""
    lost = [part.kept.intake for one in served for part in one.parts if part.kept and not part.stored]

    def read(connection: Connection) -> dict[str, str]:
        found = {}
        for intake in lost:
            lines = losses_of(connection, intake)
            found[intake] = next((x.position for x in lines if x.disposition in ("failed", "rejected")), "")
        return found

    return await runtime.database.read(read)


async def _sums(runtime: Runtime, source: str) -> dict[str, Any]:
    """One row of sums of a source; empty if nothing came from it."""
    kept = await runtime.node.intake.newest(source, limit=_EVERY)
    if not kept:
        return {}
    counts = {name: sum(one.counts[name] for one in kept) for name in ("total", "mapped", "kept", "lost")}
    lines = await runtime.database.read(lambda connection: sum_losses(connection, source))
    most = ", ".join(f"{line.key} {line.items}" for line in lines[:4])
    return {"source": source, "originals": len(kept), **counts, "most": most}
