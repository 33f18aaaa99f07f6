"""Refusals that follow from the question alone, and what logs hold of it all."""

import pytest
from structlog.testing import capture_logs

pytestmark = pytest.mark.anyio


async def test_a_purpose_that_is_not_accepted_is_403_the_same_for_every_patient(standing):
    """The code follows from the question, so it is told; nobody is asked, and no patient looked at."""
    await standing.hospital_says()
    await standing.permit()
    await standing.register("marketing", ["system/*.rs"], ["HDIRECT"])
    said = {"client": "marketing", "scope": "system/*.rs", "code": "HDIRECT"}
    bodies = set()
    for label in (standing.full, "patient_unknown_everywhere"):
        reply = await standing.find(label, **said)
        assert reply.status_code == 403
        bodies.add(reply.content)
    assert len(bodies) == 1
    assert standing.gp.journal == standing.specialist.journal == []


async def test_a_role_that_no_agreement_covers_is_not_asked_with_its_code(standing):
    """`dsa-role` may be told; no source is asked."""
    await standing.permit()
    await standing.register("clerk", ["system/*.rs"], roles=["clerk"])
    reply = await standing.find(client="clerk", scope="system/*.rs", role="clerk")
    assert reply.status_code == 504
    assert reply.text.count("dsa-role") == 3
    assert standing.gp.journal == standing.specialist.journal == []


async def test_no_log_line_holds_anything_of_a_patient(standing):
    """Answers, denials, faults and quarantines: no number, name, birth date or address in any line (P7)."""
    person = standing.population.find(standing.full).person
    with capture_logs() as lines:
        await standing.hospital_says()
        await standing.permit()
        id = await standing.patient_id()
        for fault in ({"kind": "down"}, {"kind": "invalid_json"}, {"kind": "wrong_patient"}):
            standing.gp.faults.replace([fault])
            standing.specialist.faults.replace([fault] if fault["kind"] != "invalid_json" else [])
            await standing.everything(id)
        standing.gp.faults.reset()
        standing.specialist.faults.reset()
        await standing.summary(id)
        await standing.withdraw()
        await standing.everything(id)
    assert lines
    text = repr(lines)
    for secret in (
        person.nhs_number,
        person.mrn,
        person.family,
        person.given,
        person.born,
        person.street,
        id,
    ):
        assert secret not in text


async def test_what_the_record_of_an_exchange_tells_the_operator_is_the_truth(standing):
    """To the caller no-record and withheld are one word; in the ledger's sealed detail they are two."""
    from gateway.audit import disclosures

    await standing.hospital_says()
    await standing.permit(permit=(), deny=("TREAT",))
    reply = await standing.find()
    assert '"match"' not in reply.text

    def read(connection):
        room = standing.node.room(connection)
        person = room.index.resolve([standing.identifier()]).person
        return disclosures.accessed(connection, person, room.vault)

    told = [one for one in await standing.runtime.database.read(read) if one.kind == "deliver"]
    assert {row["state"] for one in told for row in one.detail["sources"]} == {"withheld"}
