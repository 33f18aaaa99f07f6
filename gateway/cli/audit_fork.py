"""`carepact audit fork`: members of whom two histories are on record; the evidence as a file (section 11)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import instant_from_seconds
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.audit.peers import Fork, PeerCheckpoint
    from gateway.bootstrap import Runtime


def fork(
    peer: Annotated[str, typer.Argument(metavar="PEER", help="Id of the member.")],
    export: Annotated[Path | None, typer.Option("--export", help="Both notes, for carepact verify.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Whether a member signed two histories of its log. Exit 0 if none is known, else 5."""

    async def act(node: "Runtime") -> "tuple[tuple[Fork, ...], tuple[PeerCheckpoint, ...], bytes]":
        from gateway.audit import peers
        from gateway.cli.trust_material import trust_of
        from keys.forks import bytes_from_forks

        member = node.node.member
        if node.node.directory().trust.member(peer) is None or peer == member:
            raise Problem("not_found", hint="no other member of this id: carepact directory status")
        found = await node.database.read(lambda c: peers.forks(c, peer))
        late = await node.database.read(peers.unproven)
        notes = [(one.first, one.second) for one in found]
        return (
            found,
            tuple(one for one in late if one.peer == peer),
            bytes_from_forks(peer, notes, trust_of(node, peer)),
        )

    found, late, data = with_node(config, as_node, act)
    if export is not None and found:
        from gateway.cli.envelope_files import write_private

        write_private(export, data, "--export")
    if as_json:
        emit_json(_json(peer, found, late))
    else:
        for line in _lines(found, late, export):
            say(line)
    raise typer.Exit(int(Exit.CONFLICT if found or late else Exit.DONE))


def _json(peer: str, found: "tuple[Fork, ...]", late: "tuple[PeerCheckpoint, ...]") -> dict[str, Any]:
    return {
        "peer": peer,
        "forks": [
            {"at": instant_from_seconds(one.at), "size": one.size, "origin": one.origin, "leaf": one.leaf}
            for one in found
        ],
        "unproven": [{"at": instant_from_seconds(one.at), "size": one.size} for one in late],
    }


def _lines(found: "tuple[Fork, ...]", late: "tuple[PeerCheckpoint, ...]", export: Path | None) -> list[str]:
    lines = [
        f"{instant_from_seconds(one.at)}  FORK of {one.origin} at size {one.size} (leaf {one.leaf} here)"
        for one in found
    ]
    lines += [f"{instant_from_seconds(one.at)}  no proof came for size {one.size}" for one in late]
    if found and export is not None:
        lines.append(f"{export}: both signed notes; anywhere: carepact verify {export.name} --root PINNED")
    return lines or ["one history, as far as this node knows"]
