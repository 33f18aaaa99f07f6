"""What contradicts an earlier message of the same file has its line."""

PID = "PID|1||{0}^^^RXX^MR||REUSED^Rhoda||19580704|F"


def lines_of(batch):
    """Disposition and reason of every line."""
    return {(e.disposition, e.reason) for e in batch.losses.entries}


def a_file(*messages):
    """Messages one after the other, as bytes."""
    return b"".join("\r".join(one).encode() + b"\r" for one in messages)


def test_a_control_id_with_other_bytes_is_an_error(ward, checked):
    """S02 in a file: the first stands, the other fails loudly; S01, word for word, is a duplicate."""
    first = ward.says("A01", PID.format(1), "AL1|1|DA|^Penicillin", at="202601020900", control="C-1")
    other = ward.says("A01", PID.format(1), "AL1|1|DA|^Latex", at="202601020900", control="C-1")
    reused, again = checked(a_file(first, other)), checked(a_file(first, first))
    assert ("failed", "control-reused") in lines_of(reused) and reused.losses.status == "partial"
    named = [r["code"]["text"] for r in reused.resources if r["resourceType"] == "AllergyIntolerance"]
    assert named == ["Penicillin"]
    assert ("not-mapped", "duplicate") in lines_of(again) and again.losses.status == "complete"


def test_a_record_merged_into_two_is_remarked(ward, checked):
    """a into b, later a into c: both links stand, and the second is a line; one merge alone has none."""
    first = ward.says("A40", PID.format("b"), "MRG|a^^^RXX^MR")
    second = ward.says("A40", PID.format("c"), "MRG|a^^^RXX^MR")
    assert ("altered", "conflict") in lines_of(checked(a_file(first, second)))
    assert ("altered", "conflict") not in lines_of(checked(a_file(first)))


def test_a_record_merged_into_itself_is_remarked(ward, checked, only):
    """a into a changes nothing and is not silent."""
    batch = checked(ward.says("A40", PID.format("a"), "MRG|a^^^RXX^MR"))
    assert ("altered", "conflict") in lines_of(batch)
    assert "link" not in only(batch, "Patient")
