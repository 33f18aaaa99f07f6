"""`carepact consent can | who-can | what-if`: what would be decided, and what a draft would change."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import decline, read_file, seconds_from_text
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
    from gateway.exchange.questions import Looked, Who
    from gateway.exchange.replay import Draft

_BY = ("org", "role", "purpose")
_FLIPS = ("decision", "resource", "organisation", "purpose", "before", "after")

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

    rows = rows_from_who(with_node(config, as_node, act), columns)
    head = (*columns, "effect", "reason", "without", "under")
    emit_rows(rows, head, as_json=as_json, empty="nobody: no combination would be permitted")


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


def what_if(
    add: Annotated[
        Path | None, typer.Option(help="A FHIR Consent, in the place of the one with its id.")
    ] = None,
    patient: Annotated[str | None, typer.Option(help="Whom --add is about: SYSTEM|VALUE.")] = None,
    withdraw: Annotated[str | None, typer.Option(help="Id of a consent, as if it were withdrawn.")] = None,
    agreement: Annotated[Path | None, typer.Option(help="A sharing agreement, as if signed.")] = None,
    pack: Annotated[Path | None, typer.Option(help="A pack of the law, as if in effect.")] = None,
    source_rules: Annotated[
        Path | None, typer.Option(help="A file of source rules, in the place of the node's own.")
    ] = None,
    since: Annotated[str, typer.Option(help="From a date on, or a span like 90d.")] = "90d",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Replay past decisions against a draft, and list the ones that flip. Nothing is written."""
    if sum(one is not None for one in (add, withdraw, agreement, pack, source_rules)) != 1:
        hint = "name one draft: --add, --withdraw, --agreement, --pack or --source-rules"
        raise Problem("invalid", hint=hint)
    if (add is None) != (patient is None):
        raise Problem("invalid", expression="--patient", hint="--add and --patient go together")

    async def act(node: "Runtime") -> "Looked":
        from gateway.exchange.questions import what_if as looked

        start = seconds_from_text(since, node.clock(), "--since")
        draft = await _draft(node, add, patient, withdraw, agreement, pack, source_rules)
        return await looked(node.node, draft, since=start)

    found = with_node(config, as_node, act)
    rows = [
        {"decision": one.decision, "resource": one.ref, "organisation": one.organisation,
         "purpose": one.purpose, "before": f"{one.before.effect} {one.before.reason}",
         "after": f"{one.after.effect} {one.after.reason}"}
        for one in found.flips
    ]  # fmt: skip
    emit_rows(rows, _FLIPS, as_json=as_json, empty="no decision flips")
    if not as_json:
        unknown = f"; {found.unknown} of them cannot be derived again" if found.unknown else ""
        say(f"{len(rows)} flips in {found.exchanges} exchanges{unknown}; nothing was written")


async def _draft(
    node: "Runtime", add: Path | None, patient: str | None, withdraw: str | None,
    agreement: Path | None, pack: Path | None, source_rules: Path | None,
) -> "Draft":  # fmt: skip
    from gateway.cli.person import person_of
    from gateway.exchange import drafts

    if withdraw is not None:
        return drafts.draft_of_withdrawal(await node.consents.get(withdraw))
    if agreement is not None:
        return drafts.draft_of_agreement(read_file(agreement, "--agreement"))
    if pack is not None:
        return drafts.draft_of_pack(read_file(pack, "--pack"))
    if source_rules is not None:
        return _draft_of_rules(node, read_file(source_rules, "--source-rules"))
    assert add is not None
    assert patient is not None
    person = await person_of(node, identifier_from_text(patient))
    return drafts.draft_of_consent(read_file(add, "--add"), person, None, node.consents.resolves)


def _draft_of_rules(node: "Runtime", data: bytes) -> "Draft":
    from gateway.exchange.drafts import draft_of_source_rules
    from gateway.exchange.source_rules import SourceRulesRefused

    try:
        return draft_of_source_rules(data, {one.source.custodian for one in node.node.sources})
    except SourceRulesRefused as refused:
        raise Problem("invalid", expression="--source-rules", hint=str(refused)) from None


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
