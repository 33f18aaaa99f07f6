"""A clinic that runs any FHIR R4 server takes part in an exchange: asked over a socket, released as it came."""

from contextlib import AsyncExitStack

import pytest

from gateway.errors import RefusedToStart
from gateway.sandbox.mocks.fhir import FHIRMock
from gateway.source_settings import SourceSettings
from gateway.sources import bind

pytestmark = pytest.mark.anyio


def said(standing, url, **members):
    """Settings of the server, in the place of the node's GP system."""
    return SourceSettings(id="gp", kind="fhir-r4", custodian=standing.node.member, url=url, **members)


@pytest.fixture
async def served(standing, tmp_path):
    """The node with a FHIR R4 server in the place of its GP system; gives the server."""
    token = tmp_path / "token"
    token.write_text("abc.def\n", "ascii")
    token.chmod(0o600)
    async with AsyncExitStack() as stack:
        mock = await stack.enter_async_context(FHIRMock(standing.population, page=3))
        settings = said(standing, mock.url, token_file=token)
        bound = await bind(standing.runtime.settings, settings, b"\x01" * 32, stack)
        sources = tuple(bound if one.source.id == "gp" else one for one in standing.node.sources)
        object.__setattr__(standing.node, "sources", sources)
        await standing.permit()
        yield mock


async def _ours(standing):
    """Resources of this source in her record, and the answer that they stand in."""
    reply = await standing.everything(await standing.patient_id(source="gp"))
    found = [entry["resource"] for entry in reply.json()["entry"]]
    return [one for one in found if ":gp#" in one.get("meta", {}).get("source", "")], reply


async def test_a_record_of_a_server_is_released_as_it_came(standing, served):
    """Her conditions and results come out, every digit of a decimal too; the server saw its token."""
    found, reply = await _ours(standing)
    kinds = {one["resourceType"] for one in found}
    assert {"Patient", "Condition", "Observation", "Practitioner", "Provenance"} <= kinds
    patient = standing.population.find("patient_with_full_record")
    values = [one.value for report in patient.gp.reports for one in report.results if "." in one.value]
    assert values
    assert all(f'"value":{value}'.encode() in reply.content for value in values)
    assert all("authorization" in one["headers"] for one in served.journal)


async def test_a_missing_page_is_told_and_retires_nothing(standing, served):
    """What a short answer does not say was still there before: it stays, and the statement says truncated."""
    before, _ = await _ours(standing)
    served.faults.replace([{"kind": "http", "status": 500, "match": {"path": "/pages/0"}}])
    after, reply = await _ours(standing)
    assert {one["id"] for one in before if one["resourceType"] == "Condition"} <= {one["id"] for one in after}
    assert b"truncated" in reply.content or b"incomplete" in reply.content


@pytest.mark.parametrize("text", ["", "two words", "\x00"])
async def test_a_token_that_is_none_refuses_to_start(standing, tmp_path, text):
    """Nobody finds out at the first exchange that the file holds no token."""
    token = tmp_path / "token"
    token.write_text(text, "ascii")
    token.chmod(0o600)
    async with AsyncExitStack() as stack:
        for file in (token, tmp_path / "nowhere"):
            settings = said(standing, "http://127.0.0.1:1", token_file=file)
            with pytest.raises(RefusedToStart, match=r"sources\.gp\.token_file"):
                await bind(standing.runtime.settings, settings, b"\x01" * 32, stack)


def test_a_token_of_another_kind_of_source_is_refused():
    """A key that would have no effect is not taken."""
    with pytest.raises(ValueError, match="1 validation error"):
        SourceSettings(id="gp", kind="gp", custodian="elm.example", url="https://x", token_file="t")
