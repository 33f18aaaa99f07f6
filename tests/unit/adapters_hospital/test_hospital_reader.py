"""The reader: separators, charsets, escapes, null, batches, joined lines, positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hospital.batch import read_batch, split_messages
from adapters.hospital.escapes import Separators, unescape
from adapters.hospital.groups import people_of
from adapters.hospital.message import Message

MSH = r"MSH|^~\&|A|B|C|D|20260101||ADT^A01|1|P|2.5"


def text_of(raw, charset="utf-8"):
    return unescape(raw, Separators(), charset)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"one\.br\two\.sp2\three", "one\ntwo\n\nthree"),
        (r"\X48656C6C6F\ there", "Hello there"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"\.in+4\text", "text"),
        (r"\C2842\ stays", r"\C2842\ stays"),
        (r"\Zvendor\ stays", r"\Zvendor\ stays"),
        ("lone \\ stays", "lone \\ stays"),
        (r"C:\dir\F\x", r"C:\dir|x"),
        (r"\P\5", "#5"),
    ],
)
def test_escapes(raw, plain):
    """Every escape of chapter 2.7 becomes its meaning; what we do not know stays as text."""
    assert text_of(raw).value == plain


def test_dropped_formatting_is_said():
    """Highlighting that goes is reported, a separator that comes back is not."""
    assert text_of(r"\H\x\N\ ").escape
    assert not text_of(r"a\T\b").escape


def test_hex_is_read_in_the_charset_of_the_message():
    """The bytes of an X escape belong to the message's charset."""
    assert text_of(r"\XE9\t\XE9\ ", "iso8859-1").value == "été"


@given(st.text(max_size=60))
def test_unescape_never_raises(raw):
    """Any text ends as text."""
    assert isinstance(text_of(raw).value, str)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(body):
    """Arbitrary bytes after a header never raise, and the ledger holds."""
    for message in split_messages(b"MSH|^~\\&|A\r" + body):
        reader = Message(message)
        people_of(reader)
        assert reader.close().balanced


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\n\r\n"])
def test_line_ends(end):
    """CR, LF, CRLF and mixtures cut the same segments."""
    body = end.join([MSH, "EVN|A01", "PID|1||1"]).encode()
    assert [s.name for s in Message(split_messages(body)[0]).segments] == ["MSH", "EVN", "PID"]


def test_framing_bytes_and_bom_go():
    """BOM, VT, FS and blanks around lines are no part of the message."""
    body = b"\xef\xbb\xbf\x0b  " + MSH.encode() + b"\rPID|1||1\r\x1c\r"
    assert [s.name for s in Message(split_messages(body)[0]).segments] == ["MSH", "PID"]


def test_utf16_is_read():
    """A body in UTF-16 with BOM is a message like any other."""
    assert len(split_messages((MSH + "\rPID|1||1").encode("utf-16"))) == 1


def test_five_separators_and_foreign_ones():
    """The truncation character is known, and any character may separate."""
    reader = Message(rb"MSH|^~\&#|A")
    assert reader.separators.truncation == "#"
    reader = Message("MSH$%˜!*$A$B$$$$$ADT%A01".encode())
    assert (reader.header.text(9, 1), reader.header.text(9, 2)) == ("ADT", "A01")


def test_missing_and_equal_separators_are_assumed():
    """Missing ones take the usual, of two equal ones the later is off; both are said."""
    for start in ("MSH|^~|A", "MSH|^^\\&|A"):
        losses = Message(start.encode()).close()
        assert ("assumed", "separators") in {(e.disposition, e.reason) for e in losses.entries}


def test_stated_charset_is_used():
    """MSH-18 decides how the bytes are read."""
    line = MSH + "||||||8859/1"
    reader = Message(line.encode() + b"\rPID|1||1||M\xfcller")
    assert reader.segments[1].text(5) == "Müller"


