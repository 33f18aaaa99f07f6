"""A notice to the patient is due with the very answer that opened her record in an emergency."""

import json

import pytest

from consent.instants import micros
from gateway.errors import Problem
from gateway.exchange.act import Act
from gateway.exchange.notices import Notices
from gateway.exchange.source_rules import source_rules_from_bytes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def refused(standing):
    """A patient whose record is here, who permits nobody; an ambulance that may declare an emergency."""
    await standing.hospital_says()
    await standing.register(
        "ambulance", ["system/*.rs"], ["ETREAT"], may_declare_emergency=True, roles=["doctor"]
    )
    return standing


async def in_need(standing, reason="found unconscious"):
    said = {
        "client": "ambulance", "scope": "system/*.rs", "code": "ETREAT", "role": "doctor",
        "practitioner": "urn:staff#7",
        "emergency": {"reason": reason, "patient": f"{standing.nhs}|{standing.number()}"},
    }  # fmt: skip
    standing._tokens.clear()
    return await standing.find(**said)


def act(standing):
    return Act("clerk", "as the law asks", standing.clock())


async def notices(standing):
    return await Notices(standing.node).since(0)


async def test_an_emergency_owes_one_notice_until_she_is_told(refused):
    """Two answers are one notice; after it was told the next answer owes another; the ledger holds."""
    assert await notices(refused) == ()
    await in_need(refused)
    await in_need(refused)
    (notice,) = await notices(refused)
    assert len(notice.exchanges) == 2
    assert notice.due - notice.opened == refused.node.floor.break_glass.notify_hours * 3_600_000_000
    await Notices(refused.node).tell(notice.id, "letter", act(refused))
    await in_need(refused)
    first, second = await notices(refused)
    assert (first.channel, second.channel) == ("letter", None)
    assert (await refused.ledger()).finding is None


async def test_what_was_permitted_anyway_owes_nothing(refused):
    """The emergency was declared, but her own word opened the record."""
    await refused.permit(to=(), permit=("TREAT",))
    await in_need(refused)
    assert await notices(refused) == ()


async def test_an_answer_that_is_undone_leaves_no_notice(refused, monkeypatch):
    """Nothing of the release is on record: neither grant nor notice nor exchange."""
    from gateway.exchange import release

    def fails(*given):
        raise Problem("internal")

    monkeypatch.setattr(release.basis, "keep", fails)
    assert (await in_need(refused)).status_code == 500
    assert await notices(refused) == ()


async def test_an_officer_puts_it_off_and_takes_it_up_again(refused):
    """Put off it cannot be told; a rehearsal changes nothing; told is told; what is no channel or day is refused."""
    await in_need(refused)
    (notice,) = await notices(refused)
    desk, now = Notices(refused.node), micros(refused.clock())
    tried = await desk.defer(notice.id, None, act(refused), dry_run=True)
    assert tried.state(now) == "deferred"
    assert (await desk.get(notice.id)).state(now) == "due"
    await desk.defer(notice.id, None, act(refused))
    for refuse in (
        lambda: desk.tell(notice.id, "letter", act(refused)),
        lambda: desk.tell(notice.id, "pigeon", act(refused)),
        lambda: desk.defer(notice.id, 1, act(refused)),
        lambda: desk.get("nt-none"),
    ):
        with pytest.raises(Problem):
            await refuse()
    await desk.resume(notice.id, act(refused))
    told = await desk.tell(notice.id, "in-person", act(refused))
    assert [event.kind for event in told.events] == ["open", "defer", "resume", "tell"]
    for again in (desk.resume, lambda id, by: desk.tell(id, "phone", by)):
        with pytest.raises(Problem):
            await again(notice.id, act(refused))


async def test_a_rule_of_the_source_puts_the_notice_off(refused):
    """Telling endangers somebody: it is on the list as put off, with the rule's code for the officer alone."""
    rule = {"effect": "defer-notice", "code": "at-home", "when": {"purpose": ["TREAT"]}}
    rules = {one.source.custodian: [rule] for one in refused.node.sources}
    found = source_rules_from_bytes(json.dumps(rules).encode())
    object.__setattr__(refused.node, "source_rules", lambda: found)
    for _ in range(2):
        await in_need(refused)
    (notice,) = await notices(refused)
    assert notice.state(micros(refused.clock())) == "deferred"
    whole = await Notices(refused.node).get(notice.id)
    assert [(event.kind, event.text) for event in whole.events] == [
        ("open", None),
        ("defer", "at-home"),
        ("use", None),
    ]
