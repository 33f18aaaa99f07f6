"""Two logs of the same exchanges: whatever a peer leaves out, changes, adds or moves is told as what it is."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.pairing import CLASSES, Shown, pair
from keys.leaf import Leaf

NORTH, EAST = "north.example", "east.example"
NOW = 1_795_255_200
OLD = NOW - 30 * 3600


@dataclass(frozen=True)
class Said:
    """One exchange as it truly was: who asked, when, and how far it came."""

    n: int
    asked_by: str
    at: int
    came: str  # "received", "answered" (the answer was lost) or "asked" (the question was lost)


def leaf(kind, me, peer, at, *, md, req=b""):
    """A leaf with blinded members of its own."""
    return Leaf(at, kind, me, peer, b"d" * 32, b"t" * 32, b"p" * 32, md, req)


def logs(exchanges):
    """Both honest logs, as lists of leaves."""
    held = {NORTH: [], EAST: []}
    for one in exchanges:
        asker, other = one.asked_by, EAST if one.asked_by == NORTH else NORTH
        question, answer = b"q" + one.n.to_bytes(31, "big"), b"a" + one.n.to_bytes(31, "big")
        held[asker].append(leaf("ask", asker, other, one.at, md=question))
        if one.came != "asked":
            held[other].append(leaf("answer", other, asker, one.at + 1, md=answer, req=question))
        if one.came == "received":
            held[asker].append(leaf("receive", asker, other, one.at + 2, md=answer, req=question))
    return held


def shown(leaves):
    return [Shown(index, one) for index, one in enumerate(leaves)]


def classes(mine, theirs, now=NOW):
    return {row.request: row.kind for row in pair(NORTH, EAST, mine, theirs, now=now)}


exchanges = st.lists(
    st.builds(
        Said,
        n=st.integers(0, 10_000),
        asked_by=st.sampled_from((NORTH, EAST)),
        at=st.integers(OLD - 10**6, OLD),
        came=st.sampled_from(("received", "answered", "asked")),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.n,
)


@given(exchanges, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_two_honest_logs_differ_in_nothing_but_what_was_lost(said, chance):
    """Whatever the order of leaves: received ones match, lost ones are unacked after a day; each side agrees."""
    held = logs(said)
    mine, theirs = shown(held[NORTH]), shown(held[EAST])
    chance.shuffle(mine)
    chance.shuffle(theirs)
    expected = {
        b"q" + one.n.to_bytes(31, "big"): "matched" if one.came == "received" else "unacked" for one in said
    }
    assert classes(mine, theirs) == expected
    other = {row.request: row.kind for row in pair(EAST, NORTH, theirs, mine, now=NOW)}
    assert other == expected


@given(exchanges, st.data())
@settings(max_examples=80, deadline=None)
def test_every_lie_about_one_leaf_is_found_and_touches_no_other_exchange(said, data):
    """LOG-06: the peer hides, alters, repeats, delays, forges or misattributes one leaf of its own."""
    said = [replace(one, came="received") for one in said]
    held = logs(said)
    mine, theirs = shown(held[NORTH]), shown(held[EAST])
    place = data.draw(st.integers(0, len(theirs) - 1))
    victim = theirs[place]
    request = victim.leaf.md if victim.leaf.kind == "ask" else victim.leaf.req
    lie = data.draw(st.sampled_from(("hide", "alter", "repeat", "delay", "unproven", "of-another")))
    changed, expected = _lied(theirs, place, lie)
    found = classes(mine, changed)
    honest = classes(mine, theirs)
    assert all(found[one] == honest[one] for one in honest if one != request)
    if expected is not None:
        assert found[request] == expected


def _lied(theirs, place, lie):
    one = theirs[place]
    rest = theirs[:place] + theirs[place + 1 :]
    if lie == "hide":
        # Of an asker's two leaves one may be hidden without effect on the pair: `receive` says it all.
        expected = {"answer": "only-here", "ask": "matched", "receive": "unacked"}[one.leaf.kind]
        return rest, expected
    if lie == "alter":
        other = replace(one.leaf, md=b"x" * 32)
        return [*rest, replace(one, leaf=other)], None if one.leaf.kind == "ask" else "differs"
    if lie == "repeat":
        return [*theirs, replace(one, index=10_000)], "differs"
    if lie == "delay":
        late = replace(one, leaf=replace(one.leaf, at=one.leaf.at + 400))
        return [*rest, late], "matched" if one.leaf.kind == "ask" else "differs"
    if lie == "unproven":
        return [*rest, replace(one, proven=False)], "unproven"
    return [*rest, replace(one, leaf=replace(one.leaf, peer="west.example"))], "unproven"


@given(exchanges)
@settings(max_examples=40, deadline=None)
def test_what_the_peer_invents_is_only_there(said):
    """Exchanges that I never logged, asked by either side, are told as theirs alone."""
    said = [replace(one, came="received") for one in said]
    held = logs(said)
    assert set(classes([], shown(held[EAST])).values()) == {"only-there"}


@given(exchanges)
@settings(max_examples=40, deadline=None)
def test_a_peer_that_shows_nothing_hides_everything(said):
    """All that came back or was answered is only here; what was merely asked might have been lost on its way."""
    held = logs(said)
    found = pair(NORTH, EAST, shown(held[NORTH]), [], now=NOW)
    for row in found:
        kinds = {held[NORTH][place].kind for place in row.mine}
        assert row.kind == ("unacked" if kinds == {"ask"} else "only-here")


@pytest.mark.parametrize(
    ("came", "age", "kind"),
    [
        ("answered", 24 * 3600 - 1, "open"),
        ("answered", 24 * 3600, "unacked"),
        ("asked", 60, "open"),
        ("received", 10, "matched"),
    ],
)
def test_what_may_still_come_is_open(came, age, kind):
    """Nothing is a finding before its time: an answer has 24 hours to be received."""
    held = logs([Said(1, EAST, NOW - age, came)])
    assert list(classes(shown(held[NORTH]), shown(held[EAST])).values()) == [kind]


@pytest.mark.parametrize(("age", "kind"), [(3599, "open"), (3600, "only-here")])
def test_an_omission_counts_once_the_hour_is_over(age, kind):
    """A promised leaf has an hour to be in the log."""
    held = logs([Said(1, NORTH, NOW - age, "received")])
    assert list(classes(shown(held[NORTH]), []).values()) == [kind]


def test_the_classes_are_those_of_the_page():
    """The closed list, in the order in which counts are told."""
    assert CLASSES == ("matched", "differs", "only-here", "only-there", "unproven", "unacked", "open")
