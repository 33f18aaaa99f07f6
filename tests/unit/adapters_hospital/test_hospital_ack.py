"""Acknowledgements: addressing, codes, ERR by version, and nothing of the message but MSH-10."""

from datetime import UTC, datetime

import pytest

from adapters.hospital.ack import Verdict, acknowledgement, is_wanted, verdict_of, wanted_of

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
