"""What no message may do to a node by its mere size or the label on its characters (normalisation.md 1, 13)."""

import pytest

from adapters.hospital.charset import codec_from_label, decode


def _renamed(admission, many):
    return [line.replace("|F|", f"|F|{many}|", 1) if line.startswith("PID") else line for line in admission]


def test_a_field_that_repeats_too_often_parks_its_message(normalise, admission, reasons):
    """Beyond a thousand repetitions of a field nothing is mapped, and every value has the reason `limit`."""
    batch = normalise(_renamed(admission, "~".join(f"Other{n}^Ada" for n in range(1001))))
    assert batch.quarantine == "unreadable"
    assert reasons(batch) == {("failed", "limit")}
    assert batch.losses.balanced


def test_a_thousand_repetitions_are_taken(normalise, admission):
    """The limit is one above what is taken."""
    batch = normalise(_renamed(admission, "~".join(f"Other{n}^Ada" for n in range(1000))))
    assert batch.quarantine is None


@pytest.mark.parametrize("kind", ["TX", "FT"])
def test_lines_of_a_text_are_no_repetitions(normalise, result, kind):
    """A report of two thousand lines is one text."""
    text = "~".join(f"line {n}" for n in range(2000))
    batch = normalise([*result, f"OBX|9|{kind}|18748-4^Report^LN||{text}||||||F"])
    assert batch.quarantine is None
    assert any("line 1999" in str(one.get("valueString")) for one in batch.resources)


@pytest.mark.parametrize(
    "label", ["UTF-7", "utf-16", "idna", "punycode", "raw_unicode_escape", "rot13", "hz"]
)
def test_a_label_of_no_character_set_for_hl7_is_not_followed(label):
    """Separators must be what they are: the bytes are read as UTF-8, and the guess is told where it matters."""
    assert codec_from_label(label) is None
    read = decode("MSH|^~\\&|Zoë +0100".encode(), label, None)
    assert (read.text, read.codec, read.assumed) == ("MSH|^~\\&|Zoë +0100", "utf-8", True)
