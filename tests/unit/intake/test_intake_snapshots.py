"""A newer answer takes away what it no longer says, but not what it says and we could not read."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters import codec
from adapters.gp.normaliser import GPNormaliser
from adapters.identity import NHS_NUMBER
from adapters.interface import Original

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 1, tzinfo=UTC)
HERS = {
    "resourceType": "Patient", "id": "p", "identifier": [{"system": NHS_NUMBER, "value": "9990000018"}],
    "name": [{"family": "Snapshot", "given": ["Newer"]}], "birthDate": "1980-05-17",
}  # fmt: skip


def condition(id, subject="Patient/p"):
    return {
        "resourceType": "Condition", "id": id, "clinicalStatus": "active", "code": {"text": id},
        "subject": {"reference": subject},
    }  # fmt: skip


def answer(*resources):
    bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in (HERS, *resources)]}
    return Original(codec.encode(bundle), "application/fhir+json")


async def _terms(ward, person):
    records = await ward.room(lambda room: room.records.of_person(person, None))
    return {codec.decode(one.body)["code"]["text"] for one in records if one.type == "Condition"}


@pytest.fixture
async def first(ward, practice):
    """The first answer of a practice, with two problems."""
    both = answer(condition("asthma"), condition("gout"))
    return (await ward.intake.receive_snapshot((both,), practice, GPNormaliser(), AT))[0]


async def test_what_a_newer_answer_lacks_is_not_returned_and_not_erased(ward, practice, first):
    """The view loses it; its history stays."""
    later = await ward.intake.receive_snapshot(
        (answer(condition("gout")),),
        practice,
        GPNormaliser(),
        AT + timedelta(hours=1),
        person=first.person,
        complete=True,
    )
    assert later[0].retired >= 1
    assert await _terms(ward, first.person) == {"gout"}
    kept = await ward.room(lambda room: room.records.of_person(first.person, None))
    assert kept
    shown, body = await ward.intake.show(first.intake)
    assert b"asthma" in body and shown.state == "stored"


async def test_what_could_not_be_read_is_not_gone(ward, practice, first):
    """A problem that is now about nobody we know fails; it is not taken for one that the practice dropped."""
    broken = answer(condition("gout"), condition("asthma", "Patient/unknown"))
    for hour in (1, 2):  # the second time the bytes are unchanged
        later = await ward.intake.receive_snapshot(
            (broken,),
            practice,
            GPNormaliser(),
            AT + timedelta(hours=hour),
            person=first.person,
            complete=True,
        )
        assert later[0].retired == 0 and later[0].truncated == 1
        assert await _terms(ward, first.person) == {"asthma", "gout"}
