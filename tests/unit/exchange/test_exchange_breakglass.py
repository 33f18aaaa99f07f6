"""Break-glass through the API: what it opens, the grant that it leaves, and who may not do it again."""

import asyncio

import pytest

from consent.instants import micros
from gateway.errors import Problem
from gateway.exchange.act import Act
from gateway.exchange.grants import Grants

pytestmark = pytest.mark.anyio


def found(reply):
    return [e for e in reply.json().get("entry", []) if e["search"]["mode"] == "match"]


@pytest.fixture
async def refused(standing):
    """A patient whose record is here, who permits nobody; an ambulance that may declare an emergency."""
    await standing.hospital_says()
    await standing.register(
        "ambulance", ["system/*.rs"], ["ETREAT"], may_declare_emergency=True, roles=["doctor"]
    )
    return standing


async def in_need(standing, reason="found unconscious", user="7"):
    said = {
        "client": "ambulance", "scope": "system/*.rs", "code": "ETREAT", "role": "doctor",
        "practitioner": f"urn:staff#{user}",
        "emergency": {"reason": reason, "patient": f"{standing.nhs}|{standing.number()}"},
    }  # fmt: skip
    standing._tokens.clear()
    return await standing.find(**said)


def act(standing):
    return Act("officer", "looked into it", standing.clock())


async def grants(standing):
    return await Grants(standing.node).since(0)


async def test_an_emergency_opens_what_nobody_permitted_and_leaves_a_grant(refused):
    """Nothing without it, her Patient with it; the grant names who, until when; the ledger holds."""
    assert found(await refused.find()) == []
    assert await grants(refused) == ()
    assert len(found(await in_need(refused))) > 0
    (grant,) = await grants(refused)
    assert grant.who.endswith("7")
    assert grant.state(micros(refused.clock())) == "open"
    await in_need(refused)
    (grant,) = await grants(refused)
    assert grant.uses == 2
    whole = await Grants(refused.node).get(grant.id)
    assert whole.reasons == ("found unconscious",)
    assert (await refused.ledger()).finding is None


async def test_an_emergency_that_is_not_needed_leaves_no_mark(refused):
    """What she permits anyway is not break-glass."""
    await refused.permit(to=(), permit=("TREAT",))
    assert len(found(await in_need(refused))) > 0
    assert await grants(refused) == ()


async def test_a_refusal_that_names_emergencies_stays_shut(refused):
    """`deny ETREAT` is heard even then, and nothing is opened."""
    await refused.permit(to=(), permit=(), deny=("ETREAT",))
    assert found(await in_need(refused)) == []
    assert await grants(refused) == ()


async def test_a_revoked_grant_binds_the_next_answer_until_it_is_reviewed(refused):
    """Revoked: nothing leaves, whatever the reason; reviewed as justified: a new grant may be opened."""
    await in_need(refused)
    (grant,) = await grants(refused)
    await Grants(refused.node).revoke(grant.id, act(refused))
    assert found(await in_need(refused, "much worse than before")) == []
    await Grants(refused.node).review(grant.id, "justified", act(refused))
    refused.clock.ahead += 1
    assert len(found(await in_need(refused, "much worse than before"))) > 0
    assert len(await grants(refused)) == 2


async def test_not_justified_bars_that_person_alone_until_an_officer_lifts_it(refused):
    """Her colleague may still; she may again once lifted; an officer's steps in a wrong order are refused."""
    officer = Grants(refused.node)
    await in_need(refused)
    (grant,) = await grants(refused)
    with pytest.raises(Problem):
        await officer.review(grant.id, "not-justified", act(refused))  # still open
    await officer.close(grant.id, act(refused))
    await officer.review(grant.id, "not-justified", act(refused))
    assert found(await in_need(refused, "another case altogether")) == []
    assert len(found(await in_need(refused, user="8"))) > 0
    await officer.lift(grant.id, act(refused))
    assert len(found(await in_need(refused, "another case altogether"))) > 0
    for wrong in (officer.lift, officer.revoke, officer.close):
        with pytest.raises(Problem):
            await wrong(grant.id, act(refused))
    with pytest.raises(Problem):
        await officer.get("bg-none")


async def test_a_grant_ends_with_its_hours_and_is_extended_by_a_new_reason(refused):
    """After eight hours the same words open nothing; other words do, and the grant says both."""
    await in_need(refused)
    refused.clock.ahead += 9 * 3600
    assert found(await in_need(refused)) == []
    assert len(found(await in_need(refused, "still unconscious"))) > 0
    (grant,) = await grants(refused)
    assert (await Grants(refused.node).get(grant.id)).reasons == ("found unconscious", "still unconscious")


async def test_a_dry_run_changes_nothing(refused):
    """The grant stays open, and the ledger as long as it was."""
    await in_need(refused)
    (grant,) = await grants(refused)
    before = (await refused.ledger()).leaves
    tried = await Grants(refused.node).revoke(grant.id, act(refused), dry_run=True)
    assert tried.state(micros(refused.clock())) == "revoked"
    assert (await grants(refused))[0].state(micros(refused.clock())) == "open"
    assert (await refused.ledger()).leaves == before


async def test_two_answers_at_once_share_one_grant(refused):
    """Both are uses of it; none is lost."""
    await in_need(refused)
    await asyncio.gather(*(in_need(refused) for _ in range(4)))
    (grant,) = await grants(refused)
    assert grant.uses == 5
