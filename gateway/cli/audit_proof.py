"""`carepact audit proof`: one leaf with its place in the log, as C2SP `tlog-proof@v1`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import AsOption, ConfigOption, with_node
from gateway.cli.output import say
from gateway.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime


def proof(
    leaf: Annotated[int, typer.Argument(min=0, metavar="LEAF", help="Its place in the log, from 0.")],
    out: Annotated[Path, typer.Option(help="The file, 0600; it must not be there yet.")],
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """That a leaf is in this node's log. It names no patient; what it is about stays here."""

    async def act(node: "Runtime") -> bytes:
        from gateway.exchange.checkpoint import signed_checkpoint
        from keys.note import checkpoint_from_note, parse_note

        published = await node.database.read(lambda c: _published(c, node.node.member, leaf))
        note = published or await signed_checkpoint(node.node)
        size = checkpoint_from_note(parse_note(note)).size if note else 0
        return await node.database.read(lambda c: _proof(c, leaf, size, note))

    from gateway.cli.envelope_files import write_private

    write_private(out, with_node(config, as_node, act), "--out")
    say(f"{out}: anywhere: carepact verify {out.name} --root PINNED")


def _published(connection: "Connection", member: str, leaf: int) -> bytes | None:
    from gateway.audit.publishing import covering

    found = covering(connection, member, leaf)
    return found.note if found is not None else None


def _proof(connection: "Connection", leaf: int, size: int, note: bytes) -> bytes:
    from gateway.audit import ledger
    from keys.tlog_proof import TlogProof, bytes_from_tlog_proof

    data = ledger.read_leaf(connection, leaf)
    if data is None or leaf >= size:
        raise Problem("not_available", hint="no such leaf, or none that was signed yet: try again")
    return bytes_from_tlog_proof(TlogProof(leaf, ledger.prove_inclusion(connection, leaf, size), note, data))
