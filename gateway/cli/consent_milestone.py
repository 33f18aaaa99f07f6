"""`carepact consent milestone`: children who come of age, and what a parent permitted (consent.md 10)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, hours_from_text, instant_from_option
from gateway.cli.noun import noun
from gateway.cli.options import (
    AsOfOption,
    AsOption,
    ConfigOption,
    DryRunOption,
    JsonOption,
    ReasonOption,
    lines,
    with_node,
)
from gateway.cli.output import emit_json, emit_rows, say
from gateway.cli.stepped import step_through
from gateway.errors import Problem

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.bootstrap import Runtime
    from gateway.exchange.milestones import Milestone, Milestones

app = noun("Children who come of age: what a parent's right ends with: list, show, settle.")
_COLUMNS = ("id", "proxy", "due", "state", "consents", "outcome")


@app.command("list", epilog="Example: carepact consent milestone list --within 90d")
def list_milestones(
    within: Annotated[str | None, typer.Option(help="Those to come within this span too, like 90d.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Settled ones and all that are to come too.")] = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """What is due, the oldest first. A parent's right ends by itself; what was permitted is looked at."""
    hours = 0 if within is None else hours_from_text(within)
    if hours is None:
        raise Problem("invalid", expression="--within", hint="use a span like 90d")

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from consent.grant import HOUR
        from consent.instants import micros

        now = instant_from_option(as_of, node.clock())
        last = micros(now) + hours * HOUR
        found = await _desk(node).known(now)
        return [_row(one, now) for one in found
                if every or one.state(micros(now)) in ("due", "unknown-birth")
                or (one.outcome is None and one.due is not None and one.due <= last)]  # fmt: skip

    rows = with_node(config, as_node, act)
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="nothing is due")


@app.command(epilog="Example: carepact consent milestone show ms-1f3a")
def show(
    id: str,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """One of them: whose, which consents the parent gave, and how it was settled."""

    async def act(node: "Runtime") -> dict[str, Any]:
        now = instant_from_option(as_of, node.clock())
        found = await _desk(node).get(id, now)
        return _row(found, now) | {"patient": found.patient}

    row = with_node(config, as_node, act)
    if as_json:
        emit_json(row)
        return
    for line in lines(row | {"consents": ", ".join(row["consents"])}):
        say(line)


@app.command(
    epilog="Example: carepact consent milestone settle ms-1f3a --outcome keep --reason 'she was asked'"
)
def settle(
    id: str,
    outcome: Annotated[str, typer.Option(help="keep what the parent permitted, or withdraw it.")],
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Say what became of the parent's consents once the young person was asked."""

    async def act(node: "Runtime") -> dict[str, Any]:
        by = act_now(node, reason)
        before = await _desk(node).get(id, by.at)
        done = await _desk(node).settle(id, outcome, by, dry_run=dry_run)
        return _row(done, by.at) | {"consents": list(before.consents)}

    def told(row: dict[str, Any], verb: str) -> str:
        return f"milestone {row['id']} {verb} settled: {outcome} {', '.join(row['consents']) or 'nothing'}"

    step_through(act, told, dry_run=dry_run, as_json=as_json, config=config, as_node=as_node)


def _desk(node: "Runtime") -> "Milestones":
    from gateway.exchange.milestones import Milestones

    return Milestones(node.node, node.consents)


def _row(one: "Milestone", at: "datetime") -> dict[str, Any]:
    """One of them without the patient."""
    from consent.instants import datetime_from_micros, micros

    return {
        "id": one.id,
        "proxy": one.proxy,
        "due": None if one.due is None else datetime_from_micros(one.due).date().isoformat(),
        "state": one.state(micros(at)),
        "consents": list(one.consents),
        "outcome": one.outcome,
    }
