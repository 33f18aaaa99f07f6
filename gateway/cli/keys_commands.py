"""The acts of `carepact keys` that end a key, carry it on, or change what wraps them all."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsOption, ConfigOption, DryRunOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime

KidArgument = Annotated[str, typer.Argument(metavar="KID", help="As carepact keys list shows it.")]
Act = Callable[["Runtime"], Awaitable[dict[str, Any]]]


def register(app: typer.Typer) -> None:
    """Put them on the noun."""
    app.command(epilog="Example: carepact keys rotate --use sig --reason 'yearly change'")(rotate)
    app.command(epilog="Example: carepact keys retire KID --reason 'replaced'")(retire)
    app.command(epilog="Example: carepact keys destroy KID --reason 'past its end'")(destroy)
    app.command(epilog="Example: carepact keys rewrap --kek file:/etc/carepact/kek-2 --reason 'x'")(rewrap)


def rotate(
    use: Annotated[str, typer.Option(help="sig, log, witness or enc.")],
    reason: ReasonOption,
    begins: Annotated[
        str | None, typer.Option(help="From when the new keys are used, like 48h; else once others know.")
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Make successors; the keys before fade out. Signing keys go on for 30 days beside the new ones."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.keys_life import Asked, rotated

        return await rotated(node, use, Asked(reason, dry_run, begins=_seconds(begins)))

    _tell(act, as_json, config, as_node)


def retire(
    kid: KidArgument,
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Use a key no more from now on. What it signed stays good; what is on its way to it still opens."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.keys_life import Asked, retired

        return await retired(node, kid, Asked(reason, dry_run))

    _tell(act, as_json, config, as_node)


def destroy(
    kid: KidArgument,
    reason: ReasonOption,
    force: Annotated[bool, typer.Option("--force", help="Give up messages that are on their way.")] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Destroy a private half, for good. A key that others may have: carepact directory revoke as well."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.keys_life import Asked, destroyed

        return await destroyed(node, kid, Asked(reason, dry_run, force))

    _tell(act, as_json, config, as_node)


def rewrap(
    kek: Annotated[
        str, typer.Option(help="file:PATH (made if it is not there), env:NAME, passphrase:NAME, exec:PATH.")
    ],
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Everything under another key-encryption key. Both open until it is done; once stopped, run it again."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.keys_rewrap import rewrapped

        return await rewrapped(node, kek, reason, dry_run)

    said = with_node(config, as_node, act)
    if as_json:
        emit_json(said)
    elif dry_run:
        say("nothing was changed: it would be possible")
    else:
        counts = f"{said['keys']} keys, {said['secrets']} secrets and {said['data_keys']} data keys"
        say(f"{counts} are under {kek}")
        say(f'now: [keys] kek = "{kek}" in the configuration, restart, and only then destroy the old one')


def _tell(act: Act, as_json: bool, config: Path | None, as_node: str | None) -> None:
    said = with_node(config, as_node, act)
    if as_json:
        emit_json(said)
        return
    for line in _sentences(said):
        say(f"would: {line}" if said["dry_run"] else line)


def _sentences(said: dict[str, Any]) -> list[str]:
    match said["act"]:
        case "rotate":
            made = ", ".join(said["made"]) or f"new {said['use']} keys"
            fading = [f"{kid} fades until {end}" for kid, end in said["fading"].items()]
            return [f"{made} used from {said['begins']}", *fading]
        case "retire":
            return [f"{said['kid']} is used no more"]
    return [f"{said['kid']} is destroyed; had others a copy: carepact directory revoke"]


def _seconds(text: str | None) -> int | None:
    from gateway.cli.act import hours_from_text

    if text is None:
        return None
    hours = hours_from_text(text)
    if hours is None:
        raise Problem("invalid", expression="--begins", hint="a span like 0h, 48h or 3d")
    return hours * 3600
