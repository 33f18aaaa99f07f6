"""The loss ledger: total = mapped + kept + lost, each value in exactly one, whatever a mapping does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.losses import REASONS, LossAccount, LossEntry, Losses, unreadable

KEYS = st.integers(0, 12)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), KEYS),
        st.tuples(st.just("kept"), st.lists(KEYS, max_size=4)),
        st.tuples(st.just("rejected"), st.lists(KEYS, max_size=4)),
        st.tuples(st.just("remark"), KEYS),
    ),
    max_size=30,
)
WHY = {"kept": "unknown-template", "rejected": "bad-date"}


@given(st.lists(st.tuples(KEYS, st.integers(1, 5)), max_size=20), ACTIONS)
def test_the_law_holds_after_any_actions(items, actions):
    """Taking, losing and remarking in any order, twice or on strangers: the sums add up."""
    account = LossAccount()
    for key, count in items:
        account.item(key, count)
    for action, on in actions:
        if action == "take":
            account.take(on)
        elif action == "remark":
            account.remark(str(on), "assumed", "zone")
        else:
            account.lose(on, action, WHY[action])
    losses = account.close()
    assert losses.balanced and losses.total == sum(count for _, count in items)


def test_what_nobody_took_is_a_line():
    """Forgetting a field shows as not-mapped/no-target at its place, never as silence."""
    account = LossAccount(render=lambda key: f"PID-{key}")
    account.item(3)
    account.item(5, 2)
    account.take(3)
    losses = account.close()
    assert losses.entries == (LossEntry("PID-5", 2, "not-mapped", "no-target"),)
    assert (losses.mapped, losses.lost, losses.status) == (1, 2, "complete")


def test_taking_is_idempotent_and_wins_over_losing():
    """A value that was put into a resource cannot be lost afterwards, nor counted twice."""
    account = LossAccount()
    account.item("a")
    account.take("a")
    account.take("a")
    account.lose(["a"], "rejected", "bad-id")
    assert account.close() == Losses(1, 1)


@pytest.mark.parametrize(
    ("disposition", "reason"), [("kept", "bad-date"), ("rejected", "zone"), ("failed", "x")]
)
def test_reasons_are_a_closed_list(disposition, reason):
    """A reason of another disposition, or of none, is our defect and is refused."""
    with pytest.raises(ValueError):
        LossEntry("p", 1, disposition, reason)


@pytest.mark.parametrize(
    ("disposition", "reason", "severity", "status"),
    [
        ("rejected", "bad-date", "error", "partial"),
        ("failed", "limit", "error", "partial"),
        ("assumed", "zone", "warning", "complete"),
        ("altered", "escape", "warning", "complete"),
        ("kept", "unknown-template", "warning", "partial"),
        ("kept", "type-not-carried", "warning", "partial"),
        ("kept", "z-segment", "information", "complete"),
        ("not-mapped", "no-target", "information", "complete"),
    ],
)
def test_severity_and_status(disposition, reason, severity, status):
    """Errors and unforeseen kept content make an input partial; guesses do not."""
    entry = LossEntry("p", 1, disposition, reason)
    assert (entry.severity, Losses(1, 0, (entry,)).status) == (severity, status)


def test_every_reason_has_a_severity():
    """No reason of the closed list is without one."""
    for disposition, reasons in REASONS.items():
        for reason in reasons:
            assert LossEntry("p", 1, disposition, reason).severity in {"error", "warning", "information"}


def test_an_unreadable_input_is_all_failed():
    """Nothing guessed: status error, every item failed; an empty input counts as one."""
    losses = unreadable(0)
    assert (losses.total, losses.lost, losses.status, losses.balanced) == (1, 1, "error", True)


def test_units_of_one_input_are_numbered_on():
    """The second message's lines are of unit 2; the sums add; unreadable only if both are."""
    first = Losses(1, 0, (LossEntry("a", 1, "not-mapped", "no-target"),))
    both = first.plus(unreadable(2))
    assert [e.unit for e in both.entries] == [1, 2]
    assert (both.total, both.lost, both.balanced, both.unreadable) == (3, 3, True, False)
