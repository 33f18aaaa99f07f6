"""`carepact directory register`: who is under whom, who works where, who may act for whom; the file replaced.

1. The new register is read as strictly as a node reads it when it starts. 2. One unit of work: the ledger
leaf first, then the file is replaced whole. If it cannot be, the leaf goes with it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, read_file
from gateway.cli.options import AsOption, ConfigOption, DryRunOption, JsonOption, ReasonOption, with_node
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.directory.interface import Register
    from gateway.exchange.consents import Act


def register(
    file: Annotated[Path, typer.Argument(help="JSON: org_parent, practitioner_orgs, groups, proxies, …")],
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Replace the register of organisations and people. Nodes take it when they start anew."""
    from gateway.directory.register import MAX_BYTES

    data = read_file(file, "FILE", limit=MAX_BYTES)

    async def act(node: "Runtime") -> dict[str, Any]:
        return await _registered(node, data, act_now(node, reason), dry_run)

    row = with_node(config, as_node, act)
    if as_json:
        emit_json(row)
        return
    said = "would be replaced" if dry_run else "is replaced; restart the node to use it"
    say(f"the register {said}: {row['organisations']} organisations, {row['practitioners']} practitioners, "
        f"{row['groups']} groups, {row['proxies']} proxies")  # fmt: skip
    if dry_run:
        say("dry run: nothing was written")


async def _registered(node: "Runtime", data: bytes, act: "Act", dry_run: bool) -> dict[str, Any]:
    from gateway.audit import ledger
    from gateway.audit.interface import Entry
    from gateway.cli.published import replace_whole
    from gateway.directory.interface import DirectoryRefused
    from gateway.directory.register import register_from_bytes
    from gateway.exchange.rehearsal import write_or_rehearse

    path = node.settings.directory.register_file
    if path is None:
        raise Problem("conflict", hint="name a file in directory.register, holding {}, then once more")
    try:
        new = register_from_bytes(data)  # 1
    except DirectoryRefused as refused:
        raise Problem("invalid", expression="FILE", hint=str(refused)) from None

    def unit(connection: Any) -> None:
        detail = {"register": new.sha256, "by": act.by, "reason": act.reason, "action": "register"}
        entry = Entry("peer", int(act.at.timestamp()), detail=detail)
        vault = node.node.room(connection).vault
        ledger.append(connection, entry, me=node.node.member, vault=vault, entropy=node.entropy)  # 2
        if not dry_run:
            hint = "directory.register was not written: nothing in it has changed"
            replace_whole(path, data, node.entropy(6).hex(), hint=hint)

    await write_or_rehearse(node.database, unit, dry_run)
    return _row(new) | {"dry_run": dry_run}


def _row(new: "Register") -> dict[str, Any]:
    consent = new.consent
    return {
        "organisations": len({*consent.org_parent, *consent.org_parent.values()}),
        "practitioners": len(consent.practitioner_orgs),
        "groups": len(consent.groups),
        "proxies": len(consent.proxies),
        "sha256": new.sha256,
    }
