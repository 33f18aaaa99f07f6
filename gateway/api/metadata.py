"""`GET /fhir/metadata`: generated from the rows of the route table, so it never lists what is not there."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway import __version__
from gateway.api.negotiate import accepted_in_clear
from gateway.api.parameters import query
from gateway.api.services import Services, services
from gateway.fhir.capability import capability_statement
from gateway.fhir.json import encode


async def capabilities(request: Request) -> Response:
    """The CapabilityStatement; public, cacheable."""
    node = services(request)
    media = accepted_in_clear(request, query(request, {"mode"}, node.settings.limits), None)
    body = encode(_statement(node, request.app.state.interactions))
    return Response(
        body,
        media_type=f"{media}; fhirVersion=4.0",
        headers={"Cache-Control": "public, max-age=300"},
    )


def _statement(node: Services, rows: list[tuple[str, str]]) -> dict[str, Any]:
    return capability_statement(
        rows, base=node.base, token_url=node.endpoint.token_url, version=__version__,
        date=node.clock().date().isoformat(),
    )  # fmt: skip
