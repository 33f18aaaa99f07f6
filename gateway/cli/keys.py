"""`carepact keys`: the node's keys and their life (envelope.md 12). No private key ever leaves its store."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, instant_from_seconds, write_file
from gateway.cli.keys_commands import register
from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from keys.interface import PublicKey

_EXAMPLES = """Examples:

\b
  carepact keys list
  carepact keys jwks > north.jwks.json
  carepact keys member --out north.member.json
  carepact keys create --use sig --reason 'yearly change'
  carepact keys list --due
  carepact keys rotate --use sig --reason 'yearly change'
  carepact keys rewrap --kek file:/etc/carepact/kek-2 --reason 'new vault'

A key that others must verify or seal by is published in the members file when it is made.
Exit codes: 0 done, 2 usage, 4 no such key, 5 it would leave the node without a key, 9 no KEK at hand."""

app = noun("The node's keys: list, jwks, member, create, rotate, retire, destroy, rewrap.", _EXAMPLES)

_COLUMNS = ("use", "alg", "state", "from", "until", "published", "kid")
_DUE_COLUMNS = ("act", "use", "alg", "from", "until", "kid", "do")
_LIFE = {"sig": 365 * 86_400, "log": 365 * 86_400, "witness": 365 * 86_400, "enc": 48 * 3600}


@app.command("list", epilog="Example: carepact keys list --json")
def list_keys(
    due: Annotated[bool, typer.Option("--due", help="Only what is to be done now, and by what.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Every key that was ever made. Oldest first, with its state read off the clock."""
    if due:
        _list_due(as_json, config, as_node)
        return

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        owner = node.node.directory().trust.owner
        at = int(node.clock().timestamp())
        found = sorted(node.keys.public(), key=lambda key: (key.nbf, key.use, key.alg, key.kid))
        return [_row(key, at, owner(key.kid) == node.node.member) for key in found]

    rows = with_node(config, as_node, act)
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="no key: carepact keys create --use sig --reason …")


def _list_due(as_json: bool, config: Path | None, as_node: str | None) -> None:
    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.cli.keys_life import due_rows

        return due_rows(node)

    rows = with_node(config, as_node, act)
    emit_rows(rows, _DUE_COLUMNS, as_json=as_json, empty="nothing is due")


@app.command(epilog="Example: carepact keys jwks > north.jwks.json")
def jwks(config: ConfigOption = None, as_node: AsOption = None) -> None:
    """Public keys as a JWK Set (RFC 7517). Retired ones too: old statements are verified by them."""

    async def act(node: "Runtime") -> list[dict[str, str]]:
        return [
            dict(key.jwk) | {"kid": key.kid, "use": key.use}
            for key in node.keys.public()
            if key.use in ("sig", "enc")
        ]

    emit_json({"keys": with_node(config, as_node, act)})


@app.command(epilog="Example: carepact keys member --out north.member.json")
def member(
    out: Annotated[Path, typer.Option(help="Write it here, - for stdout.")] = Path("-"),
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """This node's own member record, for another node's `carepact directory add`. Public keys only."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.published import own_record

        return own_record(node)

    data = json.dumps(with_node(config, as_node, act), indent=1, sort_keys=True).encode("ascii")
    write_file(out, data + b"\n", "--out")
    if str(out) != "-":
        say(f"{out}: hand it over; there: carepact directory add {out.name} --reason …")


@app.command(epilog="Example: carepact keys create --use sig --reason 'yearly change'")
def create(
    use: Annotated[str, typer.Option(help="sig (both algorithms of a statement), log or enc.")],
    reason: ReasonOption,
    provided: Annotated[
        list[str] | None, typer.Option("--provided", help="Label of a signing key in keys.signer; repeat it.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Make a key, publish it in the members file, and log that."""
    if use not in _LIFE:
        raise Problem("invalid", expression="--use", hint=f"one of {', '.join(_LIFE)}")
    rows = with_node(config, as_node, lambda node: _created(node, use, reason, tuple(provided or ())))
    for row in rows:
        if as_json:
            emit_json(row)
        else:
            known = "is published" if row["published"] else "is unknown yet: carepact directory publish"
            say(f"{row['use']} key {row['kid']} ({row['alg']}) lives until {row['until']} and {known}")


async def _created(node: "Runtime", use: Any, reason: str, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """In the node's own file nothing is made unless it can be published: an unknown key is worth nothing.

    In a federation it is published by an act of its own, which its publisher has to take.
    """
    from gateway.cli.keys_life import algorithms_of, log_key
    from gateway.cli.published import publish, require_publishable

    act = act_now(node, reason)
    at = int(act.at.timestamp())
    own_file = node.settings.directory.members is not None
    if own_file:
        require_publishable(node)
    end = at + _LIFE[use]
    if labels:
        kids = [_enrolled(node, use, label, at, end) for label in labels]
    else:
        kids = [node.keys.create(use, alg, nbf=at, exp=end) for alg in algorithms_of(node, use)]
    if own_file:
        publish(node)
    detail = {"action": "create", "use": use, "kids": kids}
    await node.database.write(lambda connection: log_key(connection, node, act, detail))
    made = {key.kid: key for key in node.keys.public()}
    return [_row(made[kid], at, own_file) for kid in kids]


def _enrolled(node: "Runtime", use: Any, label: str, at: int, end: int) -> str:
    """A signing key that stays with its provider. Raises `unavailable`."""
    from keys.errors import KeyFault, KeyRefused

    try:
        return node.keys.enrol(use, label, nbf=at, exp=end)
    except (KeyFault, KeyRefused) as fault:
        raise Problem("unavailable", expression="--provided", hint=str(fault)) from None


def _row(key: "PublicKey", at: int, published: bool) -> dict[str, Any]:
    from keys.lifecycle import state

    return {
        "kid": key.kid,
        "use": key.use,
        "alg": key.alg,
        "state": state(key, at),
        "from": instant_from_seconds(key.nbf),
        "until": instant_from_seconds(key.exp),
        "published": published,
    }


register(app)
