"""`carepact exchange`: what was asked through this node, and what came of it (exchange.md)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import instant_from_seconds, seconds_from_text
from gateway.cli.exchange_pull import pull
from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.audit.interface import Exchange
    from gateway.bootstrap import Runtime

_EXAMPLES = """Examples:

\b
  carepact exchange list --since 1d --state partial
  carepact exchange show 6b1d
  carepact exchange replay --since 1d
  carepact consent explain 6b1d

Ids may be shortened to a unique prefix."""

app = noun("Exchanges: ask, list, show, replay.", _EXAMPLES)

app.command(epilog="Example: carepact exchange pull --patient patient_with_full_record --purpose TREAT")(pull)

_STATES = ("complete", "partial", "denied", "failed")
_COLUMNS = ("id", "at", "client", "organisation", "purpose", "state", "leaf")


@app.command("list", epilog="Example: carepact exchange list --since 1d --state partial")
def list_exchanges(
    since: Annotated[str | None, typer.Option(help="A date, or a span like 1d.")] = None,
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(_STATES)}.")] = None,
    client: Annotated[str | None, typer.Option(help="Of this client.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 1000,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Exchanges, newest first."""
    if state is not None and state not in _STATES:
        raise Problem("invalid", expression="--state", hint=f"one of {', '.join(_STATES)}")

    async def act(node: "Runtime") -> "tuple[Exchange, ...]":
        from gateway.audit.exchanges import list_exchanges as listed

        start = seconds_from_text(since, node.clock(), "--since") if since else 0
        return await node.database.read(
            lambda c: listed(c, since=start, state=state, client=client, limit=limit)
        )

    rows = [_row(one) for one in with_node(config, as_node, act)]
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="no exchange: carepact exchange pull --help")


@app.command(epilog="Example: carepact exchange show 6b1d --json")
def show(
    id: Annotated[str, typer.Argument(help="A unique prefix will do.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """One exchange, from signed statements. Sources, decisions by reason, place in the ledger."""

    async def act(node: "Runtime") -> dict[str, Any]:
        return await node.database.read(lambda c: _shown(c, node, id))

    found = with_node(config, as_node, act)
    if as_json:
        emit_json(found)
        return
    for name in ("id", "at", "client", "organisation", "purpose", "state", "leaf"):
        say(f"{name}: {found[name]}")
    say("sources:" if found["sources"] else "sources: no statement is kept")
    for one in found["sources"]:
        counts = ", ".join(f"{n} {kind}" for kind, n in one.get("counts", {}).items())
        say("  " + "  ".join(part for part in (one.get("source", ""), one["org"], one["state"],
                                               one.get("reason", ""), counts) if part))  # fmt: skip
    for one in found["answers"]:
        say(f"answer of {one['member']}: {one['md']}, its signed manifest is kept")
    if found["acknowledged"]:
        say(f"acknowledged by {found['client']}: {found['acknowledged']}")
    say("decisions:" if found["decisions"] else "decisions: none, there was nothing to decide on")
    for one in found["decisions"]:
        say(f"  {one['count']}  {one['effect']}  {one['layer']} {one['reason']}")
    say(f"why, one by one: carepact consent explain {found['id']}")


@app.command(epilog="Example: carepact exchange replay --since 1d")
def replay(
    id: Annotated[
        str | None, typer.Argument(metavar="[EXCHANGE|DECISION]", help="A unique prefix will do.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Every exchange from a date, or a span like 1d.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="The signed statements are verified too.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Derive past decisions again from what is stored, and compare the receipts byte for byte."""
    from gateway.cli.exchange_replay import replayed

    if (id is None) == (since is None):
        raise Problem("invalid", hint="name an exchange or decision, or give --since")

    async def act(node: "Runtime") -> Any:
        return await replayed(node, id, since, verify)

    done = with_node(config, as_node, act)
    for row in done.rows if as_json else ():
        emit_json(row)
    for line in () if as_json else done.lines():
        say(line)
    if not done.holds:
        raise typer.Exit(int(Exit.CHECK_FAILED))


def _shown(connection: "Connection", node: "Runtime", id: str) -> dict[str, Any]:
    import json

    from gateway.cli.explanation import kept_receipts, require_signed

    exchange, kept, _ = kept_receipts(connection, node.node, id)
    require_signed(node.node, exchange, kept)
    counted: dict[tuple[str, str, str], int] = {}
    for one in kept:
        receipt = json.loads(one.data)
        key = (receipt["effect"], receipt["layer"], receipt["reason"])
        counted[key] = counted.get(key, 0) + 1
    decisions = [
        {"effect": effect, "layer": layer, "reason": reason, "count": count}
        for (effect, layer, reason), count in sorted(counted.items())
    ]
    between = _between(connection, node, exchange)
    return _row(exchange) | {"sources": _sources(node, exchange), "decisions": decisions} | between


def _between(connection: "Connection", node: "Runtime", exchange: "Exchange") -> dict[str, Any]:
    """What other members answered us in it; or what the one whom we answered said of our answer."""
    from gateway.exchange.peer.acks import result_of
    from gateway.exchange.peer.evidence import of_exchange
    from keys.syntax import b64u

    kept = of_exchange(connection, exchange.id, node.node.room(connection).vault)
    answers = [{"member": one.member, "md": b64u(one.md), "request": b64u(one.req)} for one in kept]
    result = None if exchange.leaf is None else result_of(connection, exchange.leaf)
    return {"answers": answers, "acknowledged": result}


def _sources(node: "Runtime", exchange: "Exchange") -> list[dict[str, Any]]:
    """From the signed completeness statement, verified by this node's own keys."""
    from gateway.cli.own_keys import own_resolver
    from keys import jws
    from keys.errors import StatementRefused
    from keys.syntax import parse_object

    if exchange.completeness is None:
        return []
    try:
        verified = jws.verify(exchange.completeness, jws.COMPLETENESS, own_resolver(node.keys))
        statement = parse_object(verified.payload)
        if statement.get("exchange") != exchange.id:
            raise StatementRefused("claims")
    except StatementRefused:
        hint = "the signed completeness statement does not hold: carepact audit verify"
        raise Problem("refused", hint=hint) from None
    return list(statement["sources"])


def _row(one: "Exchange") -> dict[str, Any]:
    return {
        "id": one.id,
        "at": instant_from_seconds(one.at),
        "client": one.client,
        "organisation": one.organisation,
        "purpose": one.purpose,
        "state": one.state,
        "leaf": one.leaf,
    }
