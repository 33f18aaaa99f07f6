"""Commands of `carepact directory` that change nothing of the federation: refresh, status, verify, mirror."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import decline, instant_from_seconds
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_json, emit_rows, say, warn
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.directory.ping import Ping
    from keys.federation.advance import Advanced

DRIFT = 2.0
"""Seconds between two clocks from which on it is said."""


def refresh(
    source: Annotated[
        list[str] | None, typer.Option("--from", help="URL or folder; else the mirrors.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Look for news at every mirror. The newest list that verifies is kept; a failure loosens nothing."""

    async def act(node: "Runtime") -> Any:
        from gateway.cli.federation_acts import federation_of, refresh_own

        federation_of(node)
        tried = await refresh_own(node, node.clock(), tuple(source or ()))
        return tried, node.node.directory().trust

    tried, trust = with_node(config, as_node, act)
    emit_rows([{"mirror": one.mirror, "ended": one.ended} for one in tried], ("mirror", "ended"),
              as_json=as_json, empty="no mirror: directory.mirrors, or --from")  # fmt: skip
    if not as_json:
        say(f"\nversion {trust.version}, expires {instant_from_seconds(trust.expires)}")
    if not any(one.ended == "newest" for one in tried):
        raise Problem("unavailable", hint="nothing newer verified: the list is as it was")


def status(as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """The federation as this node last verified it. Half of the timestamp's life gone is a warning."""

    async def act(node: "Runtime") -> "tuple[Advanced, int]":
        from gateway.cli.federation_acts import federation_of

        return federation_of(node), int(node.clock().timestamp())

    held, now = with_node(config, as_node, act)
    _shown(_about(held), as_json)
    left = held.trust.expires - now
    if left <= 0:
        decline(
            Exit.NOT_READY, "the list has expired: nothing is sealed or opened; carepact directory refresh"
        )
    from gateway.directory.warnings import warnings_of

    for text in warnings_of(held, now):
        warn(f"carepact: {text}")


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with metadata/ and targets/.")],
    root_sha256: Annotated[str | None, typer.Option(help="The pinned fingerprint; else UNPINNED.")] = None,
    now: Annotated[int | None, typer.Option(help="POSIX seconds; else the clock.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a folder from its first root on, without a node and without a network."""
    import hashlib

    from gateway.bootstrap import system_clock
    from gateway.directory.folder import files_from_folder
    from gateway.directory.interface import DirectoryRefused
    from keys.errors import TrustRefused
    from keys.federation.advance import begin
    from keys.federation.repository import advance_over

    try:
        files = files_from_folder(folder)
        first = files.get("metadata/1.root.json", b"")
        found = hashlib.sha256(first).hexdigest()
        at = now if now is not None else int(system_clock().timestamp())
        held = advance_over(files, begin(first, root_sha256 or found), at)
    except DirectoryRefused as refused:
        raise Problem("invalid", expression="DIR", hint=str(refused)) from None
    except TrustRefused as refused:
        decline(Exit.BAD_PROOF, f"refused: {refused}")
    _shown(_about(held) | {"root_sha256": found, "pinned": root_sha256 is not None}, as_json)
    if root_sha256 is None:
        warn("carepact: UNPINNED: whoever made the folder made this root; compare the fingerprint")


def mirror(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Write what this node verified to a folder or a stick, for others to refresh from."""

    async def act(node: "Runtime") -> int:
        from gateway.cli.federation_acts import federation_of
        from gateway.directory.folder import write_files

        files = federation_of(node).state.files
        try:
            write_files(folder, files)
        except OSError:
            raise Problem("invalid", expression="DIR", hint="this folder cannot be written") from None
        return len(files)

    count = with_node(config, as_node, act)
    if as_json:
        emit_json({"folder": str(folder), "files": count})
    else:
        say(f"{count} files; elsewhere: carepact directory refresh --from {folder}")


def ping(
    id: Annotated[str, typer.Argument(metavar="ID", help="A member.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Whether a member's node is there, proves to be that member, and has the same time."""

    async def act(node: "Runtime") -> "tuple[Ping, int]":
        from gateway.directory.ping import ping
        from gateway.directory.refresh import Mirror

        directory = node.node.directory()
        if not directory.is_member(id):
            raise Problem("not_found", expression="ID", hint="carepact directory list")
        place = directory.endpoint(id, "directory")
        if place is None:
            raise Problem("not_found", expression="ID", hint="its record names no directory endpoint")
        mirror, nonce = Mirror(place, node.membership.own.reach), node.entropy(16).hex()
        found = await ping(mirror, id, directory.trust, nonce, lambda: node.clock().timestamp())
        return found, directory.trust.version

    found, version = with_node(config, as_node, act)
    _pinged(id, found, version, as_json)
    if not found.contacted:
        raise Problem("unavailable", hint="nobody answers at its endpoint, or it is none that may be dialled")
    if not found.verified:
        decline(Exit.BAD_PROOF, "somebody answers there, and does not prove to be that member")


def _pinged(id: str, found: "Ping", version: int, as_json: bool) -> None:
    about = {"id": id, "contacted": found.contacted, "verified": found.verified}
    if found.verified and found.version is not None:
        news = "same" if found.version == version else "newer" if found.version > version else "older"
        about |= {"took_ms": round(found.took * 1000), "clock_offset": found.offset, "list": news}
    _shown(about, as_json)
    if abs(found.offset or 0) > DRIFT:
        warn(f"carepact: its clock is {found.offset} seconds off this one's; one of the two is wrong")


def _about(held: "Advanced") -> dict[str, Any]:
    root = held.state.root.signed
    holders, wanted = len(root.roles["root"].keyids) // 2, root.roles["root"].threshold // 2
    return {
        "federation": held.federation.id,
        "name": held.federation.name,
        "root": f"version {root.version}, {wanted} of {holders} holders" + (" (solo root)" * (holders == 1)),
        "version": held.trust.version,
        "expires": instant_from_seconds(held.trust.expires),
        "members": sorted(held.trust.members),
        "disabled": [f"{id}: {why}" for id, why in held.trust.disabled],
    }


def _shown(about: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(about)
        return
    for name, value in about.items():
        if value not in ([], ()):
            say(f"{name:<11} {', '.join(value) if isinstance(value, list) else value}")
