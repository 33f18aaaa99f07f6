"""HL7 v2 messages that a feed pushes, over real databases, with the real normaliser. Messages written here."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from adapters.hospital.normaliser import HospitalNormaliser
from adapters.identity import NHS_NUMBER
from adapters.interface import Identifier

pytestmark = pytest.mark.anyio

AT = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
A = "9990000018"
NORMALISER = HospitalNormaliser()


def adt(
    control="C1", trigger="A01", time="202601021000", status="", family="Okafor", nhs=A, allergy="", kind="P"
):
    lines = [
        f"MSH|^~\\&|PAS|RXX|GW|RXX|{time}||ADT^{trigger}^ADT_A01|{control}|{kind}|2.5",
        f"EVN|{trigger}|{time}",
        f"PID|1||{nhs}^^^NHS||{family}^Adaeze||19800517|F"
        if nhs
        else f"PID|1||||{family}^Adaeze||19800517|F",
        f"PV1|1|I|W1^1^2||||||||||||||||V77^^^RXX|||||||||||||||||||||||||{status}",
    ]
    if allergy:
        lines.append(f"AL1|1|DA|{allergy}^Penicillin^SCT|MO|rash")
    return ("\r".join(lines) + "\r").encode()


def oru(control, status, value, time):
    return "\r".join(
        (
            f"MSH|^~\\&|LAB|RXX|GW|RXX|{time}||ORU^R01^ORU_R01|{control}|P|2.5",
            f"PID|1||{A}^^^NHS||Okafor^Adaeze||19800517|F",
            f"OBR|1||F1^LAB|718-7^Haemoglobin^LN|||202601030900||||||||||||||||||{status}",
            f"OBX|1|NM|718-7^Haemoglobin^LN||{value}|g/L|||||{status}|||202601030900",
            "",
        )
    ).encode()


def code_of(ack):
    return ack.decode().split("\rMSA|")[1][:2]


def error_of(ack):
    parts = ack.decode().split("\rERR|")
    return parts[1].split("|")[2].split("^")[0] if len(parts) > 1 else None


@pytest.fixture
def send(ward, feed):
    async def one(body, at=AT):
        return await ward.intake.receive_message(body, feed, NORMALISER, at)

    return one


async def record(ward):
    found = await ward.room(lambda r: r.index.resolve((Identifier(NHS_NUMBER, A),)))
    if found.person is None:
        return {}
    rows = await ward.room(lambda r: r.records.of_person(found.person))
    return {row.ref: (row, json.loads(row.body)) for row in rows}


async def only(ward, kind):
    (found,) = [value for ref, value in (await record(ward)).items() if ref.startswith(kind + "/")]
    return found


async def test_an_admission_is_stored_and_acknowledged(ward, send):
    """AA echoes the control id; Patient and Encounter are there, and the bytes as they came."""
    ack = await send(adt())
    assert code_of(ack) == "AA" and b"|C1" in ack
    kinds = {ref.partition("/")[0] for ref in await record(ward)}
    assert {"Patient", "Encounter", "Provenance"} <= kinds
    (kept,) = await ward.intake.newest("adt")
    assert kept.state == "stored" and (await ward.intake.show(kept.intake))[1] == adt()


@pytest.mark.promise("P1")
async def test_S_01_the_same_bytes_again_get_the_same_acknowledgement(ward, send):
    """S01, D-6: a resend has no effect and gets the stored bytes of its ACK, hours later too."""
    first = await send(adt())
    before = {ref: row.version for ref, (row, _) in (await record(ward)).items()}
    assert await send(adt(), AT + HOUR) == first
    assert {ref: row.version for ref, (row, _) in (await record(ward)).items()} == before
    assert len(await ward.intake.newest("adt")) == 1


async def test_S_02_the_same_control_id_with_other_bytes_is_refused(ward, send):
    """S02: AR with 205, kept as intake, nothing changed; the refused bytes again are refused again."""
    await send(adt())
    other = adt(family="Changed")
    ack = await send(other)
    assert (code_of(ack), error_of(ack)) == ("AR", "205")
    assert await send(other) == ack
    assert (await only(ward, "Patient"))[1]["name"][0]["family"] == "Okafor"
    assert [k.state for k in await ward.intake.newest("adt")] == ["refused", "stored"]


async def test_S_03_the_same_content_with_a_new_control_id(ward, send):
    """S03: one more Provenance, no new version, AA."""
    await send(adt("C1"))
    assert code_of(await send(adt("C2"), AT + HOUR)) == "AA"
    found = await record(ward)
    assert [row.version for ref, (row, _) in found.items() if not ref.startswith("Provenance/")] == [1, 1, 1]
    assert sum(ref.startswith("Provenance/") for ref in found) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_S_20_the_correction_wins_in_every_order(ward, send, order):
    """S20, O-4: P, F, C of one result end as corrected, with three versions of history."""
    sent = [
        oru("L1", "P", "101", "202601030901"),
        oru("L2", "F", "102", "202601030902"),
        oru("L3", "C", "103", "202601030903"),
    ]
    for n in order:
        assert code_of(await send(sent[n])) == "AA"
    row, observation = await only(ward, "Observation")
    assert observation["status"] == "corrected" and str(observation["valueQuantity"]["value"]) == "103"
    assert len(await ward.room(lambda r: r.records.history(row.ref))) == 3


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_an_update_that_says_no_status_keeps_the_known_one(ward, send, order):
    """S04: an A08 after an A01 leaves the encounter in progress, also when it comes first."""
    sent = [adt("C1", "A01", "202601021000"), adt("C2", "A08", "202601021100")]
    for n in order:
        assert code_of(await send(sent[n])) == "AA"
    assert (await only(ward, "Encounter"))[1]["status"] == "in-progress"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_short_message_neither_empties_nor_lowers_a_patient(ward, send, order):
    """S33, rule 8: what a later message does not say stays, address and the VIP mark of PV1-16 included."""
    full = adt().replace(b"|19800517|F", b"|19800517|F|||1 Weir Street^^Harbour Town^^XX1 1XX")
    full = full.replace(b"PV1|1|I|W1^1^2|||||||||||||", b"PV1|1|I|W1^1^2|||||||||||||VIP", 1)
    short = adt("C2", "A08", "202601031000")
    for place in order:
        assert code_of(await send((full, short)[place])) == "AA"
    patient = (await only(ward, "Patient"))[1]
    assert patient["address"][0]["city"] == "Harbour Town"
    assert "CEL" in {label["code"] for label in patient["meta"]["security"]}


@pytest.mark.promise("P5")
async def test_S_24_a_visit_of_somebody_else_is_not_taken_over(ward, send):
    """S24: the same visit number under another patient is AE 204; neither record changes, and it is named."""
    await send(adt())
    before = {ref: row.version for ref, (row, _) in (await record(ward)).items()}
    other = adt("C2", family="Marsh", nhs="9990000034").replace(b"^Adaeze||19800517", b"^Bo||19310203")
    ack = await send(other)
    assert (code_of(ack), error_of(ack)) == ("AE", "204")
    assert {ref: row.version for ref, (row, _) in (await record(ward)).items()} == before
    found = await ward.room(lambda r: r.index.resolve((Identifier(NHS_NUMBER, "9990000034"),)))
    assert found.state == "none"
    assert [(k.state, k.reason) for k in await ward.intake.newest("adt")][0] == (
        "quarantined",
        "wrong-patient",
    )


async def test_discharge_ends_the_encounter(ward, send):
    """A01, A08, A03: finished."""
    for n, trigger in enumerate(("A01", "A08", "A03")):
        await send(adt(f"C{n}", trigger, f"20260102100{n}"))
    assert (await only(ward, "Encounter"))[1]["status"] == "finished"


async def test_S_35_without_patient_identifier_it_is_parked(ward, send):
    """S35: AE, kept with its reason, found by its ledger; nothing enters a record."""
    ack = await send(adt(nhs=""))
    assert code_of(ack) == "AE" and error_of(ack) not in (None, "207")
    (kept,) = await ward.intake.newest("adt")
    assert (kept.state, kept.reason) == ("quarantined", "no-patient")
    assert await record(ward) == {}


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff\xfe\x00", b"PID|1||" + A.encode()])
async def test_garbage_is_acknowledged_and_kept(ward, send, body):
    """What is no message gets AE or AR and is kept; the next message works."""
    ack = await send(body)
    assert code_of(ack) in ("AE", "AR") and A.encode() not in ack
    assert len(await ward.intake.newest("adt")) == 1
    assert code_of(await send(adt())) == "AA"


async def test_S_34_a_batch_is_answered_message_by_message(ward, send):
    """S34: several messages in one body are intakes of their own; a bad one does not stop the others."""
    acks = await send(adt("C1") + adt("C2", nhs="") + adt("C3", "A08", "202601021200"))
    assert [part[:2] for part in acks.decode().split("\rMSA|")[1:]] == ["AA", "AE", "AA"]
    assert len(await ward.intake.newest("adt")) == 3


async def test_a_batch_in_one_body_is_resent_message_by_message(ward, send):
    """A batch of which some are known already: those get their stored acknowledgements."""
    first = await send(adt("C1"))
    assert (await send(adt("C1") + adt("C2", "A08", "202601021200"))).startswith(first)


async def test_the_same_message_at_once_has_one_effect(ward, send):
    """D-2: one message over several connections at the same moment is applied once, all get AA."""
    acks = await asyncio.gather(*(send(adt()) for _ in range(8)))
    assert {code_of(ack) for ack in acks} == {"AA"}
    found = await record(ward)
    assert {row.version for row, _ in found.values()} == {1}
    assert sum(ref.startswith("Provenance/") for ref in found) == 1


async def test_many_messages_at_once_all_count(ward, send):
    """Messages about one patient over many connections: each is applied, the newest event is the state."""
    sent = [adt(f"C{n}", "A08", f"2026010210{n:02d}", family=f"Name{n:02d}") for n in range(20)]
    acks = await asyncio.gather(*(send(body) for body in sent))
    assert {code_of(ack) for ack in acks} == {"AA"}
    row, patient = await only(ward, "Patient")
    assert patient["name"][0]["family"] == "Name19"
    assert len(await ward.room(lambda r: r.records.history(row.ref))) == 20


class TestWhenTheDatabaseFails:
    @pytest.fixture(params=["sqlite"])
    def database_url(self, tmp_path):
        return f"sqlite:///{tmp_path / 'node.db'}"

    async def full(self, ward, pages):
        count = await ward.database.write(lambda c: c.execute(text("PRAGMA page_count")).scalar_one())
        await ward.database.write(
            lambda c: c.execute(text(f"PRAGMA max_page_count={count + pages}")).scalar_one()
        )

    @pytest.mark.promise("P1")
    async def test_D_5_on_a_full_disk_it_is_AE_207_and_nothing_is_kept(self, ward, send):
        """D-5: no room for the message: AE with 207; with room again the resend is taken."""
        await self.full(ward, 0)
        big = adt(allergy="7980" + "0" * 60_000)
        ack = await send(big)
        assert (code_of(ack), error_of(ack)) == ("AE", "207")
        assert await ward.intake.newest("adt") == ()
        await self.full(ward, 100_000)
        assert code_of(await send(big)) == "AA"

    @pytest.mark.promise("P1")
    async def test_D_4_a_failed_commit_of_the_effect_is_AE_207(self, ward, send):
        """D-4: the raw bytes were kept, the effect was not: AE 207, all dropped, the resend works."""
        import sqlite3

        commits = []

        def fail_second(_):
            commits.append(1)
            if len(commits) == 2:
                raise sqlite3.OperationalError("disk I/O error")

        event.listen(ward.database._writer_engine, "commit", fail_second)
        ack = await send(adt())
        assert (code_of(ack), error_of(ack)) == ("AE", "207")
        assert await ward.intake.newest("adt") == () and await record(ward) == {}
        assert code_of(await send(adt())) == "AA"


@pytest.mark.promise("P1")
async def test_D_9_a_crash_between_keeping_and_applying_is_finished_at_start(ward, feed, send):
    """A message that was kept and never applied is applied by `resume`; its resend then gets AA, no second effect."""
    desk = ward.intake._desk
    await ward.database.write(lambda c: ward.intake._messages._keep(c, desk.new_id(), adt(), feed, AT))
    assert await record(ward) == {}
    assert await ward.intake.resume({"adt": (feed, NORMALISER)}, AT + HOUR) == 1
    assert {row.version for row, _ in (await record(ward)).values()} == {1}
    assert await ward.intake.resume({"adt": (feed, NORMALISER)}, AT + HOUR) == 0
    assert code_of(await send(adt(), AT + 2 * HOUR)) == "AA"
    assert len(await ward.intake.newest("adt")) == 1


async def test_a_resend_finishes_what_a_crash_left(ward, feed, send):
    """Without `resume`, the resend of a kept message goes on with it instead of keeping it twice."""
    desk = ward.intake._desk
    await ward.database.write(lambda c: ward.intake._messages._keep(c, desk.new_id(), adt(), feed, AT))
    assert code_of(await send(adt())) == "AA"
    assert len(await ward.intake.newest("adt")) == 1 and await record(ward) != {}


async def test_a_defect_of_ours_is_AE_and_the_message_is_kept(ward, feed):
    """A normaliser that raises: AE without 207, quarantined; nothing of the message in the acknowledgement."""

    class Broken:
        def normalise(self, original, source, at):
            raise RuntimeError(original.body)

    ack = await ward.intake.receive_message(adt(), feed, Broken(), AT)
    assert (code_of(ack), error_of(ack)) == ("AE", "100") and b"Okafor" not in ack
    assert [k.reason for k in await ward.intake.newest("adt")] == ["mapping-defect"]


async def test_after_erasure_neither_resend_nor_new_message_is_applied(ward, send):
    """A message about an erased person: AE without 207, so that the sender does not try for ever."""
    await send(adt())
    found = await ward.room(lambda r: r.index.resolve((Identifier(NHS_NUMBER, A),)))
    await ward.room(lambda r: r.vault.erase(found.person))
    for body in (adt(), adt("C2", "A08", "202601021200")):
        ack = await send(body, AT + HOUR)
        assert (code_of(ack), error_of(ack)) == ("AE", "204")
    assert [k.reason for k in await ward.intake.newest("adt")] == ["erased", None]


def mdm(document):
    packed = base64.b64encode(document).decode()
    lines = (
        "MSH|^~\\&|DOCS|RXX|GW|RXX|202601021000||MDM^T02^MDM_T02|M1|P|2.5",
        f"PID|1||{A}^^^NHS||Okafor^Adaeze||19800517|F",
        "TXA|1|CN|TX|202601021000||||||||DOC-1^RXX|||||AU||AV",
        f"OBX|1|ED|1^Letter||X^AP^XML^Base64^{packed}||||||F",
        "",
    )
    return "\r".join(lines).encode()


def letter(nhs):
    """A CDA document about the holder of a number."""
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="2.999.7" extension="L-1"/>'
        '<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="202601020900+0000"/>'
        f'<recordTarget><patientRole><id root="2.16.840.1.113883.2.1.4.1" extension="{nhs}"/><patient>'
        "<name><given>Adaeze</given><family>Okafor</family></name>"
        '<birthTime value="19800517"/></patient></patientRole></recordTarget>'
        "<component><structuredBody/></component></ClinicalDocument>"
    ).encode()


async def test_a_document_inside_a_message_is_an_original_of_its_own(ward, send, feed):
    """It is kept with its very bytes, normalised as a document, and stored with the person of the message."""
    assert code_of(await send(mdm(letter(A)))) == "AA"
    kept = await ward.intake.newest(feed.id)
    assert [(one.media_type, one.state) for one in kept] == [
        ("text/xml", "stored"),
        ("application/hl7-v2", "stored"),
    ]
    assert (await ward.intake.show(kept[0].intake))[1] == letter(A)
    kinds = [ref.partition("/")[0] for ref in await record(ward)]
    assert kinds.count("DocumentReference") == 2 and "Composition" in kinds
    # the resend is known, and adds nothing
    assert code_of(await send(mdm(letter(A)))) == "AA" and len(await ward.intake.newest(feed.id)) == 2


async def test_a_document_about_somebody_else_is_quarantined_alone(ward, send, feed):
    """The message enters; the document inside it, about another number, does not."""
    assert code_of(await send(mdm(letter("9990000026")))) == "AA"
    states = {one.media_type: (one.state, one.reason) for one in await ward.intake.newest(feed.id)}
    assert states["text/xml"] == ("quarantined", "wrong-patient")
    assert states["application/hl7-v2"][0] == "stored"
    assert "Composition" not in [ref.partition("/")[0] for ref in await record(ward)]
