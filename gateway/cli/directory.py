"""`carepact directory`: whose statements and keys this node believes (trust-and-ledger.md 2)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import federation, federation_checks, federation_own, federation_root
from gateway.cli.act import act_now, instant_from_seconds, read_file
from gateway.cli.directory_register import register
from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, emit_rows, say, warn

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from keys.trust import TrustList

_EXAMPLES = """Two nodes that get to know each other; each hands its record to the other:

\b
  carepact keys member --out north.member.json
  (send it, and compare it on the telephone; over there:)
  carepact directory add north.member.json --reason 'met on 12 May'
  carepact directory list

A record is of public keys only, each with a proof that its owner holds it. Every change is a new
version of the file directory.members; running nodes take it at their next exchange.

Exit codes: 0 done, 2 no such record, 4 no such member, 5 a key of somebody else."""

app = noun("The members list: whose statements are believed, and until when.", _EXAMPLES)

for _name in ("init", "join", "admit", "suspend", "restore", "take"):
    app.command(_name)(getattr(federation, _name))
for _name in ("publish", "revoke"):
    app.command(_name)(getattr(federation_own, _name))
for _name in ("refresh", "status", "verify", "mirror", "ping"):
    app.command(_name)(getattr(federation_checks, _name))

app.add_typer(federation_root.app, name="rotate-root")
app.command(epilog="Example: carepact directory register register.json --reason 'ward 7 is new'")(register)
_COLUMNS = ("id", "suites", "keys", "state")
_USES = ("sig", "log", "enc", "witness")


@app.command("list", epilog="Example: carepact directory list --json")
def list_members(as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """Every member with its live keys; a record that is not believed with the reason."""

    async def act(node: "Runtime") -> "tuple[TrustList, int, str | None]":
        trust = node.node.directory().trust
        return trust, int(node.clock().timestamp()), node.members.fault

    trust, at, fault = with_node(config, as_node, act)
    about = {"version": trust.version, "expires": instant_from_seconds(trust.expires)}
    rows = _rows(trust, at)
    if as_json:
        rows = [row | {"list": about} for row in rows]
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="no member: carepact directory add --help")
    if not as_json:
        over = " (it has expired: nothing is sealed or opened)" if trust.expires <= at else ""
        say(f"\nversion {about['version']}, expires {about['expires']}{over}")
    if fault:
        warn(f"carepact: the file was changed and not taken: {fault}")


@app.command(epilog="Example: carepact directory add east.member.json --reason 'met on 12 May'")
def add(
    file: Annotated[Path, typer.Argument(help="One member record: carepact keys member makes it.")],
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Add a member, or replace its record. Every key must be proved to be its own."""
    data = read_file(file, "FILE")

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.members_file import add_member

        return await add_member(node, data, act_now(node, reason))

    row = with_node(config, as_node, act)
    _told(row, as_json, f"{row['id']} is {row['done']}")


@app.command(epilog="Example: carepact directory remove east.example --reason 'left the federation'")
def remove(
    id: str,
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Take a member off the list. What it signed can no longer be verified here."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.federation_acts import change_status
        from gateway.cli.members_file import remove_member

        if node.settings.directory.members is not None:
            return await remove_member(node, id, act_now(node, reason))
        await change_status(node, id, "removed", act_now(node, reason))
        return {"id": id, "done": "removed", "version": node.members.current.trust.version}

    row = with_node(config, as_node, act)
    _told(row, as_json, f"{row['id']} is {row['done']}")


def _told(row: dict[str, Any], as_json: bool, said: str) -> None:
    if as_json:
        emit_json(row)
    else:
        say(f"{said}; the list is version {row['version']} now: carepact directory list")


def _rows(trust: "TrustList", at: int) -> list[dict[str, Any]]:
    known = [
        {
            "id": member.id,
            "suites": list(member.suites),
            "keys": [
                f"{use} until {instant_from_seconds(end)}" for use in _USES if (end := _end(member, use, at))
            ],
            "state": "believed",
        }
        for member in trust.members.values()
    ]
    disabled = [
        {"id": id, "suites": [], "keys": [], "state": f"disabled: {why}"} for id, why in trust.disabled
    ]
    return [*known, *disabled]


def _end(member: Any, use: str, at: int) -> int | None:
    """Until when something can be done with this use: a statement needs a live key of each algorithm."""
    from keys.algorithms import STATEMENT_SIGNATURES

    live = [k for k in member.keys if k.use == use and k.nbf <= at < k.exp and k.kid not in member.revoked]
    wanted = STATEMENT_SIGNATURES if use == "sig" else {k.alg for k in live}
    ends = [max((k.exp for k in live if k.alg == alg), default=None) for alg in wanted]
    return None if not ends or None in ends else min(end for end in ends if end is not None)
