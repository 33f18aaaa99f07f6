"""`carepact audit reconcile PEER`: do both logs say the same of what passed between (section 12)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import instant_from_seconds, seconds_from_text, write_file
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.exchange.reconcile import Reconciled

_WORDS = {
    "matched": "both sides logged the same",
    "differs": "the two sides say different things",
    "only-here": "the member shows no leaf of what it did",
    "only-there": "the member logged what this node did not",
    "unproven": "the member shows leaves that are not provably in its log",
    "unacked": "sent, and after a day no sign that it arrived",
    "open": "may still come",
}


def reconcile(
    peer: Annotated[str, typer.Argument(metavar="PEER", help="Id of the other member.")],
    since: Annotated[str, typer.Option(help="A date, or a span like 30d.")] = "1d",
    until: Annotated[str | None, typer.Option(help="A date; else now.")] = None,
    out: Annotated[Path | None, typer.Option(help="The signed result, for carepact verify.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Compare both ledgers of the exchanges with one member. Exit 0 if everything matches, else 5."""

    async def act(node: "Runtime") -> "Reconciled":
        from gateway.exchange.reconcile import reconcile as compare

        now = node.clock()
        start = seconds_from_text(since, now, "--since")
        end = seconds_from_text(until, now, "--until") if until else int(now.timestamp())
        if end < start:
            raise Problem("invalid", expression="--until", hint="it ends before it begins")
        return await compare(node.node, node.services.logs, peer, since=start, until=end)

    found = with_node(config, as_node, act)
    if out is not None:
        write_file(out, found.statement, "--out")
    if as_json:
        emit_json(_json(found))
    else:
        for line in _lines(found):
            say(line)
    raise typer.Exit(int(Exit.DONE if found.matched else Exit.CONFLICT))


def _json(found: "Reconciled") -> dict[str, Any]:
    odd = [row for row in found.rows if row.kind not in ("matched", "open")]
    return {
        "peer": found.peer,
        "since": instant_from_seconds(found.since),
        "until": instant_from_seconds(found.until),
        "matched": found.matched,
        "checkpoint": found.checkpoint,
        "counts": found.counts(),
        "findings": [
            {"at": instant_from_seconds(row.at), "class": row.kind, "why": row.why, "here": list(row.mine),
             "there": list(row.theirs), "request": row.request.hex()}
            for row in odd
        ],
    }  # fmt: skip


def _lines(found: "Reconciled") -> list[str]:
    lines = [f"{name:<11}{count}  {_WORDS[name]}" for name, count in found.counts().items() if count]
    if found.checkpoint != "proven":
        lines.append(f"their log  {found.checkpoint}: it is not joined to what was known of it")
    for row in found.rows:
        if row.kind not in ("matched", "open"):
            places = ", ".join(str(place) for place in row.mine) or "none"
            lines.append(f"{instant_from_seconds(row.at)}  {row.kind}: {row.why} (leaves here: {places})")
    if not found.rows:
        lines.append("nothing was exchanged with this member in that time")
    return [*lines, "the logs match" if found.matched else "THE LOGS DO NOT MATCH"]
