"""The life of a break-glass grant: opened by use, extended with new reasons, ended, reviewed."""

from dataclasses import replace

import pytest

from consent.breakglass import bar_of_emergency, newest_grant, next_step
from consent.floor import BreakGlassTerms
from consent.grant import HOUR, Grant, GrantEvent

TERMS = BreakGlassTerms()
HER, OTHER = "Patient/patient-found-unconscious", "Patient/patient-next-door"
T0 = 1_000 * HOUR
OPEN = Grant(
    "bg-1", "dr-ivy", "ward", HER, T0, (GrantEvent("open", T0, "dr-ivy", until=T0 + 8 * HOUR, text="fell "),)
)


def after(grant: Grant, kind: str, hours: int, **said: object) -> Grant:
    return replace(grant, events=(*grant.events, GrantEvent(kind, T0 + hours * HOUR, "officer", **said)))  # type: ignore[arg-type]


REVOKED, CLOSED = after(OPEN, "revoke", 1), after(OPEN, "close", 1)
JUSTIFIED = after(OPEN, "review", 9, verdict="justified")
UNJUSTIFIED = after(OPEN, "review", 9, verdict="not-justified")


@pytest.mark.parametrize(("grant", "hours", "state"), [
    (OPEN, 0, "open"), (OPEN, 8, "open"), (OPEN, 9, "expired"), (REVOKED, 2, "revoked"), (CLOSED, 2, "closed"),
    (after(OPEN, "extend", 9, until=T0 + 17 * HOUR), 17, "open"),
])  # fmt: skip
def test_state_follows_from_what_happened(grant: Grant, hours: int, state: str) -> None:
    """Open to the last instant of its hours, then expired; revoked and closed at once; extended further."""
    assert grant.state(T0 + hours * HOUR) == state


@pytest.mark.parametrize(("grants", "hours", "reason", "bar"), [
    ([], 0, "fell", None), ([OPEN], 1, "fell", None), ([OPEN], 9, " fell", "same-reason"),
    ([OPEN], 9, "fits", None), ([OPEN], 119, "fits", None), ([OPEN], 120, "fits", "longest"),
    ([REVOKED], 2, "fits", "revoked"), ([after(REVOKED, "review", 3, verdict="justified")], 4, "fits", None),
    ([CLOSED], 2, "fell", "same-reason"), ([CLOSED], 2, "fits", None), ([JUSTIFIED], 10, "fell", None),
    ([UNJUSTIFIED], 10, "fits", "not-justified"), ([after(UNJUSTIFIED, "lift", 11)], 12, "fits", None),
    ([replace(UNJUSTIFIED, patient=OTHER)], 10, "fits", "not-justified"),
    ([replace(REVOKED, patient=OTHER)], 10, "fits", None),
])  # fmt: skip
def test_who_is_barred(grants: list[Grant], hours: int, reason: str, bar: str | None) -> None:
    """A verdict bars for every patient; what ended bars for its own, until a new reason or a review."""
    assert bar_of_emergency(grants, (HER,), reason, T0 + hours * HOUR, TERMS) == bar


def test_an_overdue_review_bars_only_where_the_pack_says_so() -> None:
    """72 hours without a verdict: `warn` lets it pass, `block` does not; a review ends it."""
    at = T0 + 73 * HOUR
    strict = replace(TERMS, overdue="block")
    assert OPEN.overdue(at, TERMS)
    assert not OPEN.overdue(T0 + 72 * HOUR, TERMS)
    assert bar_of_emergency([OPEN], (OTHER,), "fits", at, TERMS) is None
    assert bar_of_emergency([OPEN], (OTHER,), "fits", at, strict) == "review-overdue"
    assert bar_of_emergency([JUSTIFIED], (OTHER,), "fits", at, strict) is None


@pytest.mark.parametrize(("held", "hours", "step"), [
    (None, 0, ("open", 8)), (OPEN, 1, ("use", 8)), (OPEN, 9, ("extend", 17)), (OPEN, 115, ("extend", 120)),
    (CLOSED, 2, ("open", 10)), (JUSTIFIED, 10, ("open", 18)),
])  # fmt: skip
def test_a_use_opens_uses_or_extends(held: Grant | None, hours: int, step: tuple[str, int]) -> None:
    """The first use opens, later ones use, one after its hours extends, never beyond the longest."""
    kind, until = step
    assert next_step(held, T0 + hours * HOUR, TERMS) == (kind, T0 + until * HOUR)


def test_the_newest_grant_of_the_patient_counts() -> None:
    """Another patient's is not hers; of two the later one."""
    later = replace(OPEN, id="bg-2", opened=T0 + HOUR)
    assert newest_grant([later, OPEN, replace(OPEN, patient=OTHER, opened=T0 + 5 * HOUR)], (HER,)) == later
    assert newest_grant([OPEN], (OTHER,)) is None
    assert OPEN.reasons == ("fell",)
    assert after(OPEN, "use", 1).uses == 2
