"""Acknowledgements: addressing, codes, ERR by version, and nothing of the message but MSH-10."""

from datetime import UTC, datetime

import pytest

from adapters.hospital.ack import (
    NEXT_FRAME,
    Manner,
    Verdict,
    acknowledgement,
    answer,
    is_wanted,
    joined,
    verdict_of,
    wanted_of,
)

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ack(lines, verdict):
    return acknowledgement("\r".join(lines).encode(), verdict, AT, "OWN-1").decode()


def test_acceptance_swaps_and_echoes(admission):
    """Sender and receiver change places, MSA-2 is the sender's MSH-10, the control id is our own."""
    assert ack(admission, Verdict("AA")) == (
        "MSH|^~\\&|EXCH|RXX|PAS|RXX|20260301120000+0000||ACK^A01^ACK|OWN-1|P|2.5\rMSA|AA|ADM-1\r"
    )


def test_error_segment_of_newer_versions(admission):
    """From 2.5 on: ERR-2 position, ERR-3 table 0357, ERR-4 severity."""
    text = ack(admission, Verdict("AE", "101", "PID[1]-3[2].4.1"))
    assert text.endswith("MSA|AE|ADM-1\rERR||PID^1^3^2^4^1|101^Required field missing^HL70357|E\r")


def test_error_segment_of_older_versions(admission):
    """Before 2.5: one ELD in ERR-1, with the code as subcomponents."""
    text = ack([admission[0].replace("|2.5", "|2.3.1"), *admission[1:]], Verdict("AE", "101", "PID[1]-3"))
    assert text.endswith("ERR|PID^1^3^101&Required field missing&HL70357\r")


def test_partial_success_is_a_warning(admission):
    """AA with ERR-4 W: taken, something in it was bad."""
    assert "|102^Data type error^HL70357|W\r" in ack(admission, Verdict("AA", "102", "OBX[2]-5", "W"))


def test_own_separators_and_charset_come_back():
    """The answer is written as the sender writes, in its charset."""
    body = "MSH$%~\\&$A$B$C$D$2026$$ADT%A08$Ü-1$P$2.4$$$$$$8859/1".encode("iso8859-1")
    reply = acknowledgement(body, Verdict("AA"), AT, "OWN-1")
    assert reply.decode("iso8859-1").splitlines() == [
        "MSH$%~\\&$C$D$A$B$20260301120000+0000$$ACK%A08%ACK$OWN-1$P$2.4$$$$$$8859/1",
        "MSA$AA$Ü-1",
    ]


def test_no_value_of_the_message_comes_back(admission):
    """Names, numbers and dates of the patient are not in any answer."""
    for verdict in (Verdict("AA"), Verdict("AE", "207"), Verdict("AR", "205", "PID[1]-5")):
        text = ack(admission, verdict)
        assert not any(word in text for word in ("WARDLESS", "9990001006", "1958", "Penicillin"))


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"MSH", b"MSH|", b"\xff\xfe\x00", b"MSH|^~\\&|||||||||9.9"]
)
def test_anything_can_be_answered(body):
    """Even what is no message gets a well-formed answer."""
    reply = acknowledgement(body, Verdict("AR", "100"), AT, "OWN-1")
    assert reply.startswith(b"MSH|^~\\&|") and b"\rMSA|AR|" in reply and reply.endswith(b"\r")


def test_enhanced_mode_conditions(admission):
    """MSH-15 and 16 by table 0155."""
    assert not wanted_of("\r".join(admission).encode()).enhanced
    header = admission[0] + "|||AL|NE"
    assert wanted_of(header.encode()).accept == "AL"
    assert is_wanted("AL", "CA") and is_wanted("ER", "CE") and not is_wanted("ER", "CA")
    assert is_wanted("SU", "CA") and not is_wanted("NE", "CR")


def test_verdict_of_what_became_of_a_message(normalise, admission):
    """Whole: AA. Bad value: AA with a warning at its position. No patient: AE. Training: AR. No 207 anywhere."""
    assert verdict_of(normalise(admission)) == Verdict("AA")
    bad = normalise([line.replace("19580704", "19580231") for line in admission])
    assert verdict_of(bad) == Verdict("AA", "102", "PID[1]-7", "W")
    nobody = normalise([line.replace("9990001006^^^NHS^NH~4711^^^RXX^MR", "") for line in admission])
    assert verdict_of(nobody) == Verdict("AE", "101", "PID[1]-3")
    training = normalise([admission[0].replace("|P|", "|T|"), *admission[1:]])
    assert verdict_of(training).code == "AR"


