"""How a feed is answered: enhanced mode, busy nodes, refused tests; over real databases, stored like any answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.hospital.ack import NEXT_FRAME, USUAL, Manner
from adapters.hospital.normaliser import HospitalNormaliser

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 5, tzinfo=UTC)
NORMALISER = HospitalNormaliser()


def adt(control="C1", wants="", kind="P", charset="", family="Okafor", nhs="9990000018"):
    lines = [
        f"MSH|^~\\&|PAS|RXX|GW|RXX|202601021000||ADT^A01^ADT_A01|{control}|{kind}|2.5|||{wants or '|'}||{charset}",
        "EVN|A01|202601021000",
        f"PID|1||{nhs}^^^NHS||{family}^Adaeze||19800517|F"
        if nhs
        else f"PID|1||||{family}^Adaeze||19800517|F",
        "PV1|1|I|W1^1^2||||||||||||||||V77^^^RXX",
    ]
    return ("\r".join(lines) + "\r").encode()


def codes_of(reply):
    return [frame.decode().split("\rMSA|")[1][:2] for frame in reply.split(NEXT_FRAME) if frame]


@pytest.fixture
def send(ward, feed):
    async def one(body, at=AT, manner=USUAL, **changed):
        source = replace(feed, **changed)
        return await ward.intake.receive_message(body, source, NORMALISER, at, manner)

    return one


@pytest.mark.parametrize("wants", ["AL|AL", "AL|NE", "NE|AL"])
async def test_a_resend_in_enhanced_mode_gets_the_stored_bytes(ward, send, wants):
    """Both acknowledgements again, byte for byte, hours later; no second effect."""
    first = await send(adt(wants=wants))
    assert codes_of(first) == {"AL|AL": ["CA", "AA"], "AL|NE": ["CA"], "NE|AL": ["AA"]}[wants]
    assert await send(adt(wants=wants), AT + timedelta(hours=3)) == first
    assert len(await ward.intake.newest("adt")) == 1


async def test_a_sender_that_wants_nothing_is_taken_and_told_nothing(ward, send):
    """NE and NE: applied once, also when it is sent again."""
    assert await send(adt(wants="NE|NE")) == await send(adt(wants="NE|NE")) == b""
    (kept,) = await ward.intake.newest("adt")
    assert kept.state == "stored"


async def test_what_is_parked_is_CE_and_what_reuses_a_control_id_is_CR(send):
    """CE and CR stand for AE and AR, and no application acknowledgement follows."""
    assert codes_of(await send(adt("C1", "AL|AL", nhs=""))) == ["CE"]
    assert codes_of(await send(adt("C2", "AL|AL"))) == ["CA", "AA"]
    assert codes_of(await send(adt("C2", "AL|AL", family="Changed"))) == ["CR"]


async def test_a_batch_of_both_modes_is_answered_one_by_one(send):
    """Each message of a frame gets what it asked for."""
    reply = await send(adt("C1") + adt("C2", "AL|AL"))
    assert codes_of(reply) == ["AA", "CA", "AA"]


async def test_refused_test_messages_leave_nothing_behind(ward, send):
    """`test_messages = "refuse"`: AR 202, not even kept; production messages are taken."""
    for kind in ("T", "D", "t"):
        reply = await send(adt(kind=kind), test_messages="refuse")
        assert codes_of(reply) == ["AR"] and b"|202^" in reply
    assert await ward.intake.newest("adt") == ()
    assert codes_of(await send(adt(), test_messages="refuse")) == ["AA"]


async def test_parked_test_messages_are_kept(ward, send):
    """`test_messages = "park"`: AR 202 as well, and the original can be looked at."""
    assert codes_of(await send(adt(kind="T"))) == ["AR"]
    (kept,) = await ward.intake.newest("adt")
    assert (kept.state, kept.reason) == ("quarantined", "test")


async def test_an_override_beats_a_label_that_lies(ward, send):
    """Bytes of Latin 2 under the label of Latin 1 are read as the feed says, and that is remarked."""
    lying = adt(charset="8859/1", family="Łukasz").decode().encode("iso8859-2")
    assert codes_of(await send(lying, charset_override="8859/2")) == ["AA"]
    from adapters.identity import NHS_NUMBER
    from adapters.interface import Identifier

    found = await ward.room(lambda r: r.index.resolve((Identifier(NHS_NUMBER, "9990000018"),)))
    rows = await ward.room(lambda r: r.records.of_person(found.person))
    (patient,) = [row.body.decode() for row in rows if row.ref.startswith("Patient/")]
    assert "Łukasz" in patient


class TestWhenTheDatabaseFails:
    @pytest.fixture(params=["sqlite"])
    def database_url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'node.db'}"

    @pytest.mark.parametrize(
        ("manner", "wants", "codes"),
        [
            (USUAL, "", ["AE"]),
            (Manner(busy="AR"), "", ["AR"]),
            (USUAL, "AL|AL", ["CE"]),
            (Manner(busy="AR"), "AL|AL", ["CR"]),
        ],
    )
    async def test_a_full_disk_asks_for_a_resend_as_the_feed_wants_it(self, ward, send, manner, wants, codes):
        """207 with AE, or with AR where a sender resends on AR only; the resend is taken."""
        count = await ward.database.write(lambda c: c.execute(text("PRAGMA page_count")).scalar_one())
        await ward.database.write(lambda c: c.execute(text(f"PRAGMA max_page_count={count}")).scalar_one())
        big = adt("C1", wants, family="O" * 60_000)
        reply = await send(big, manner=manner)
        assert codes_of(reply) == codes and b"|207^" in reply
        await ward.database.write(lambda c: c.execute(text("PRAGMA max_page_count=100000")).scalar_one())
        assert codes_of(await send(big, manner=manner))[0] in ("AA", "CA")
