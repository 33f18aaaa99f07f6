"""`carepact breakglass`: who broke the glass, and what officers found about it (consent.md 9)."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import breakglass_notice
from gateway.cli.act import act_now, instant_from_option, seconds_from_text
from gateway.cli.noun import noun
from gateway.cli.options import (
    AsOfOption,
    AsOption,
    ConfigOption,
    DryRunOption,
    JsonOption,
    ReasonOption,
    with_node,
)
from gateway.cli.output import emit_json, emit_rows, say
from gateway.cli.stepped import step_through

if TYPE_CHECKING:
    from datetime import datetime

    from consent.floor import BreakGlassTerms
    from consent.grant import Grant
    from gateway.bootstrap import Runtime
    from gateway.exchange.act import Act
    from gateway.exchange.grants import Grants

_EXAMPLES = """Examples:

\b
  carepact breakglass list --overdue
  carepact breakglass show bg-1f3a
  carepact breakglass review bg-1f3a --verdict justified --note 'unconscious, no time to ask'
  carepact breakglass revoke bg-1f3a --reason 'wrong patient'
  carepact breakglass lift bg-1f3a --reason 'trained again'
  carepact breakglass notice list --overdue

Exit codes: 0 done, 4 no such grant, 5 not in that state."""

app = noun(
    "Emergency access: list, show, review, revoke, close, lift; patients to be told: notice.", _EXAMPLES
)
app.add_typer(breakglass_notice.app, name="notice")
_COLUMNS = ("id", "who", "organisation", "opened", "until", "state", "uses", "review")
_SAID = {"review": "reviewed", "revoke": "revoked", "close": "closed", "lift": "no block any more"}


@app.command("list", epilog="Example: carepact breakglass list --unreviewed")
def list_grants(
    unreviewed: Annotated[bool, typer.Option("--unreviewed", help="Only those without a verdict.")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those not reviewed in time.")] = False,
    since: Annotated[str | None, typer.Option(help="A date, or a span like 30d.")] = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Grants, oldest first: who opened them, how often they were used, whether anybody looked at them."""

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from consent.instants import micros
        from gateway.exchange.grants import Grants

        now = instant_from_option(as_of, node.clock())
        start = seconds_from_text(since, now, "--since") if since else 0
        found = await Grants(node.node).since(start * 1_000_000)
        return [_row(node, one.as_of(micros(now)), now) for one in found if one.opened <= micros(now)]

    rows = with_node(config, as_node, act)
    if unreviewed or overdue:
        rows = [row for row in rows if row["verdict"] is None]
    if overdue:
        rows = [row for row in rows if row["review"] == "overdue"]
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="no grant: nobody broke the glass")


@app.command(epilog="Example: carepact breakglass show bg-1f3a")
def show(id: str, as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """One grant, step by step, with the reasons that were given."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.exchange.grants import Grants

        grant = await Grants(node.node).get(id)
        return _row(node, grant) | {"steps": [_step(event) for event in grant.events]}

    found = with_node(config, as_node, act)
    if as_json:
        emit_json(found)
        return
    for name in _COLUMNS:
        say(f"{name}: {found[name]}")
    for step in found["steps"]:
        said = (step["at"], step["kind"], step["verdict"], step["by"], step["exchange"], step["text"])
        say("  " + "  ".join(str(part) for part in said if part))


@app.command(epilog="Example: carepact breakglass review bg-1f3a --verdict justified --note 'no time to ask'")
def review(
    id: str,
    verdict: Annotated[str, typer.Option(help="justified or not-justified.")],
    note: Annotated[str, typer.Option(help="What was found; kept in the ledger.")],
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Say whether a grant that has ended was justified. If not, its person is barred until `lift`."""

    def act(grants: "Grants", by: "Act") -> "Awaitable[Grant]":
        return grants.review(id, verdict, by, dry_run=dry_run)

    _change("review", act, note, dry_run, as_json, config, as_node)


@app.command(epilog="Example: carepact breakglass revoke bg-1f3a --reason 'wrong patient'")
def revoke(
    id: str, reason: ReasonOption, dry_run: DryRunOption = False, as_json: JsonOption = False,
    config: ConfigOption = None, as_node: AsOption = None,
) -> None:  # fmt: skip
    """End an open grant now. It binds the next resource that is decided on."""

    def act(grants: "Grants", by: "Act") -> "Awaitable[Grant]":
        return grants.revoke(id, by, dry_run=dry_run)

    _change("revoke", act, reason, dry_run, as_json, config, as_node)


@app.command(epilog="Example: carepact breakglass close bg-1f3a --reason 'patient awake'")
def close(
    id: str, reason: ReasonOption, dry_run: DryRunOption = False, as_json: JsonOption = False,
    config: ConfigOption = None, as_node: AsOption = None,
) -> None:  # fmt: skip
    """The emergency is over. Another one, with a reason of its own, opens another grant."""

    def act(grants: "Grants", by: "Act") -> "Awaitable[Grant]":
        return grants.close(id, by, dry_run=dry_run)

    _change("close", act, reason, dry_run, as_json, config, as_node)


@app.command(epilog="Example: carepact breakglass lift bg-1f3a --reason 'trained again'")
def lift(
    id: str, reason: ReasonOption, dry_run: DryRunOption = False, as_json: JsonOption = False,
    config: ConfigOption = None, as_node: AsOption = None,
) -> None:  # fmt: skip
    """Let the person of a grant that was not justified break the glass again."""

    def act(grants: "Grants", by: "Act") -> "Awaitable[Grant]":
        return grants.lift(id, by, dry_run=dry_run)

    _change("lift", act, reason, dry_run, as_json, config, as_node)


def _change(
    kind: str, step: "Callable[[Grants, Act], Awaitable[Grant]]", reason: str, dry_run: bool,
    as_json: bool, config: Any, as_node: str | None,
) -> None:  # fmt: skip
    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.exchange.grants import Grants

        return _row(node, await step(Grants(node.node), act_now(node, reason)))

    def told(row: dict[str, Any], verb: str) -> str:
        verdict = f": {row['verdict']}" if kind == "review" else ""
        return f"grant {row['id']} {verb} {_SAID[kind]}{verdict}"

    step_through(act, told, dry_run=dry_run, as_json=as_json, config=config, as_node=as_node)


def _row(node: "Runtime", grant: "Grant", at: "datetime | None" = None) -> dict[str, Any]:
    """One grant without the patient and without words, as it is at an instant, now if none is named."""
    from consent.instants import micros

    now = micros(at or node.clock())
    terms = node.node.floor.break_glass
    return {
        "id": grant.id,
        "who": grant.who,
        "organisation": grant.org,
        "opened": _instant(grant.opened),
        "until": _instant(grant.until),
        "state": grant.state(now),
        "uses": grant.uses,
        "review": _review(grant, now, terms),
        "review_due": _instant(grant.review_due(terms)),
        "verdict": grant.verdict,
        "blocks": grant.blocks,
    }


def _review(grant: "Grant", now: int, terms: "BreakGlassTerms") -> str:
    if grant.verdict is not None:
        return grant.verdict + (" (barred)" if grant.blocks else "")
    return "overdue" if grant.overdue(now, terms) else "due"


def _step(event: Any) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "at": _instant(event.at),
        "by": event.by,
        "verdict": event.verdict,
        "exchange": event.exchange,
        "text": event.text,
    }


def _instant(at: int) -> str:
    from consent.instants import datetime_from_micros

    return datetime_from_micros(at).strftime("%Y-%m-%dT%H:%M:%SZ")
