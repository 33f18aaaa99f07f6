"""`carepact audit events`: one patient's ledger as FHIR AuditEvents by IHE BALP, one a line."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.act import instant_from_seconds, seconds_from_text
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
        from gateway.fhir.audit_event import Logged, audit_events
        from keys.syntax import b64u

        person = await person_of(node, identifier)
        start = seconds_from_text(since, node.clock(), "--since") if since else 0
        found = await node.database.write(lambda c: read_and_log(c, node, person, start, view="events"))
        me = node.node.member
        logged = (
            Logged(
                one.hash.hex(),
                instant_from_seconds(one.at),
                one.kind,
                me,
                one.peer,
                b64u(one.md),
                person,
                one.detail,
            )
            for one in found
        )
        return [event for one in logged for event in audit_events(one)]

    for event in with_node(config, as_node, act):
        emit_json(event)
