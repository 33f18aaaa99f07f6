"""SMART v2 scopes: grammar, intersection and constraints, tried on generated scopes."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.authn.scopes import Scope, allows, constraints, intersect, parse, parse_all, render

LETTERS = [
    "".join(letter for letter, on in zip("cruds", f"{bits:05b}", strict=True) if on == "1")
    for bits in range(1, 32)
]
PAIRS = [("category", "laboratory"), ("category", "vital-signs"), ("status", "final")]

scope = st.builds(
    Scope,
    st.sampled_from(["*", "Patient", "Observation", "Consent"]),
    st.sampled_from(LETTERS),
    st.lists(st.sampled_from(PAIRS), unique=True).map(lambda pairs: tuple(sorted(pairs))),
)
some = st.lists(scope, max_size=4)


def permitted(granted: tuple[Scope, ...] | list[Scope]) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Every (type, letter, facts of a resource) that a set of scopes opens, over a small world."""
    worlds = [tuple(p for p, on in zip(PAIRS, f"{bits:03b}", strict=True) if on == "1") for bits in range(8)]
    return {
        (kind, letter, facts)
        for kind in ("Patient", "Observation", "Consent", "List")
        for letter in "cruds"
        for facts in worlds
        if any(s.type in ("*", kind) and letter in s.letters and set(s.query) <= set(facts) for s in granted)
    }


@given(scope)
def test_a_scope_reads_back_as_written(one: Scope) -> None:
    """Text and value are one to one for what the grammar allows."""
    assert parse(str(one)) == one


@given(some, some)
def test_intersection_grants_what_both_grant_and_no_more(asked: list[Scope], registered: list[Scope]) -> None:
    """Exactly what both sides open is open, whatever the constraints; the order of scopes is no matter."""
    granted = intersect(asked, registered)
    assert permitted(granted) == permitted(asked) & permitted(registered)
    assert intersect(reversed(asked), reversed(registered)) == granted
    assert parse_all(render(granted)) == granted


@given(some)
def test_constraints_are_never_lost(granted: list[Scope]) -> None:
    """A type is unconstrained only if one of its scopes is; what is not allowed has no constraints to ask for."""
    for letter in "cruds":
        open_ = [s for s in granted if s.type in ("*", "Observation") and letter in s.letters]
        assert allows(granted, "Observation", letter) == bool(open_)
        found = constraints(granted, "Observation", letter)
        assert (found == ()) == (not open_ or any(not s.query for s in open_))


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    """Whatever comes in the form, parsing answers with scopes or with nothing."""
    assert all(isinstance(found, Scope) for found in parse_all(text))
