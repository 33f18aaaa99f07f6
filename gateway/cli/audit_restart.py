"""`carepact audit restart`: go on after more was signed than is still here (trust-and-ledger.md 10).

A log that was put back from an old backup signs nothing more. This opens it again under another origin, with
the leaves that are here, and says so in the log and in the member record (`log.previous`). What was lost is
filled in from the members by `carepact audit reconcile`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.act import act_now
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.audit.origins import Restart
    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act


def restart(
    reason: ReasonOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Open a log again that was taken back. Refused where nothing that was signed is missing."""
    if not yes and not typer.confirm("Leaves that were signed are lost. Begin a new origin?", err=True):
        raise Problem("conflict", hint="nothing was changed")

    async def act(node: "Runtime") -> "Restart":
        return await _restarted(node, act_now(node, reason))

    done = with_node(config, as_node, act)
    if as_json:
        emit_json({"origin": done.origin, "leaves": done.size, "signed": done.lost_size})
        return
    say(f"the log goes on as {done.origin} with {done.size} leaves; it was signed up to {done.lost_size}")
    say("tell the members: carepact directory publish; then carepact audit reconcile with each of them")


async def _restarted(node: "Runtime", act: "Act") -> "Restart":
    from gateway.audit import origins
    from gateway.audit.interface import LedgerBroken

    def unit(connection):  # type: ignore[no-untyped-def]
        return origins.restart(
            connection,
            member=node.node.member,
            at=int(act.at.timestamp()),
            reason=act.reason,
            by=act.by,
            vault=node.node.room(connection).vault,
            entropy=node.entropy,
        )

    try:
        done: Restart = await node.database.write(unit)
    except origins.NothingLost:
        raise Problem("conflict", hint="everything that was signed is here: nothing to restart") from None
    except LedgerBroken:
        raise Problem("refused", hint="what is here is damaged too: restore another backup") from None
    previous = await node.database.read(origins.previous_for_record)
    _renamed(node, done.origin, previous)
    return done


def _renamed(node: "Runtime", origin: str, previous: list[dict[str, object]]) -> None:
    """Our record names the new origin, in the members file; in a federation the next publication does."""
    from gateway.cli.published import publish_log
    from gateway.directory.own import NamedLog, name_log

    name_log(node.settings.node.state, NamedLog(origin, tuple(previous)))
    if node.settings.directory.members is not None:
        publish_log(node, origin, previous)
