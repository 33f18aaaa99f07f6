"""Laws of merging and of the completeness statement, over generated sources (exchange.md)."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.completeness import Completeness, SourceState
from gateway.exchange.merge import Contribution, merged

ids = st.sampled_from(["1", "2", "3"])
contributions = st.builds(
    Contribution,
    custodian=st.sampled_from(["north", "south"]),
    source=st.sampled_from(["gp", "adt"]),
    ref=st.builds("{}/{}".format, st.sampled_from(["Patient", "Allergy", "Zebra"]), ids),
    body=st.sampled_from([b"{}", b'{"a":1}', b'{"a":2}']),
)
some = st.lists(contributions, max_size=12)


def as_set(items):
    return {(c.custodian, c.source, c.ref, c.body) for c in items}


@given(some, st.randoms())
def test_order_does_not_matter(items, random):
    """Law 1: any order of arrival gives the same merged record, in the same order."""
    shuffled = list(items)
    random.shuffle(shuffled)
    assert merged(shuffled) == merged(items)


@given(some, some, some)
def test_grouping_does_not_matter(a, b, c):
    """Law 1: merging merges gives what merging everything at once gives."""
    assert merged([*merged([*a, *b]), *c]) == merged([*a, *merged([*b, *c])]) == merged([*a, *b, *c])


@given(some)
def test_nothing_is_lost_and_nothing_invented(items):
    """Law 2: two sayings that differ in anything both stay; only exact repetition goes."""
    assert as_set(merged(items)) == as_set(items)
    assert len(merged(items)) == len(as_set(items))


@given(some, some)
def test_a_contribution_can_be_taken_out_again(a, b):
    """Law 3: merge(A, B) without B is merge(A)."""
    only_b = as_set(b) - as_set(a)
    left = [c for c in merged([*a, *b]) if (c.custodian, c.source, c.ref, c.body) not in only_b]
    assert tuple(left) == merged(a)


@given(some)
def test_merging_again_changes_nothing(items):
    """Law 4."""
    assert merged(merged(items)) == merged([*items, *items]) == merged(items)


@given(some)
def test_patients_come_first_and_origin_is_kept(items):
    """Laws 5 and 6: every element still says whose it is; the subject is met before what is about her."""
    kinds = [c.ref.startswith("Patient/") for c in merged(items)]
    assert kinds == sorted(kinds, reverse=True)
    assert {(c.custodian, c.source) for c in merged(items)} == {(c.custodian, c.source) for c in items}


states = st.builds(
    SourceState,
    org=st.just("o"),
    source=st.sampled_from(["a", "b"]),
    state=st.sampled_from(["answered", "no-record", "withheld", "failed", "timed-out", "not-asked"]),
    reason=st.sampled_from([None, "malformed", "no-dsa", "peer-suspended"]),
    asked=st.none() | st.integers(0, 9),
    truncated=st.integers(0, 2),
    by_question=st.booleans(),
)


@given(st.lists(states, min_size=1, max_size=5))
def test_no_row_ever_says_no_record_or_withheld_unless_told(sources):
    """Whatever the states are, the two hidden words do not stand in what a caller reads."""
    made = Completeness("n", "x", 1, "TREAT", (), tuple(sources), "r")
    assert {row["state"] for row in made.rows()} <= {
        "answered", "not-available", "failed", "timed-out", "not-asked",
    }  # fmt: skip
    assert len(made.rows()) == len(sources)


@given(st.lists(states, min_size=1, max_size=5))
def test_a_complete_statement_has_no_interrupted_row(sources):
    """Complete is never said where a row says failed, timed out or truncated."""
    made = Completeness("n", "x", 1, "TREAT", (), tuple(sources), "r")
    if made.complete:
        assert not any(row["state"] in ("failed", "timed-out") or row.get("truncated") for row in made.rows())


@given(states, st.binary(max_size=8))
def test_nothing_released_is_never_answered(source, blind):
    """P3: an empty contribution cannot read as an answer."""
    assert source.released([], blind).state != "answered"
    assert source.released([], blind).unmatched().state != "answered"
