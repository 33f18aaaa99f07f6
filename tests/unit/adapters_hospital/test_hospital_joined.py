"""Lines that are no segment: each value on them is mapped, kept or lost with a line, wherever they stand."""

import pytest

SHORT = "MSH|^~\\&"
STRAY = "stray^words|more of them"
VALUES = 3


@pytest.mark.parametrize("name", ["MSA", "PV1", "OM1", "NTE"])
def test_a_line_behind_a_bare_name_is_unreadable(checked, admission, name):
    """A segment without any field has nothing that the line could continue: all values of it are lost aloud."""
    before, batch = checked([*admission, name]).losses, checked([*admission, name, STRAY]).losses
    assert batch.total == before.total + VALUES and batch.balanced and batch.status == "partial"
    lines = [e for e in batch.entries if e.reason == "unreadable"]
    assert [(e.items, e.disposition, e.position[:4]) for e in lines] == [(VALUES, "failed", f"{name}[")]


@pytest.mark.parametrize(
    "name", ["MSA|AA|1", "OM1|1|x", "ZPI|1|a^b", "PV1|1|I", "DSC|", "MRG|1", "XYZ|1", "FT1|1"]
)
def test_a_line_behind_any_segment_counts(checked, admission, name):
    """What a line adds to a segment of any family is in the sums, and the joining is told."""
    before, batch = checked([*admission, name]).losses, checked([*admission, name, STRAY]).losses
    added = VALUES if name.endswith("|") else VALUES - 1  # its first words continue the last value
    assert batch.total == before.total + added and batch.balanced
    assert ("altered", "joined-line") in {(e.disposition, e.reason) for e in batch.entries}


def test_a_line_behind_a_header_of_separators_only(normalise):
    """MSH-2 is no text that a line could continue: the line is lost aloud, the message is what it was."""
    batch = normalise([SHORT, STRAY, "PID|1||9990001006^^^NHS^NH"])
    lines = [(e.position, e.items) for e in batch.losses.entries if e.position == "MSH[1]"]
    assert ("MSH[1]", VALUES) in lines and batch.losses.balanced
    assert batch.losses.total == normalise([SHORT, "PID|1||9990001006^^^NHS^NH"]).losses.total + VALUES


def test_a_line_behind_a_whole_header_continues_its_last_field(checked, admission):
    """Words behind MSH-12 belong to MSH-12 and on: they are in the sums."""
    before = checked(admission).losses
    batch = checked([admission[0], STRAY, *admission[1:]]).losses
    assert batch.total == before.total + VALUES - 1 and batch.balanced


def test_separators_alone_are_no_value(checked, admission):
    """A stray line that says nothing adds nothing to the sums."""
    assert checked([*admission, "MSA", "|^~|"]).losses.total == checked([*admission, "MSA"]).losses.total


@pytest.mark.parametrize("body", [SHORT, "MSH|", SHORT + "|"])
def test_a_message_of_separators_alone_is_no_success(normalise, body):
    """It holds no value, but it failed, and that is said: one line without items."""
    batch = normalise([body])
    lines = [(e.position, e.items, e.disposition) for e in batch.losses.entries if e.disposition == "failed"]
    assert lines == [("MSH[1]", 0, "failed")] and batch.losses.balanced
    assert (batch.quarantine, batch.losses.status) == ("unreadable", "partial")
