"""`carepact source show`: one kept original, and its very bytes. Looking is logged before it is shown."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import operator
from gateway.cli.options import AsOption, ConfigOption, JsonOption, lines, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime
    from gateway.intake.interface import Kept


def show(
    intake: Annotated[
        str,
        typer.Argument(help="Id of an original, as meta.source and losses name it; a unique prefix will do."),
    ],
    raw: Annotated[bool, typer.Option("--raw", help="The bytes as they came, on stdout.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """What came, when, and what became of it. --raw gives the bytes; both are logged in the ledger."""

    async def act(node: "Runtime") -> "tuple[Kept, bytes]":
        return await node.database.write(lambda c: _look_and_log(c, node, intake, raw))

    kept, body = with_node(config, as_node, act)
    if raw:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
    elif as_json:
        emit_json(_row(kept))
    else:
        for line in lines(_row(kept) | {"counts": _sums(kept)}):
            say(line)


def _look_and_log(connection: "Connection", node: "Runtime", id: str, raw: bool) -> "tuple[Kept, bytes]":
    """The leaf stands in the same unit of work; an erased original opens for nobody (`KeyErased`)."""
    from gateway.audit import ledger
    from gateway.audit.interface import Entry
    from gateway.intake.sql import Originals

    vault = node.node.room(connection).vault
    kept = find_original(connection, node, id, "INTAKE")
    detail = {"view": "original", "intake": kept.intake, "source": kept.source, "raw": raw, "by": operator()}
    entry = Entry("report", int(node.clock().timestamp()), person=kept.person, detail=detail)
    ledger.append(connection, entry, me=node.node.member, vault=vault, entropy=node.entropy)
    return kept, Originals(connection, vault).body(kept.intake) if raw else b""


def find_original(connection: "Connection", node: "Runtime", prefix: str, expression: str) -> "Kept":
    """The original of an id or a unique prefix of one. Raises `not_found`, `conflict`."""
    from gateway.audit.interface import Ambiguous
    from gateway.intake.sql import Originals

    try:
        kept = Originals(connection, node.node.room(connection).vault).find(prefix)
    except Ambiguous:
        raise Problem("conflict", expression=expression, hint="several begin so: give more of it") from None
    if kept is None:
        raise Problem("not_found", expression=expression, hint="carepact source losses --group-by intake")
    return kept


def _row(kept: "Kept") -> dict[str, Any]:
    return {
        "intake": kept.intake,
        "source": kept.source,
        "custodian": kept.custodian,
        "received": kept.received,
        "seen": kept.seen,
        "state": kept.state,
        "reason": kept.reason,
        "status": kept.status,
        "bytes": kept.size,
        "sha256": kept.sha256.hex(),
        "media_type": kept.media_type,
        "mapping": kept.mapping,
        "counts": dict(kept.counts),
        "truncated": kept.truncated,
    }


def _sums(kept: "Kept") -> str:
    return " ".join(f"{name}={kept.counts[name]}" for name in ("total", "mapped", "kept", "lost"))
