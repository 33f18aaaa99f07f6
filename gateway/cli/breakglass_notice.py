"""`carepact breakglass notice`: patients to be told that an emergency opened their record (consent.md 9)."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, instant_from_option, seconds_from_text, write_file
from gateway.cli.noun import noun
from gateway.cli.options import (
    AsOfOption,
    AsOption,
    ConfigOption,
    DryRunOption,
    JsonOption,
    ReasonOption,
    with_node,
)
from gateway.cli.output import emit_json, emit_rows, say
from gateway.cli.stepped import step_through
from gateway.errors import Problem

if TYPE_CHECKING:
    from datetime import datetime

    from consent.notice import Notice
    from gateway.bootstrap import Runtime
    from gateway.exchange.act import Act
    from gateway.exchange.notices import Notices

app = noun("Patients to be told of an emergency access: list, show, letter, tell, defer, resume.")
_COLUMNS = ("id", "organisation", "opened", "last", "answers", "state", "due", "told")
_SAID = {"tell": "told", "defer": "put off", "resume": "due again"}


@app.command("list", epilog="Example: carepact breakglass notice list --overdue")
def list_notices(
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those that are late.")] = False,
    deferred: Annotated[bool, typer.Option("--deferred", help="Only those that are put off.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Those that were told too.")] = False,
    since: Annotated[str | None, typer.Option(help="A date, or a span like 30d.")] = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Who is still to be told, the oldest first. Without names: `show` says whom."""

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from consent.instants import micros
        from gateway.exchange.notices import Notices

        now = instant_from_option(as_of, node.clock())
        start = seconds_from_text(since, now, "--since") if since else 0
        found = await Notices(node.node).since(start * 1_000_000)
        return [_row(node, one.as_of(micros(now)), now) for one in found if one.opened <= micros(now)]

    rows = with_node(config, as_node, act)
    wanted = {"overdue"} if overdue else {"deferred"} if deferred else {"due", "overdue", "deferred"}
    rows = rows if every else [row for row in rows if row["state"] in wanted]
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="nobody is to be told")


@app.command(epilog="Example: carepact breakglass notice show nt-1f3a")
def show(id: str, as_json: JsonOption = False, config: ConfigOption = None, as_node: AsOption = None) -> None:
    """One notice, step by step: whom it is for, which answers it is about, what officers did."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.exchange.notices import Notices

        notice = await Notices(node.node).get(id)
        steps = [_step(event) for event in notice.events]
        return _row(node, notice) | {"patient": notice.patient, "steps": steps}

    found = with_node(config, as_node, act)
    if as_json:
        emit_json(found)
        return
    for name in ("patient", *_COLUMNS):
        say(f"{name}: {found[name] if found[name] is not None else '-'}")
    for step in found["steps"]:
        said = (step["at"], step["kind"], step["channel"], step["by"], step["exchange"], step["text"])
        say("  " + "  ".join(str(part) for part in said if part))


@app.command(epilog="Example: carepact breakglass notice letter nt-1f3a --lang de --out letter.txt")
def letter(
    id: str,
    lang: Annotated[str, typer.Option(help="Language of the patient: en, de.")] = "en",
    out: Annotated[Path | None, typer.Option(help="Write it here; default: stdout.")] = None,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """What she is told, in plain words. Printing it marks nothing: `tell` says that it reached her."""

    async def act(node: "Runtime") -> str:
        from consent.errors import Uncomputable
        from consent.instants import micros
        from consent.voices import languages, notice_to_patient
        from gateway.exchange.notices import Notices

        notice = await Notices(node.node).get(id)
        if notice.state(micros(node.clock())) == "deferred":
            raise Problem("conflict", hint="it is put off: carepact breakglass notice resume")
        try:
            return notice_to_patient(notice, me=node.node.member, language=lang)
        except Uncomputable:
            raise Problem("invalid", expression="--lang", hint=f"one of {', '.join(languages())}") from None

    text = with_node(config, as_node, act)
    write_file(out or Path("-"), f"{text}\n".encode(), "--out")


@app.command(epilog="Example: carepact breakglass notice tell nt-1f3a --by letter --reason 'posted 3 May'")
def tell(
    id: str,
    by: Annotated[str, typer.Option("--by", help="letter, printed, portal, phone or in-person.")],
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Mark it as told. She reads so in her own log."""

    def act(notices: "Notices", staff: "Act") -> "Awaitable[Notice]":
        return notices.tell(id, by, staff, dry_run=dry_run)

    _change("tell", act, reason, dry_run, as_json, config, as_node)


@app.command(epilog="Example: carepact breakglass notice defer nt-1f3a --until 2027-01-31 --reason 'case 7'")
def defer(
    id: str,
    reason: ReasonOption,
    until: Annotated[str | None, typer.Option(help="Last day; default: until it is resumed.")] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Put it off where telling would endanger someone. It stays on the list."""
    from consent.instants import interval

    span = interval(until) if until is not None else None
    if until is not None and span is None:
        raise Problem("invalid", expression="--until", hint="use a date like 2027-01-31")

    def act(notices: "Notices", staff: "Act") -> "Awaitable[Notice]":
        return notices.defer(id, None if span is None else span[1], staff, dry_run=dry_run)

    _change("defer", act, reason, dry_run, as_json, config, as_node)


@app.command(epilog="Example: carepact breakglass notice resume nt-1f3a --reason 'the children are safe'")
def resume(
    id: str, reason: ReasonOption, dry_run: DryRunOption = False, as_json: JsonOption = False,
    config: ConfigOption = None, as_node: AsOption = None,
) -> None:  # fmt: skip
    """Telling endangers nobody any more: it is due again."""

    def act(notices: "Notices", staff: "Act") -> "Awaitable[Notice]":
        return notices.resume(id, staff, dry_run=dry_run)

    _change("resume", act, reason, dry_run, as_json, config, as_node)


def _change(
    kind: str, step: "Callable[[Notices, Act], Awaitable[Notice]]", reason: str, dry_run: bool,
    as_json: bool, config: Any, as_node: str | None,
) -> None:  # fmt: skip
    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.exchange.notices import Notices

        return _row(node, await step(Notices(node.node), act_now(node, reason)))

    def told(row: dict[str, Any], verb: str) -> str:
        return f"notice {row['id']} {verb} {_SAID[kind]}"

    step_through(act, told, dry_run=dry_run, as_json=as_json, config=config, as_node=as_node)


def _row(node: "Runtime", notice: "Notice", at: "datetime | None" = None) -> dict[str, Any]:
    """One notice without whom it is for and without words, as it is at an instant, now if none is named."""
    from consent.instants import micros

    now = micros(at or node.clock())
    return {
        "id": notice.id,
        "organisation": notice.org,
        "opened": _instant(notice.opened),
        "last": _instant(notice.last),
        "answers": len(notice.exchanges),
        "state": "overdue" if notice.overdue(now) else notice.state(now),
        "due": _instant(notice.due),
        "told": notice.channel,
    }


def _step(event: Any) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "at": _instant(event.at),
        "by": event.by,
        "exchange": event.exchange,
        "until": None if event.until is None else _instant(event.until),
        "channel": event.channel,
        "text": event.text,
    }


def _instant(at: int) -> str:
    from consent.instants import datetime_from_micros

    return datetime_from_micros(at).strftime("%Y-%m-%dT%H:%M:%SZ")
