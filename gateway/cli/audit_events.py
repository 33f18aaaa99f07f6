"""`carepact audit events`: one patient's ledger as FHIR AuditEvents by IHE BALP, one a line."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import seconds_from_text
from gateway.cli.audit_accessed import audit_events_of
from gateway.cli.options import AsOption, ConfigOption, PatientOption, identifier_from_text, with_node
from gateway.cli.output import emit_json

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime


def events(
    patient: PatientOption,
    since: Annotated[str | None, typer.Option(help="A date, or a span like 30d, 1y.")] = None,
    config: ConfigOption = None,
    as_node: AsOption = None,
) -> None:
    """AuditEvents of one patient as NDJSON (application/fhir+ndjson). Reading this is itself logged."""
    identifier = identifier_from_text(patient)

    async def act(node: "Runtime") -> list[dict[str, Any]]:
        from gateway.cli.audit import read_and_log
        from gateway.cli.person import person_of

        person = await person_of(node, identifier)
        start = seconds_from_text(since, node.clock(), "--since") if since else 0
        found = await node.database.write(lambda c: read_and_log(c, node, person, start, view="events"))
        return audit_events_of(node.node.member, person, found)

    for event in with_node(config, as_node, act):
        emit_json(event)
