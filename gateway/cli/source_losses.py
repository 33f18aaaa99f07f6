"""`carepact source losses`: what could not be mapped as it was, of each original and in sum."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import seconds_from_text
from gateway.cli.options import AsOption, ConfigOption, JsonOption, with_node
from gateway.cli.output import emit_rows, say
from gateway.cli.source_show import find_original
from gateway.errors import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime

_GROUPS = ("reason", "position", "day", "mapping", "intake")
_LINES = ("position", "items", "disposition", "reason", "target", "resource")
_EMPTY = "no loss is on record for this"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for. Instants are FHIR instants, or empty."""

    since: str
    until: str
    reasons: tuple[str, ...]
    position: str
    intake: str


def losses(
    source: Annotated[str | None, typer.Argument(help="Default: every source.")] = None,
    group_by: Annotated[
        str | None, typer.Option(help="reason (default), position, day, mapping or intake.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="A date, or a span like 7d.")] = None,
    until: Annotated[str | None, typer.Option(help="A date, or a span; not included.")] = None,
    reason: Annotated[list[str] | None, typer.Option(help="Only this reason; may be repeated.")] = None,
    position: Annotated[str, typer.Option(help="Only positions that begin so, like OBX or PID[1]-3.")] = "",
    intake: Annotated[
        str, typer.Option(help="Only this original (a unique prefix); without --group-by every line of it.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """What could not be mapped as it was, summed. Nothing is lost without a line here."""
    if group_by is not None and group_by not in _GROUPS:
        raise Problem("invalid", expression="--group-by", hint=f"one of {', '.join(_GROUPS)}")
    if intake and group_by is None:
        _tell_lines(intake, as_json, lambda act: with_node(config, as_node, act))
        return
    group = group_by or "reason"

    async def act(node: "Runtime") -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        known = [one.id for one in node.settings.sources]
        if source is not None and source not in known:
            raise Problem("not_found", expression="SOURCE", hint=f"one of {', '.join(known) or 'none'}")
        wanted = _Wanted(
            instant_from_option(since, node, "--since"),
            instant_from_option(until, node, "--until"),
            tuple(reason or ()),
            position,
            intake,
        )
        ids = known if source is None else [source]
        return await node.database.read(lambda c: _sums(c, node, ids, group, wanted))

    rows, totals = with_node(config, as_node, act)
    emit_rows(rows, ("source", group, "lines", "items"), as_json=as_json, empty=_EMPTY)
    if not as_json:
        for row in totals:
            say(_total(row))


def instant_from_option(text: str | None, node: "Runtime", option: str) -> str:
    """A FHIR instant of a date or span; empty for None. Raises `invalid`, naming the option."""
    if not text:
        return ""
    from datetime import UTC, datetime

    from adapters.times import instant

    return instant(datetime.fromtimestamp(seconds_from_text(text, node.clock(), option), UTC))


def _sums(
    connection: "Connection", node: "Runtime", sources: list[str], group: Any, wanted: _Wanted
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from gateway.intake.losses import sum_losses, sum_originals

    id = find_original(connection, node, wanted.intake, "--intake").intake if wanted.intake else ""
    when = {"since": wanted.since, "until": wanted.until, "id": id}
    rows = [
        {"source": source, group: one.key, "lines": one.lines, "items": one.items}
        for source in sources
        for one in sum_losses(
            connection, source, reasons=wanted.reasons, position=wanted.position, group_by=group, **when
        )
    ]
    totals = [{"source": one} | dict(sum_originals(connection, one, **when)) for one in sources]
    return rows, [row for row in totals if row["originals"]]


def _total(row: dict[str, Any]) -> str:
    sums = " ".join(f"{name}={row[name]}" for name in ("total", "mapped", "kept", "lost"))
    return f"{row['source']}: {row['originals']} originals, all their values: {sums}"


def _tell_lines(intake: str, as_json: bool, run: Any) -> None:
    """Every line of one original."""

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.intake.losses import losses_of

        def look(connection: "Connection") -> list[dict[str, Any]]:
            kept = find_original(connection, node, intake, "--intake")
            return [asdict(line) for line in losses_of(connection, kept.intake)]

        return await node.database.read(look)

    emit_rows(run(act), _LINES, as_json=as_json, empty=_EMPTY)
