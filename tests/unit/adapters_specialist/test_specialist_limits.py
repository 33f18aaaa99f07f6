"""A document over a limit is one line `failed/limit`, whichever limit it is, and nothing of it is mapped."""

import pytest

from adapters.specialist.limits import DEEPEST, MAX_BYTES, MOST_ATTRIBUTES


def _attributes(number):
    return " ".join(f'a{n}="x"' for n in range(number))


def _nested(depth):
    return "<a>" * depth + "x" + "</a>" * depth


@pytest.mark.parametrize(
    "header",
    [
        f"<documentationOf {_attributes(50_000)}/>",
        f"<documentationOf {_attributes(MOST_ATTRIBUTES + 1)}/>",
        _nested(DEEPEST),
        _nested(50_000),
        f"<component><section><text><paragraph {_attributes(5000)}/></text></section></component>",
        f"<!--{' ' * MAX_BYTES}-->",
    ],
    ids=["50000-attributes", "257-attributes", "257-deep", "50000-deep", "in-a-narrative", "bytes"],
)
def test_over_a_limit_is_one_line(header, document, normalise):
    """Bytes, depth, attributes of one element: all of it is `failed/limit`, in one line without position."""
    batch = normalise(document(header=header))
    assert (batch.resources, batch.provenance, batch.quarantine) == ((), None, "unreadable")
    assert batch.losses.status == "error"
    (line,) = batch.losses.entries
    assert (line.disposition, line.reason, line.items, line.position) == ("failed", "limit", 1, "")


@pytest.mark.parametrize("header", [f"<x {_attributes(MOST_ATTRIBUTES)}/>", _nested(DEEPEST - 1)])
def test_at_a_limit_is_read(header, document, normalise):
    """The limit itself is allowed: what stands there is in the ledger, value by value."""
    plain, batch = normalise(document()), normalise(document(header=header))
    assert {r["resourceType"] for r in batch.resources} == {r["resourceType"] for r in plain.resources}
    assert batch.losses.total == plain.losses.total + (1 if header.startswith("<a") else MOST_ATTRIBUTES)


def test_a_limit_beats_a_missing_declaration(document, normalise):
    """A document that lacks a declaration too is told the limit: it is what it must mend first."""
    text = document(header=f"<x xsi:nil='true' {_attributes(300)}/>").decode()
    text = text.replace('xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', "")
    assert [e.reason for e in normalise(text.encode()).losses.entries] == ["limit"]
