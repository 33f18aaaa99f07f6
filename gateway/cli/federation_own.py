"""What a member publishes of itself: `carepact directory publish` and `revoke` (trust-and-ledger.md 6, 7)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.act import act_now, write_file
from gateway.cli.federation import done
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, with_node
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.directory.publishing import Published

OutOption = Annotated[
    Path | None, typer.Option(help="Write the update here, for a publisher to take by hand.")
]
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
    _publish({}, reason, out, as_json, config, as_node)


def revoke(
    kid: str,
    because: Annotated[str, typer.Option(help="compromised, superseded, …: other members read it.")],
    reason: ReasonOption,
    out: OutOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Revoke one of this node's keys. Nothing signed by it is believed any more, whatever its date."""
    _publish({kid: because}, reason, out, as_json, config, as_node)


def _publish(
    revoked: dict[str, str],
    reason: str,
    out: Path | None,
    as_json: bool,
    config: Path | None,
    as_node: str | None,
) -> None:
    async def act(node: "Runtime") -> "Published":
        from gateway.cli import federation_acts

        if not revoked.keys() <= {key.kid for key in node.keys.public()}:
            raise Problem("not_found", expression="KID", hint="carepact keys list")
        doing = act_now(node, reason)
        at = int(doing.at.timestamp())
        named = {kid: (at, why) for kid, why in revoked.items()}
        return await federation_acts.publish(node, named, doing, by_hand=out is not None)

    published = with_node(config, as_node, act)
    if out is not None:
        write_file(out, published.update, "--out")
        if str(out) != "-":
            said = f"written: at the publisher, carepact directory take {out}"
            done({"done": "written"}, as_json, said)
        return
    if published.ended != "published":
        raise Problem(_PROBLEMS[published.ended], hint=_HINTS[published.ended])
    done({"done": "published"}, as_json, "published")
