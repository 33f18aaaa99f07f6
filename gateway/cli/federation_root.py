"""`carepact directory rotate-root`: the next root, signed offline by its holders (trust-and-ledger.md 7)."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.act import act_now, instant_from_seconds, read_file, write_file
from gateway.cli.federation import done
from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime

_EXAMPLES = """Two of three holders replace the third, and its keys are worth nothing any more:

\b
  carepact directory rotate-root start --replace 3 --reason 'the safe of the third was broken into'
  carepact directory rotate-root sign root-2.json --holder /media/first     (at the first holder, offline)
  carepact directory rotate-root sign root-2.json --holder /media/second    (at the second)
  carepact directory rotate-root finish root-2.json --reason 'as decided on 12 May'

--replace operator or publisher changes the keys of that desk; --publisher ID lets a member sign timestamps
beside it. Once a year a root must be signed again, with nobody replaced. Whoever loses the threshold founds a
new federation, and every member pins it by hand."""

app = noun("The next root: start, sign, finish.", _EXAMPLES)
_LIMIT = 256 * 1024


@app.command(epilog="Example: carepact directory rotate-root start --replace 3 --reason 'third holder left'")
def start(
    reason: ReasonOption,
    replace: Annotated[
        list[str] | None, typer.Option(help="A holder's number, operator or publisher; repeat it.")
    ] = None,
    publisher: Annotated[
        list[str] | None, typer.Option(help="A member that signs timestamps too; repeat it.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Write the unsigned next root. Nothing changes until it is finished."""

    async def act(node: "Runtime") -> Path:
        from gateway.cli.federation_acts import desk_of, log_change, refused_as_problem
        from gateway.directory import rotation

        doing, desk = act_now(node, reason), desk_of(node)
        at = int(doing.at.timestamp())
        names = sorted(replace or [])
        path: Path = refused_as_problem(lambda: rotation.start(desk, names, publisher or [], at))
        await log_change(node, doing, action="rotate-start", replaced=names, publishers=publisher or [])
        return path

    path = with_node(config, as_node, act)
    if as_json:
        emit_json({"file": str(path)})
        return
    say(f"{path}: each holder signs it, offline: carepact directory rotate-root sign FILE --holder FOLDER")
    for name in replace or []:
        if name.isdigit():
            say(
                f"take {path.parent / 'holders' / f'{name}.r{_version(path)}'} offline: its new holder's keys"
            )


@app.command(epilog="Example: carepact directory rotate-root sign root-2.json --holder /media/first")
def sign(
    file: Annotated[Path, typer.Argument(help="The draft; the signatures are added to it.")],
    holder: Annotated[Path, typer.Option(help="The folder with this holder's kek and keys/.")],
    as_json: JsonOption = False,
) -> None:
    """Add one holder's signatures to the draft. No node and no network is needed."""
    import os

    from gateway.bootstrap import system_clock
    from gateway.cli.federation_acts import refused_as_problem
    from gateway.directory import rotation
    from keys.federation.metadata import expiry
    from keys.federation.rotation import root_from_bytes

    data = read_file(file, "FILE", limit=_LIMIT)
    now = int(system_clock().timestamp())
    signed: bytes = refused_as_problem(lambda: rotation.sign(data, holder, os.urandom, now))
    write_file(file, signed, "FILE")
    root = root_from_bytes(signed)
    about = {
        "version": root.signed.version,
        "expires": instant_from_seconds(expiry(root)),
        "signed_sha256": hashlib.sha256(root.signed_bytes).hexdigest(),
        "signatures": len(root.signatures),
    }
    if as_json:
        emit_json(about)
        return
    for name, value in about.items():
        say(f"{name:<14} {value}")
    say("every holder must see the same signed_sha256")


@app.command(epilog="Example: carepact directory rotate-root finish root-2.json --reason 'as decided'")
def finish(
    file: Annotated[Path, typer.Argument(help="The draft with its signatures.")],
    reason: ReasonOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Publish the next root, if the old and the new threshold signed it."""
    data = read_file(file, "FILE", limit=_LIMIT)

    async def act(node: "Runtime") -> int:
        from gateway.cli.federation_acts import awaited, desk_of, refresh_own
        from gateway.directory import rotation
        from gateway.directory.locked import locked

        doing, desk = act_now(node, reason), desk_of(node)
        if not desk.exists():
            raise Problem("conflict", hint="no federation was founded here: carepact directory init")
        about = {"by": doing.by, "reason": doing.reason, "action": "rotate-finish"}
        at = int(doing.at.timestamp())

        async def change() -> int:
            async with locked(desk.folder):
                rotation.require_finishable(desk, data)
                await node.membership.own.log(about, at)
                return rotation.finish(desk, data, at)

        version = await awaited(change())
        await refresh_own(node, doing.at)
        return version

    version = with_node(config, as_node, act)
    row = {"done": "published", "version": version}
    done(row, as_json, f"root {version} is published: members walk to it at their next refresh")


def _version(path: Path) -> str:
    return path.stem.removeprefix("root-")