def test_wrong_charset_falls_back_and_says_so():
    """Bytes that are no UTF-8 are read as windows-1252, with a remark; never lost."""
    reader = Message(MSH.encode() + b"\rPID|1||1||M\xfcller")
    assert reader.segments[1].text(5) == "Müller"
    assert ("assumed", "charset") in {(e.disposition, e.reason) for e in reader.close().entries}


def test_null_is_not_empty():
    """`""` is a statement (delete) and counts as an item; an empty field is none."""
    reader = Message((MSH + '\rPID|1||""||').encode())
    pid = reader.segments[1]
    assert pid.first(3).is_null and not pid.first(5).is_null
    assert len(pid.places()) == 2


def test_broken_lines_are_joined():
    """A line that is no segment continues the last field, and the ledger says so."""
    reader = Message((MSH + "\rNTE|1||first line\rand the second").encode())
    assert reader.segments[1].text(3) == "first line\nand the second"
    assert ("altered", "joined-line") in {(e.disposition, e.reason) for e in reader.close().entries}


def test_positions_name_exactly_the_value():
    """`SEG[n]-field[rep].comp.sub`, parts that say nothing left out."""
    reader = Message((MSH + "\rPID|1||a^^^b&c~d||x\rPID|2").encode())
    rendered = [reader.render(key) for segment in reader.segments[1:] for key in segment.places()]
    assert rendered == [
        "PID[1]-1",
        "PID[1]-3[1].1",
        "PID[1]-3[1].4.1",
        "PID[1]-3[1].4.2",
        "PID[1]-3[2]",
        "PID[1]-5",
        "PID[2]-1",
    ]


def test_batches_are_split():
    """FHS, BHS, BTS, FTS stand around messages, and several MSH in a row are several messages."""
    body = f"FHS|^~\\&|X\rBHS|^~\\&|X\r{MSH}\rPID|1||1\r{MSH}\rPID|1||2\rBTS|2\rFTS|1".encode()
    batch = read_batch(body)
    assert len(batch.messages) == 2 and len(batch.envelope) == 4
    assert all(message.startswith(b"MSH") for message in batch.messages)


def test_grouping_by_cursor():
    """ORC or OBR opens an order, OBX hangs on it, PID opens a patient; odd orders are taken."""
    lines = [MSH, "PID|1", "OBX|1", "ORC|RE", "OBR|1", "OBX|1", "NTE|1", "OBR|2", "OBX|1", "PID|2", "OBR|1"]
    first, second = people_of(Message("\r".join(lines).encode()))
    assert len(first.results) == 1
    assert [(bool(o.orc), len(o.results)) for o in first.orders] == [(True, 1), (False, 1)]
    assert len(first.orders[0].results[0].notes) == 1
    assert len(second.orders) == 1


@pytest.mark.parametrize(
    "line",
    [
        'PID|1||a^b&c~d^^e||""|x\\T\\y|~~|^^|&&',
        "OBX|1|TX|a^b||one~two\rand three^four|",
        "PID",
        "ZZZ|^~&",
        "PID|1\rV~R",
    ],
)
def test_items_are_counted_as_they_are_found(line):
    """The one count over the whole message is that of the fields one by one, whatever separates them."""
    for marks in ("|^~\\&", "|^~\\&#", "|^~", "|&~\\^"):
        reader = Message(f"MSH{marks}|A|B^C\r{line}".encode())
        found = sum(len(segment.places()) for segment in reader.segments)
        assert reader.close().total == found


def test_what_a_unit_took_is_given_back():
    """From a place of the journal on; what was lost meanwhile stays lost."""
    reader = Message((MSH + "\rPID|1||a^b^c").encode())
    element = reader.segments[1].first(3)
    element.take(1)
    before = len(reader.journal)
    element.take(2)
    element.lose("rejected", "bad-code", None, [(3, 1)])
    reader.forget(before)
    assert element.left == element.bit(2, 1)
    assert reader.taken_in([reader.segments[1]]) == 1
