"""`carepact audit`: whether the ledger holds, and who saw a patient's record (trust-and-ledger.md 10)."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import operator, seconds_from_text
from gateway.cli.audit_accessed import accessed
from gateway.cli.audit_erase import erase
from gateway.cli.audit_events import events
from gateway.cli.audit_fork import fork
from gateway.cli.audit_proof import proof
from gateway.cli.audit_receipt import receipt
from gateway.cli.audit_reconcile import reconcile
from gateway.cli.audit_restart import restart
from gateway.cli.noun import noun
from gateway.cli.options import (
    AsOption,
    ConfigOption,
    JsonOption,
    with_node,
)
from gateway.cli.output import emit_json, say

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.audit.interface import Disclosure, Report
    from gateway.bootstrap import Runtime

_EXAMPLES = """Examples:

\b
  carepact audit verify
  carepact audit verify --since 30d
  carepact audit accessed --patient 'https://fhir.nhs.uk/Id/nhs-number|9990000018' --since 1y

Exit codes of verify: 0 everything holds, 5 the log contradicts itself, 6 a signature does not hold."""

app = noun("The ledger: verify it; who saw a patient's record.", _EXAMPLES)

app.command(epilog="Example: carepact audit accessed --patient SYSTEM|VALUE --since 1y --format csv")(
    accessed
)
app.command("receipt", epilog="Example: carepact audit receipt --patient SYSTEM|VALUE --out g.json …")(
    receipt
)
app.command("events", epilog="Example: carepact audit events --patient SYSTEM|VALUE > grace.ndjson")(events)
app.command("reconcile", epilog="Example: carepact audit reconcile south-gp.example --since 7d")(reconcile)
app.command("proof", epilog="Example: carepact audit proof 17 --out leaf.tlog-proof")(proof)
app.command("fork", epilog="Example: carepact audit fork south-gp.example --export fork.json")(fork)
app.command("restart", epilog="Example: carepact audit restart --reason 'restored after the fire'")(restart)
app.command("erase", epilog="Example: carepact audit erase --patient SYSTEM|VALUE --reason 'her wish'")(erase)

_WORDS = {
    "missing": "a leaf is not there, or fewer than were signed or counted",
    "leaf": "its bytes are not those that were hashed",
    "columns": "the columns beside the leaf say something else than its bytes",
    "node": "a stored subtree is not the hash of its leaves",
    "checkpoint": "a signature does not hold",
    "fork": "what was signed is not the root of this tree",
    "detail": "its detail is gone, moved or altered, and was not erased",
    "chain": "a leaf of one person is missing, swapped or re-ordered",
    "head": "the head is not that of the leaves",
    "surplus": "there are rows that no leaf accounts for",
}


@app.command(epilog="Example: carepact audit verify --json")
def verify(
    since: Annotated[
        str | None, typer.Option(help="Only what came after the last checkpoint before this date or span.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Recompute the ledger, all of it or since a time, and name the first bad entry."""

    async def act(node: "Runtime") -> "Report":
        from gateway.audit.signing import own_log_keys
        from gateway.audit.verify import verify as recompute

        keys = own_log_keys(node.keys, node.node.member)
        start = None if since is None else seconds_from_text(since, node.clock(), "--since")

        def unit(connection: "Connection") -> "Report":
            vault = node.node.room(connection).vault
            return recompute(connection, me=node.node.member, keys=keys, vault=vault, since=start)

        return await node.database.read(unit)

    report = with_node(config, as_node, act)
    if as_json:
        emit_json(_json_from_report(report))
    else:
        for line in _lines_from_report(report):
            say(line)
    raise typer.Exit(int(report.exit))


def _json_from_report(report: "Report") -> dict[str, Any]:
    finding = report.finding
    return {
        "ok": finding is None,
        "leaves": report.leaves,
        "trusted": report.trusted,
        "checkpoints": report.checkpoints,
        "details": report.details,
        "erased": report.erased,
        "persons": report.persons,
        "size": report.head.size,
        "root": report.head.root.hex(),
        "first_bad": None if finding is None else {"entry": finding.index, "what": finding.what},
    }


def _lines_from_report(report: "Report") -> list[str]:
    told = [f"trusted      {report.trusted} leaves before them, by the checkpoint over them: not looked at"]
    told = (told if report.trusted else []) + [
        f"leaves       {report.leaves} hashed again",
        f"checkpoints  {report.checkpoints} signatures verified against the tree",
        f"details      {report.details} opened and compared, {report.erased} erased",
        f"patients     {report.persons} chains followed to their end",
        f"root         {report.head.root.hex()} of {report.head.size}",
    ]
    if report.finding is None:
        return [*told, "the ledger holds"]
    what = _WORDS.get(report.finding.what, report.finding.what)
    return [*told, f"FIRST BAD ENTRY  {report.finding.index}: {what} ({report.finding.what})",
            "keep a copy of the database as it is, and let nothing be released from it"]  # fmt: skip


def read_and_log(
    connection: "Connection", node: "Runtime", person: str, since: int, *, view: str = "accessed"
) -> "tuple[Disclosure, ...]":
    """A person's leaves from `since` on, and the leaf that says that somebody looked."""
    from gateway.exchange import access_report

    return access_report.read_and_log(connection, node.node, person, since=since, by=operator(), view=view)
