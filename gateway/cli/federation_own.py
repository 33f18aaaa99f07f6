"""What a member publishes of itself: `carepact directory publish` and `revoke` (trust-and-ledger.md 6, 7)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, instant_from_seconds, seconds_from_text, write_file
from gateway.cli.federation import done
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_rows
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.directory.publishing import Published
    from gateway.exchange.consents import Act

OutOption = Annotated[
    Path | None, typer.Option(help="Write the update here, for a publisher to take by hand.")
]
_SIGNED = ("exchange", "at", "organisation", "state", "signed")
_PROBLEMS = {
    "stale": "stale", "invalid": "invalid", "no publisher": "unavailable", "not reached": "unavailable"
}  # fmt: skip
_BY_HAND = "--out FILE, and there: carepact directory take FILE"
_HINTS = {
    "stale": f"a newer one of this node is published: carepact directory refresh; else {_BY_HAND}",
    "invalid": f"the publisher refuses it: carepact doctor; {_BY_HAND} says why",
    "no publisher": f"none of the mirrors and members publishes: {_BY_HAND}",
    "not reached": f"no publisher answers: {_BY_HAND}",
}


def publish(
    reason: ReasonOption,
    out: OutOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """This node's record as it is now, under the next version of its role. Daily, and after new keys."""

    async def act(node: "Runtime") -> "Published":
        return await _published(node, {}, act_now(node, reason), out)

    ended = with_node(config, as_node, act)
    _told(ended, out, as_json)


def revoke(
    kid: str,
    because: Annotated[str, typer.Option(help="compromised, superseded, …: other members read it.")],
    reason: ReasonOption,
    since: Annotated[
        str | None, typer.Option(help="From when it was in other hands: a date, or 30d; else now.")
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Revoke one of this node's keys. Nothing signed by it is believed any more, whatever its date.

    Lists the exchanges that it signed since then: what others hold of them proves nothing any more.
    """

    async def act(node: "Runtime") -> "tuple[Published, tuple[dict[str, Any], ...]]":
        from gateway.exchange.signed import exchanges_signed_by

        if kid not in {key.kid for key in node.keys.public()}:
            raise Problem("not_found", expression="KID", hint="carepact keys list")
        doing = act_now(node, reason)
        at = int(doing.at.timestamp())
        start = seconds_from_text(since, doing.at, "--since") if since else at
        ended = await _published(node, {kid: (min(start, at), because)}, doing, out)
        return ended, await node.database.read(lambda c: exchanges_signed_by(c, kid, start))

    ended, signed = with_node(config, as_node, act)
    if out is None or str(out) != "-":
        rows = [row | {"at": instant_from_seconds(row["at"])} for row in signed]
        emit_rows(rows, _SIGNED, as_json=as_json, empty="no exchange was signed by it since then")
    _told(ended, out, as_json)


async def _published(
    node: "Runtime", revoked: dict[str, tuple[int, str]], doing: "Act", out: Path | None
) -> "Published":
    from gateway.cli import federation_acts

    return await federation_acts.publish(node, revoked, doing, by_hand=out is not None)


def _told(published: "Published", out: Path | None, as_json: bool) -> None:
    if out is not None:
        write_file(out, published.update, "--out")
        if str(out) != "-":
            said = f"written: at the publisher, carepact directory take {out}"
            done({"done": "written"}, as_json, said)
        return
    if published.ended != "published":
        raise Problem(_PROBLEMS[published.ended], hint=_HINTS[published.ended])
    done({"done": "published"}, as_json, "published")
