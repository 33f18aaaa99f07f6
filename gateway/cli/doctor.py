"""`carepact doctor`: every check with its state, and the next command where something is wrong."""

from pathlib import Path
from typing import Any

import typer

from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Exit

app = noun("Check the node and say the next step for each thing that is wrong.")


@app.command(
    epilog="Changes nothing. Exit codes: 0 nothing is wrong (warnings do not count), 10 a check failed."
)
def doctor(as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """Look at configuration, keys, members, law, database, ledger, sources, agreements and clients."""
    from gateway.cli.checks import examine

    checks = examine(_file(config, as_node))
    if as_json:
        for check in checks:
            emit_json(check.row())
    else:
        _told([check.row() for check in checks])
    failed = any(check.state == "failed" for check in checks)
    raise typer.Exit(int(Exit.CHECK_FAILED if failed else Exit.DONE))


def _file(config: Path | None, as_node: str | None) -> Path:
    from gateway.sandbox.state import configuration_for

    return configuration_for(config, as_node)


def _told(rows: list[dict[str, Any]]) -> None:
    emit_rows(rows, ("state", "check", "said"), as_json=False, empty="")
    steps = [row for row in rows if row["next"]]
    for row in steps:
        say(f"next, for {row['check']}: {row['next']}")
    if not steps:
        say("nothing is wrong")
