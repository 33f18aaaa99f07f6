"""`carepact consent can | who-can`: what would be decided, and for whom."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import decline
from gateway.cli.options import (
    AsOption,
    ConfigOption,
    JsonOption,
    PatientOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from consent.decision import Decision
    from consent.request import AccessRequest
    from gateway.bootstrap import Runtime
    from gateway.exchange.questions import Who

_BY = ("org", "role", "purpose")

AtOption = Annotated[str | None, typer.Option(help="Instant of the disclosure, from now on; default: now.")]
ActionOption = Annotated[str, typer.Option(help="access, disclose, collect, use or correct.")]


def can(
    patient: PatientOption,
    org: Annotated[str, typer.Option(help="Organisation that would ask.")],
    purpose: Annotated[str, typer.Option(help="v3 ActReason code, like TREAT.")],
    refs: Annotated[
        list[str] | None, typer.Argument(metavar="[TYPE/ID]…", help="Default: every record of the patient.")
    ] = None,
    role: Annotated[list[str] | None, typer.Option(help="Role that is held; repeat.")] = None,
    practitioner: Annotated[str | None, typer.Option(help="Directory id of the user.")] = None,
    emergency: Annotated[str | None, typer.Option(help="Reason of a declared emergency.")] = None,
    action: ActionOption = "access",
    at: AtOption = None,
    quiet: Annotated[bool, typer.Option("-q", help="Only the exit code.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Whether it would be permitted: a line a record. Exit 0 only if all of them are."""
    identifier = identifier_from_text(patient)

    async def act(node: "Runtime") -> "tuple[tuple[str, Decision], ...]":
        from consent.request import Emergency
        from gateway.exchange.questions import Question
        from gateway.exchange.questions import can as asked

        request = _request(node, org, purpose, action, at)
        from dataclasses import replace

        request = replace(
            request,
            roles=tuple(role or ()),
            practitioner=practitioner,
            emergency=None if emergency is None else Emergency(True, emergency),
        )
        return await asked(node.node, Question(identifier, request, tuple(refs or ())))

    found = with_node(config, as_node, act)
    for ref, decision in () if quiet else found:
        _told(ref, decision, as_json)
    if not found:
        decline(Exit.NOT_AVAILABLE, "no record of this patient is held here: nothing to decide on")
    if any(decision.effect == "deny" for _, decision in found):
        raise typer.Exit(int(Exit.DENIED))


def _told(ref: str, decision: "Decision", as_json: bool) -> None:
    from consent.decision import decision_to_json

    if as_json:
        emit_json({"ref": ref} | decision_to_json(decision))
        return
    parts = [ref, decision.effect, f"{decision.layer} {decision.reason}", _consent_words(decision)]
    say("  ".join(part for part in parts if part))


def _consent_words(decision: "Decision") -> str:
    """Which consent decided, where one did."""
    from consent.explain import consent_words

    entries = [one for one in decision.trace if one["layer"] == decision.layer == "L3" and "consent" in one]
    return f"consent {consent_words(entries[-1])}" if entries else ""


def who_can(
    ref: Annotated[str, typer.Argument(metavar="TYPE/ID")],
    by: Annotated[str, typer.Option(help="Columns: org, role, purpose; separated by commas.")] = ",".join(
        _BY
    ),
    action: ActionOption = "access",
    at: AtOption = None,
    for_patient: Annotated[
        bool, typer.Option("--for-patient", help="In her words, without roles and codes.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of the patient: en, de.")] = "en",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Every organisation, role and purpose that would get this record, with reason and exceptions."""
    columns = tuple(part.strip() for part in by.split(","))
    if not columns or set(columns) - set(_BY):
        raise Problem("invalid", expression="--by", hint="any of org, role, purpose, separated by commas")

    async def act(node: "Runtime") -> "tuple[Who, ...]":
        from gateway.exchange.questions import who_can as asked

        return await asked(node.node, ref, _request(node, "nobody", "TREAT", action, at))

    tried = with_node(config, as_node, act)
    if for_patient:
        for line in told_to_patient(tried, lang):
            emit_json({"told": line}) if as_json else say(line)
        return
    rows = rows_from_who(tried, columns)
    head = (*columns, "effect", "reason", "without", "under")
    emit_rows(rows, head, as_json=as_json, empty="nobody: no combination would be permitted")


def told_to_patient(tried: "tuple[Who, ...]", language: str) -> list[str]:
    """A line for each organisation and purpose that may see it; roles say nothing to her."""
    from consent.decision import Permit
    from consent.errors import Uncomputable
    from consent.voices import languages, nobody_to_patient, reader_to_patient

    try:
        nobody = nobody_to_patient(language)
        told = [
            reader_to_patient(one.decision, org=one.org, purpose=one.purpose, language=language)
            for one in tried
            if isinstance(one.decision, Permit)
        ]
    except Uncomputable:
        raise Problem("invalid", expression="--lang", hint=f"one of {', '.join(languages())}") from None
    return list(dict.fromkeys(told)) or [nobody]


def rows_from_who(tried: "tuple[Who, ...]", by: tuple[str, ...]) -> list[dict[str, Any]]:
    """Permits alone, one row for each combination of the columns and outcome; the rest is listed in it."""
    from consent.decision import Permit

    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in tried:
        if not isinstance(one.decision, Permit):
            continue
        about = {"org": one.org, "role": one.role or "(none)", "purpose": one.purpose}
        permit = one.decision
        row = {name: about[name] for name in by} | {
            "effect": permit.effect,
            "reason": f"{permit.layer} {permit.reason}",
            "without": list(permit.redactions),
            "under": list(permit.obligations),
        }
        found.setdefault(tuple(map(str, row.values())), row)
    return list(found.values())


def _request(node: "Runtime", org: str, purpose: str, action: str, at: str | None) -> "AccessRequest":
    from consent.instants import datetime_from_micros, interval
    from consent.request import AccessRequest
    from consent.vocabulary import ACTIONS

    if action not in ACTIONS:
        raise Problem("invalid", expression="--action", hint=", ".join(sorted(ACTIONS)))
    span = interval(at) if at is not None else None
    if at is not None and (span is None or "T" not in at):
        raise Problem("invalid", expression="--at", hint="use an instant like 2026-01-31T09:00:00Z")
    when = datetime_from_micros(span[0]) if span else node.clock()
    if when < node.clock() and span:
        raise Problem("invalid", expression="--at", hint="the past is told by exchange replay")
    return AccessRequest("question", "Patient/-", org, (purpose,), when, action=action)
