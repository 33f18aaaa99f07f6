"""`carepact consent template`: the consents that most patients give, ready to be recorded (consent.md 17)."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import act_now
from gateway.cli.noun import noun
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
from gateway.cli.output import emit_json, emit_rows, say, warn
from gateway.errors import Problem

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.interface import Identifier
    from gateway.bootstrap import Runtime

app = noun("Consents that most patients give: list, show, use.")


@dataclass(frozen=True, slots=True)
class Template:
    """`excepted` in the desk's words; `only`: purposes that a refusal leaves open."""

    name: str
    means: str
    permit: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


TEMPLATES = {
    one.name: one
    for one in (
        Template("gp-normal", "whoever treats may see the record", permit=("TREAT",)),
        Template("no-psych", "whoever treats may see all but mental health", permit=("TREAT",),
                 excepted=("label:MH",)),
        Template("emergency-only", "nobody who treats may see it, but in an emergency", deny=("TREAT",),
                 only=("ETREAT",)),
    )
}  # fmt: skip

NameArgument = Annotated[str, typer.Argument(metavar="TEMPLATE", help=", ".join(TEMPLATES))]


@app.command("list", epilog="Example: carepact consent template list")
def list_templates(as_json: JsonOption = False) -> None:
    """The templates, and what each means."""
    rows = [{"template": one.name, "means": one.means} for one in TEMPLATES.values()]
    emit_rows(rows, ("template", "means"), as_json=as_json, empty="no template")


@app.command(epilog="Example: carepact consent template show no-psych")
def show(name: NameArgument, as_json: JsonOption = False) -> None:
    """The FHIR provision that a template becomes; the patient and the instant are added on use."""
    from datetime import UTC, datetime

    template = _template(name)
    document = _document(template, {"reference": "Patient/-"}, datetime(2000, 1, 1, tzinfo=UTC))
    if as_json:
        emit_json(document["provision"])
        return
    say(f"{template.name}: {template.means}")
    say(json.dumps(document["provision"], indent=1))


@app.command(
    epilog="Example: carepact consent template use no-psych --patient SYSTEM|VALUE --reason 'signed form'"
)
def use(
    name: NameArgument,
    patient: PatientOption,
    reason: ReasonOption,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Record it for a patient, as if it were typed as `consent grant`."""
    template, identifier = _template(name), identifier_from_text(patient)

    async def act(node: "Runtime") -> dict[str, Any]:
        from consent.fhir import document_to_bytes
        from gateway.cli.consent_record import row_with_cautions
        from gateway.cli.person import canonical

        by, about = act_now(node, reason), canonical(identifier)
        document = document_to_bytes(_document(template, _named(about), by.at))
        stored = await node.consents.record(about, document, by, dry_run=dry_run)
        return await row_with_cautions(node, stored, by)

    row = with_node(config, as_node, act)
    if as_json:
        emit_json(row | {"dry_run": dry_run, "template": name})
        return
    said = "would be" if dry_run else "is"
    say(f"consent {row['id']} version {row['version']} {said} recorded: {row['says']} ({template.means})")
    for one in row["cautions"]:
        warn(f"carepact: caution {one['code']} ({one['path']}): {one['said']}")
    if dry_run:
        say("dry run: nothing was stored")


def _template(name: str) -> Template:
    if name not in TEMPLATES:
        raise Problem("invalid", expression="TEMPLATE", hint=f"one of {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


def _named(identifier: "Identifier") -> dict[str, Any]:
    return {"identifier": {"system": identifier.system, "value": identifier.value}}


def _document(template: Template, patient: dict[str, Any], at: "datetime") -> dict[str, Any]:
    """The Consent, without an id: the registry gives it one."""
    from consent.fhir import consent_document, excepted_from_text
    from consent.vocabulary import ACT_REASON

    document = consent_document(
        id="-",
        patient="-",
        at=at,
        permit=template.permit,
        deny=template.deny,
        excepted=[excepted_from_text(text) for text in template.excepted],
    )
    if template.only:
        open_for = [{"system": ACT_REASON, "code": code} for code in template.only]
        document["provision"]["provision"] = [{"type": "permit", "purpose": open_for}]
    del document["id"]
    return document | {"patient": patient}
