"""The two sides of the boundary check: what the sieve lets pass, the shapes find nothing wrong with."""

from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.boundary.shapes import told
from adapters.boundary.sieve import passes
from adapters.boundary.table import elements, spellings
from benchmarks.planted import VALID, planted

GONE = object()
VALUES = (
    *(
        None,
        "",
        " ",
        "x",
        "a\x07b",
        "a\nb",
        "x" * 70,
        "Zoë",
        "unknown",
        "final",
        "http://loinc.org",
        "urn:x y",
    ),
    *("2024-02-30", "2024-02-29", "2024", "2024-01-01T10:00:00", "2024-01-31T10:00:00Z", "10:00:00"),
    *("Patient/p1", "Patient/p 1", "Nonsense/1", "#", "#x", "urn:uuid:1", "Observation/o1"),
    *(0, -1, 1, True, False, Decimal("1.10"), Decimal("NaN"), 2**40),
    *([], [None], ["x"], [{}], [[]], {}, {"id": "a"}, {"x": 1}, {"reference": "Patient/p1"}),
    *({"url": "urn:x"}, {"coding": []}, {"coding": [{}]}, {"start": "2024", "end": "2023"}, {"text": "a"}),
)


def places(node, path=()):
    """Every place in a resource, from the outside inwards."""
    found = [path]
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        found += places(child, (*path, step))
    return found


def at(node, path):
    for step in path:
        node = node[step]
    return node


def members(kind):
    return sorted({name for one in elements(kind) for name, _ in spellings(one)})


@st.composite
def changed(draw):
    """A valid resource in which one to three places hold something else, or hold a member more or less."""
    made = deepcopy(VALID[draw(st.sampled_from(sorted(VALID)))])
    if draw(st.booleans()):
        made.pop("contained", None)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([one for one in places(made) if one]))
        value = GONE if draw(st.booleans()) else deepcopy(draw(st.sampled_from(VALUES)))
        holder = at(made, path[:-1])
        if value is GONE:
            del holder[path[-1]]
        elif isinstance(holder, dict) and draw(st.booleans()):
            known = members(made["resourceType"]) if len(path) == 1 and "resourceType" in made else ["_value"]
            holder[draw(st.sampled_from([*known, "id", "extension", "valueString", "nonsense"]))] = value
        else:
            holder[path[-1]] = value
        if not isinstance(made.get("resourceType"), str) or made["resourceType"] not in TYPES:
            break
    return made


TYPES = {one["resourceType"] for one in VALID.values()}


@given(changed())
def test_what_passes_the_sieve_has_no_defect(resource):
    """However a resource was changed: if the sieve lets it pass, the shapes find nothing wrong with it."""
    if passes(resource):
        assert not told(resource)


@pytest.mark.parametrize(("name", "resource"), planted(), ids=[name for name, _ in planted()])
def test_no_planted_defect_passes_the_sieve(name, resource):
    """Each single defect is held back, also where nothing else would send the resource to the shapes."""
    assert not passes(resource)
    bare = {member: value for member, value in resource.items() if member != "contained"}
    assert not (passes(bare) and told(bare))


@pytest.mark.parametrize("kind", sorted(VALID))
def test_a_usual_resource_passes_the_sieve(kind):
    """A valid resource without contained ones, nulls and local references never needs the shapes."""
    usual = {k: v for k, v in VALID[kind].items() if k not in ("contained", "generalPractitioner", "name")}
    assert passes(usual)
    assert not told(usual)
