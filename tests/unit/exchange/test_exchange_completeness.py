"""What became of each source, and the statement about it: the words that a caller may read."""

import base64
import hashlib

import pytest

from gateway.exchange.completeness import Completeness, SourceState, blinded
from keys.syntax import emit, parse_object

STATES = ("answered", "no-record", "withheld", "failed", "timed-out", "not-asked")


def statement(*sources, tell=False):
    return Completeness("n.example", "x", 5, "TREAT", ("Patient",), sources, "req", tell)


@pytest.mark.parametrize("state", ["no-record", "withheld"])
def test_no_record_and_withheld_read_not_available_unless_the_pack_tells(state):
    """From outside the two are one word, with the same members, so that neither can be told from the other."""
    source = SourceState("o", "s", state, asked=3, truncated=1, counts={"Patient": 1}, content="c", as_of=2)
    assert source.row(tell_withheld=False) == {
        "org": "o",
        "source": "s",
        "state": "not-available",
        "asked": 3,
    }
    assert source.row(tell_withheld=True)["state"] == state
    assert statement(source).rows()[0]["state"] == "not-available"
    assert statement(source, tell=True).rows()[0]["state"] == state


@pytest.mark.parametrize("state", STATES)
def test_a_source_that_releases_nothing_is_never_answered(state):
    """Whatever it holds, a source of which nothing leaves is not available; failures stay what they are."""
    after = SourceState("o", "s", state, asked=1).released([], b"blind")
    expected = {"answered": "withheld", "withheld": "withheld", "no-record": "no-record"}.get(state, state)
    assert after.state == expected


@pytest.mark.parametrize("state", ["failed", "timed-out", "not-asked"])
def test_a_source_that_did_not_answer_never_becomes_answered(state):
    """Records stored earlier do not make an answer of a source that failed now."""
    after = SourceState("o", "s", state).released([("Patient", b"{}")], b"blind")
    assert after.state == state


def test_an_answered_source_has_counts_as_of_and_a_blinded_hash():
    """The row tells how many of which type, and a hash that nobody can guess without the blind."""
    bodies = [("Patient", b"{1}"), ("Condition", b"{2}"), ("Condition", b"{3}")]
    source = SourceState("o", "s", "answered", asked=1, answered=2).released(bodies, b"blind", 7)
    row = source.row(tell_withheld=False)
    digest = hashlib.sha256(b"blind" + b"{1}{2}{3}").digest()
    assert row == {
        "org": "o", "source": "s", "state": "answered", "asked": 1, "answered": 2, "as_of": 7, "truncated": 0,
        "counts": {"Condition": 2, "Patient": 1},
        "content": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }  # fmt: skip


def test_what_could_be_asked_only_through_other_numbers_does_not_show():
    """Where nothing leaves, such a source looks like one that cannot be asked by this identifier."""
    known = SourceState("o", "s", "withheld", asked=1, by_question=False)
    unknown = SourceState("o", "s", "not-asked", "not-capable")
    assert known.unmatched().row(tell_withheld=True) == unknown.unmatched().row(tell_withheld=True)
    assert SourceState("o", "s", "withheld", asked=1).unmatched().state == "withheld"


@pytest.mark.parametrize(
    ("source", "complete"),
    [
        (SourceState("o", "s", "answered"), True),
        (SourceState("o", "s", "no-record"), True),
        (SourceState("o", "s", "withheld"), True),
        (SourceState("o", "s", "not-asked", "no-dsa"), True),
        (SourceState("o", "s", "not-asked", "peer-suspended"), False),
        (SourceState("o", "s", "failed", "malformed"), False),
        (SourceState("o", "s", "timed-out"), False),
        (SourceState("o", "s", "answered", truncated=1), False),
    ],
)
def test_complete_is_what_no_failure_lateness_or_cut_touched(source, complete):
    """One bad source among good ones makes the whole answer partial."""
    good = SourceState("o", "t", "answered")
    for made in (statement(source), statement(good, source), statement(source, good)):
        assert made.complete is complete
        assert made.statement()["status"] == ("complete" if complete else "partial")


def test_somebody_answered_only_if_a_source_was_reached():
    """Without one there is no answer, however many were not asked or failed."""
    for state in ("failed", "timed-out", "not-asked"):
        assert not statement(SourceState("o", "s", state)).anyone_answered
    for state in ("answered", "no-record", "withheld"):
        assert statement(SourceState("o", "t", "failed"), SourceState("o", "s", state)).anyone_answered


def test_the_statement_is_strict_ascii_json_without_a_patient():
    """Members and order of http-api.md 4; it can be kept, because it names nobody."""
    made = statement(SourceState("o", "s", "withheld", asked=3))
    value = made.statement()
    assert list(value) == [
        "v", "iss", "exchange", "at", "purpose", "reach", "request", "types", "status", "sources",
    ]  # fmt: skip
    assert parse_object(emit(value)) == value


def test_the_question_is_blinded():
    """The same question under another blind is another hash: nobody finds the question by trying."""
    one, two = blinded(b"a" * 32, [b"q"]), blinded(b"b" * 32, [b"q"])
    assert one != two
    assert one == blinded(b"a" * 32, [b"q"])
