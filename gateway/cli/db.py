"""`carepact db`: the schema of the node's database; nothing else of the node is opened."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption, JsonOption
from gateway.cli.output import emit_json, say
from gateway.errors import Exit, RefusedToStart

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.db.migrate import Schema

app = noun(
    "The database: bring it to this version's schema, or only look.",
    "Examples: carepact db check, carepact db upgrade",
)


@app.command(epilog="Example: carepact db upgrade")
def upgrade(as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """Bring it to this version's schema. Nothing to do is fine; back it up first."""
    from gateway.db import migrate

    settings = _settings(config, as_node)
    settings.node.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = migrate.schema(settings.database_url)
    after = migrate.upgrade(settings.database_url)
    if as_json:
        emit_json({"before": before.current, "now": after.current, "needed": after.head})
    elif before.current == after.current:
        say(f"the database is at {after.current} already")
    else:
        say(f"the database went from {before.current or 'empty'} to {after.current}")


@app.command(epilog="Example: carepact db check --json")
def check(as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """Say whether it is at this version's schema. Changes nothing."""
    settings = _settings(config, as_node)
    found = schema_without_making(settings)
    if as_json:
        emit_json({"current": found.current, "needed": found.head, "ready": found.ready})
    else:
        say(
            f"has {found.current or 'nothing'}, needs {found.head}: {'ready' if found.ready else 'not ready'}"
        )
    if not found.ready:
        raise RefusedToStart(
            "run carepact db upgrade" if found.known else "it was made by a newer version: run that version"
        )
    raise typer.Exit(int(Exit.DONE))


def schema_without_making(settings: "Settings") -> "Schema":
    """The schema of a database that is there; looking at an SQLite file must not make one."""
    from sqlalchemy import make_url

    from gateway.db import migrate
    from gateway.db.engine import parse_url

    place = parse_url(settings.database_url)
    if place.get_backend_name() == "sqlite" and not Path(make_url(place).database or "").exists():
        raise RefusedToStart("there is no database yet: run carepact db upgrade")
    return migrate.schema(settings.database_url)


def _settings(config: Path | None, as_node: str | None) -> "Settings":
    from gateway.config import load
    from gateway.sandbox.state import configuration_for

    return load(configuration_for(config, as_node))