TAKEN, PARKED, REFUSED = Verdict("AA"), Verdict("AE", "101", "PID[1]-3"), Verdict("AR", "202", "MSH[1]-11")


def codes_of(reply):
    return [frame.decode().split("\rMSA|")[1][:2] for frame in reply.split(NEXT_FRAME) if frame]


@pytest.mark.parametrize(
    ("accept", "application", "verdict", "codes"),
    [
        ("", "", TAKEN, ["AA"]),
        ("", "", PARKED, ["AE"]),
        ("AL", "NE", TAKEN, ["CA"]),
        ("AL", "AL", TAKEN, ["CA", "AA"]),
        ("AL", "ER", TAKEN, ["CA"]),
        ("NE", "AL", TAKEN, ["AA"]),
        ("", "AL", TAKEN, ["AA"]),
        ("NE", "NE", TAKEN, []),
        ("ER", "NE", TAKEN, []),
        ("ER", "NE", PARKED, ["CE"]),
        ("AL", "AL", PARKED, ["CE"]),
        ("AL", "AL", REFUSED, ["CR"]),
        ("SU", "AL", TAKEN, ["CA", "AA"]),
        ("SU", "AL", PARKED, ["AE"]),
        ("NE", "ER", REFUSED, ["AR"]),
        ("NE", "SU", REFUSED, []),
        ("al", "ne", TAKEN, ["CA"]),
    ],
)
def test_enhanced_mode_answers_as_asked(admission, accept, application, verdict, codes):
    """MSH-15 for CA, CE, CR, then MSH-16 for AA, AE, AR; none follows a CE or CR; both empty: original mode."""
    header = f"{admission[0]}|||{accept}|{application}" if accept or application else admission[0]
    body = "\r".join([header, *admission[1:]]).encode()
    assert codes_of(answer(body, verdict, AT, "OWN-1")) == codes


def test_both_answers_have_control_ids_of_their_own(admission):
    """A control id names one message; both echo the sender's."""
    body = "\r".join([admission[0] + "|||AL|AL", *admission[1:]]).encode()
    frames = answer(body, TAKEN, AT, "0123456789ABCDEFGHIJ").split(NEXT_FRAME)
    controls = [frame.split(b"|")[9] for frame in frames]
    assert len(set(controls)) == 2 and all(len(one) <= 20 for one in controls)
    assert all(b"|ADM-1\r" in frame for frame in frames)


def test_the_error_is_told_with_the_code_that_refuses(admission):
    """CE carries ERR; CA none, though the AA behind it may warn."""
    header = admission[0] + "|||AL|AL"
    body = "\r".join([header, *admission[1:]]).encode()
    assert b"\rERR|" in answer(body, PARKED, AT, "OWN-1")
    commit, application = answer(body, Verdict("AA", "102", "OBX[1]-5", "W"), AT, "OWN-1").split(NEXT_FRAME)
    assert b"\rERR|" not in commit and b"|W\r" in application


def test_a_feed_may_fix_its_mode(admission):
    """`original` whatever MSH says; `enhanced` commits also for a sender that asks for nothing."""
    asks = "\r".join([admission[0] + "|||AL|AL", *admission[1:]]).encode()
    assert codes_of(answer(asks, TAKEN, AT, "OWN-1", Manner("original"))) == ["AA"]
    silent = "\r".join(admission).encode()
    assert codes_of(answer(silent, TAKEN, AT, "OWN-1", Manner("enhanced"))) == ["CA"]
    assert codes_of(answer(silent, REFUSED, AT, "OWN-1", Manner("enhanced"))) == ["CR"]


def test_only_a_failure_to_store_carries_207():
    """AE for most senders, AR for those that resend on AR only."""
    assert Manner().not_stored == Verdict("AE", "207")
    assert Manner(busy="AR").not_stored == Verdict("AR", "207")


def test_answers_of_one_frame_stay_in_one_frame(admission):
    """Original mode: the answers to a batch are one body; in enhanced mode each is a frame."""
    assert joined([b"a\r", b"b\r"]) == b"a\rb\r"
    assert joined([b"a" + NEXT_FRAME + b"b", b"", b"c"]).split(NEXT_FRAME) == [b"a", b"b", b"c"]


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\x0b", b"  \r\n", b"FHS|^~\\&\rBHS|^~\\&\r"])
@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\x1c\r"])
def test_the_header_is_found_however_the_body_begins(admission, before, end):
    """A BOM, framing, blanks, a batch envelope: the same answer, whatever the ends of lines."""
    plain = answer("\r".join(admission).encode(), TAKEN, AT, "OWN-1")
    assert answer(before + end.join(line.encode() for line in admission) + end, TAKEN, AT, "OWN-1") == plain
