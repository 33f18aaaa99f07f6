"""`carepact consent grant | withdraw`: what a patient says at the desk, and what she takes back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now, decline, read_file
from gateway.cli.options import (
    AsOption,
    ConfigOption,
    DryRunOption,
    JsonOption,
    PatientOption,
    ReasonOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import emit_json, say, warn
from gateway.errors import Exit

if TYPE_CHECKING:
    from consent.interface import StoredConsent
    from gateway.bootstrap import Runtime
    from gateway.exchange.act import Act

PermitOption = Annotated[
    list[str] | None, typer.Option("--permit", help="Purpose that may be served; repeat.")
]
DenyOption = Annotated[
    list[str] | None, typer.Option("--deny", help="Purpose that may not be served; repeat.")
]
ToOption = Annotated[
    list[str] | None, typer.Option("--to", help="Organisation it is about; repeat. Default: any.")
]
CustodianOption = Annotated[
    list[str] | None,
    typer.Option("--custodian", help="Organisation whose records it is about; repeat. Default: all."),
]
ExceptOption = Annotated[
    list[str] | None,
    typer.Option("--except", help="Left out: label:PSY, class:Observation or code:SYSTEM|CODE; repeat."),
]


def grant(
    patient: PatientOption,
    reason: ReasonOption,
    permit: PermitOption = None,
    deny: DenyOption = None,
    to: ToOption = None,
    custodian: CustodianOption = None,
    excepted: ExceptOption = None,
    data_from: Annotated[str | None, typer.Option(help="Only data from this date on.")] = None,
    data_to: Annotated[str | None, typer.Option(help="Only data up to this date.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day on which it holds.")] = None,
    performer: Annotated[
        str | None, typer.Option(help="Who gives it for her: RelatedPerson/ID. Default: the patient.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="The signed form as it was scanned; kept inside, at most 1 MiB.")
    ] = None,
    id: Annotated[str | None, typer.Option(help="Id of the new consent; default: a random one.")] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Record a consent. The patient need not have a record here yet."""
    identifier = identifier_from_text(patient)
    form = None if evidence is None else read_file(evidence, "--evidence")

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.consent_options import excepted_from_option, performer_from_option, require_given
        from gateway.cli.person import canonical
        from gateway.exchange.consents import Grant

        given = Grant(
            permit=tuple(permit or ()),
            deny=tuple(deny or ()),
            to=tuple(to or ()),
            excepted=tuple(excepted_from_option("--except", text) for text in excepted or ()),
            custodians=tuple(custodian or ()),
            data_from=data_from,
            data_to=data_to,
            until=until,
            id=id,
            performer=performer_from_option(performer),
            evidence=form,
        )
        await require_given(node, given)
        by = act_now(node, reason)
        stored = await node.consents.grant(canonical(identifier), given, by, dry_run=dry_run)
        return await row_with_cautions(node, stored, by)

    told(with_node(config, as_node, act), dry_run, as_json)


def withdraw(
    id: str,
    reason: ReasonOption,
    only: Annotated[
        str | None, typer.Option(help="Withdraw only this: label:PSY, class:Observation, code:SYSTEM|CODE.")
    ] = None,
    effective: Annotated[
        str, typer.Option(help="now, or an instant to come: it holds until then, like 2027-01-31T18:00:00Z.")
    ] = "now",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Withdraw a consent, whole or in part. It binds the next resource that is decided on."""

    async def act(node: "Runtime") -> dict[str, Any]:
        from gateway.cli.consent_options import effective_from_option, excepted_from_option

        part = None if only is None else excepted_from_option("--only", only)
        by = act_now(node, reason)
        from_then = effective_from_option(effective, by.at, whole=part is None)
        held = _row(await node.consents.get(id))
        if held["status"] != "active":
            decline(Exit.CONFLICT, f"consent {held['id']} is {held['status']} already: nothing was changed")
        row = _row(await node.consents.withdraw(id, by, only=part, effective=from_then, dry_run=dry_run))
        if row["version"] == held["version"]:
            why = f"leaves {only} out already" if only is not None else "ends before that already"
            decline(Exit.CONFLICT, f"consent {id} {why}: nothing was changed")
        return row

    told(with_node(config, as_node, act), dry_run, as_json)
    if not (as_json or dry_run) and only is None and effective == "now":
        say("what it refused is no longer refused by it: carepact consent can, or grant --deny, to be sure")


async def row_with_cautions(node: "Runtime", stored: "StoredConsent", by: "Act") -> dict[str, Any]:
    """One version as the lists show it, and what in it may surprise."""
    from gateway.exchange.cautions import cautions_of

    found = await cautions_of(node.node, stored, by)
    return _row(stored) | {
        "cautions": [{"code": one.code, "path": one.path, "said": one.said} for one in found]
    }


def told(row: dict[str, Any], dry_run: bool, as_json: bool) -> None:
    """What was recorded, or would be; cautions go to stderr, so that nobody overlooks them in a pipe."""
    if as_json:
        emit_json(row | {"dry_run": dry_run})
        return
    said = "would be" if dry_run else "is"
    say(f"consent {row['id']} version {row['version']} {said} recorded: {row['status']}, {row['says']}")
    for name in ("except", "to", "custodians", "until"):
        if row[name]:
            say(f"  {name}: {', '.join(row[name]) if isinstance(row[name], list) else row[name]}")
    for one in row.get("cautions", ()):
        warn(f"carepact: caution {one['code']} ({one['path']}): {one['said']}")
    if dry_run:
        say("dry run: nothing was stored")


def _row(stored: Any) -> dict[str, Any]:
    from gateway.cli.consent_words import row_from_consent

    return row_from_consent(stored)
