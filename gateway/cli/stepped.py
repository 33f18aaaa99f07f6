"""One step of what has a history (grant, notice, milestone): done or rehearsed, then said or shown."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from gateway.cli.options import with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime

Row = dict[str, Any]


def step_through(
    step: "Callable[[Runtime], Awaitable[Row]]", told: Callable[[Row, str], str], *, dry_run: bool,
    as_json: bool, config: Any, as_node: str | None,
) -> None:  # fmt: skip
    """Run `step` on the node. `told(row, verb)` is the sentence for it, with `is` or `would be` as verb.

    Raises `conflict` where another step of the same thing is being written.
    """

    async def act(node: "Runtime") -> Row:
        from consent.errors import StaleVersion

        try:
            return await step(node)
        except StaleVersion:
            raise Problem("conflict", hint="somebody else is changing it: look again") from None

    row = with_node(config, as_node, act)
    if as_json:
        emit_json(row | {"dry_run": dry_run})
        return
    say(told(row, "would be" if dry_run else "is"))
    if dry_run:
        say("dry run: nothing was stored")
