"""`carepact consent`: what a patient said, recorded at the desk (consent.md 17)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import consent_milestone, consent_template
from gateway.cli.act import instant_from_option
from gateway.cli.consent_export import export
from gateway.cli.consent_import import import_consents
from gateway.cli.consent_lint import lint
from gateway.cli.consent_questions import can, who_can
from gateway.cli.consent_record import grant, withdraw
from gateway.cli.consent_tasks import tasks
from gateway.cli.consent_what_if import what_if
from gateway.cli.noun import noun
from gateway.cli.options import (
    AsOfOption,
    AsOption,
    ConfigOption,
    JsonOption,
    PatientOption,
    identifier_from_text,
    with_node,
)
from gateway.cli.output import emit_json, emit_rows, say
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime

_EXAMPLES = """Examples:

\b
  P='https://fhir.nhs.uk/Id/nhs-number|9990000018'
  carepact consent grant --patient "$P" --permit TREAT --reason 'signed form'
  carepact consent grant --patient "$P" --permit TREAT --except label:PSY \\
      --to st-brides.example --until 2027-12-31 --reason 'signed form'
  carepact consent list --patient "$P"
  carepact consent withdraw c-1f3a --only label:PSY --reason 'asked by phone'
  carepact consent explain 6b1d

Purposes are HL7 v3 ActReason codes: TREAT covers ETREAT, COC and the others below it.

Exit codes: 0 done, 2 not computable, 4 not found, 5 conflict or stale version."""

app = noun("Patients' consents: record, withdraw, list, show, and why a decision was as it was.", _EXAMPLES)

app.command(
    epilog="Example: carepact consent can --org O --role doctor --purpose TREAT --patient SYSTEM|VALUE"
)(can)
app.command("import", epilog="Example: carepact consent import FILE.csv --report OUT.jsonl --reason 'forms'")(
    import_consents
)
app.command("who-can", epilog="Example: carepact consent who-can Observation/o1 --by org,purpose")(who_can)
app.command("what-if", epilog="Example: carepact consent what-if --withdraw c-1f3a --since 90d")(what_if)
app.command(epilog="Example: carepact consent lint FILE.json FORMS.csv")(lint)
app.command(epilog="Example: carepact consent tasks --since 30d")(tasks)
app.command(epilog="Example: carepact consent export --patient SYSTEM|VALUE --format csv")(export)
app.command(epilog="Example: carepact consent grant --patient SYSTEM|VALUE --permit TREAT --reason 'form'")(
    grant
)
app.command(epilog="Example: carepact consent withdraw c-1f3a --only label:PSY --reason 'asked by phone'")(
    withdraw
)
app.add_typer(consent_template.app, name="template")
app.add_typer(consent_milestone.app, name="milestone")
_COLUMNS = ("id", "version", "status", "speaks", "says", "to", "custodians", "except", "until", "recorded")


@app.command("list", epilog="Example: carepact consent list --patient SYSTEM|VALUE --all")
def list_consents(
    patient: PatientOption,
    every: Annotated[bool, typer.Option("--all", help="Every version, withdrawn ones too.")] = False,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """A patient's active consents. Of each the newest version."""
    identifier = identifier_from_text(patient)

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.cli.consent_words import with_voice
        from gateway.cli.person import canonical, person_of

        await person_of(node, identifier)
        at = instant_from_option(as_of, node.clock())
        known = await node.consents.of_patient(canonical(identifier), at)
        return with_voice(known)

    rows = with_node(config, as_node, act)
    if not every:
        newest = {row["id"]: row for row in rows}
        rows = [row for row in newest.values() if row["status"] == "active"]
    emit_rows(rows, _COLUMNS, as_json=as_json, empty="no consent: carepact consent grant --help")


@app.command(epilog="Example: carepact consent show c-1f3a --version 1 --fhir")
def show(
    id: str,
    version: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
    as_of: AsOfOption = None,
    fhir: Annotated[bool, typer.Option("--fhir", help="The FHIR Consent, byte for byte as kept.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """One consent in words, or as FHIR: the newest version, one by number, or the one that was known then."""

    async def act(node: "Runtime") -> Any:
        at = None if as_of is None else instant_from_option(as_of, node.clock())
        return await node.consents.get(id, version, as_of=at)

    stored = with_node(config, as_node, act)
    if fhir:
        from gateway.cli.act import write_file

        write_file(Path("-"), stored.document + b"\n", "--fhir")
        return
    row = _row(stored)
    if as_json:
        emit_json(row)
        return
    from gateway.cli.options import lines

    for line in lines({name: ", ".join(v) if isinstance(v, list) else v for name, v in row.items()}):
        say(line)


@app.command(epilog="Example: carepact consent explain 6b1d --for requester")
def explain(
    id: Annotated[str, typer.Argument(metavar="EXCHANGE|DECISION", help="A unique prefix will do.")],
    whom: Annotated[
        str,
        typer.Option("--for", help="admin: all; requester: what may be told; patient: in her words."),
    ] = "admin",
    lang: Annotated[str, typer.Option(help="Language of the patient: en, de.")] = "en",
    as_json: JsonOption = False,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """Why each resource left or was withheld. From the signed receipts of an exchange."""
    if whom not in ("admin", "requester", "patient"):
        raise Problem("invalid", expression="--for", hint="admin, requester or patient")

    async def act(node: "Runtime") -> Any:
        from gateway.cli.explanation import explanations

        return await explanations(node, id, whom=whom, language=lang)

    found = with_node(config, as_node, act)
    for row in found.rows if as_json else ():
        emit_json(row)
    for text in () if as_json else found.texts():
        say(text)


def _row(stored: Any) -> dict[str, Any]:
    from gateway.cli.consent_words import row_from_consent

    return row_from_consent(stored)
