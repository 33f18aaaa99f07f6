"""Laws of keys/ over any input: only our own refusals come out, and nothing altered goes unnoticed."""

import contextlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys import jws, ledger
from keys.envelope.padding import longest_accepted, padded_length, padme
from keys.errors import KeyFault, KeyRefused, ProofRefused, StatementRefused
from keys.jwk import public_from_jwk
from keys.leaf import leaf_from_bytes, leaf_prev, leaf_tag
from keys.note import key_from_vkey, parse_note
from keys.store.record import record_from_bytes
from keys.syntax import SyntaxRefused, b64u, emit, parse, unb64u
from keys.trust import trust_list_from_json

JSON = st.recursive(
    st.integers(0, 2**53 - 1)
    | st.text('abc {}[]":,é\\\n', max_size=6)
    | st.booleans()
    | st.none()
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abkvxz", max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_strict_json_returns_what_it_emits_or_refuses(value):
    """What `emit` lets out reads back equal, in one spelling only."""
    try:
        data = emit(value)
    except SyntaxRefused:
        return
    assert parse(data) == value and emit(parse(data)) == data


@given(st.binary(max_size=100))
def test_base64url_is_a_bijection(data):
    """Every byte string has one text, and only that text reads back to it."""
    assert unb64u(b64u(data)) == data


@given(st.text("ABZaz09-_=+/ ", max_size=12))
def test_base64url_texts_have_one_meaning(text):
    """A text is canonical or refused."""
    with contextlib.suppress(SyntaxRefused):
        assert b64u(unb64u(text)) == text


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode) | JSON.map(lambda v: repr(v).encode()))
def test_parsers_raise_only_their_own_refusals(data):
    """K-2: any bytes at any entrance end in the error that its docstring names."""
    entrances = (
        (lambda: jws.parse(data, jws.DECISION), StatementRefused),
        (lambda: trust_list_from_json(data), KeyRefused),
        (lambda: parse_note(data), ProofRefused),
        (lambda: leaf_from_bytes(data), ProofRefused),
        (lambda: record_from_bytes(data), KeyFault),
        (lambda: record_from_bytes(b"CPK1" + len(data).to_bytes(4, "big") + data), KeyFault),
        (lambda: key_from_vkey(data.decode("latin-1")), KeyRefused),
    )
    for entrance, refusal in entrances:
        with pytest.raises(refusal):
            entrance()


@given(JSON)
def test_any_value_in_place_of_a_jwk_is_refused(value):
    """K-2: whatever stands where a JWK should."""
    for shape in (
        value,
        {"kty": "OKP", "crv": "Ed25519", "x": value},
        {"kty": "AKP", "alg": value, "pub": value},
    ):
        with pytest.raises(KeyRefused):
            public_from_jwk(shape)


def grown(leaves):
    """(frontier, node reader, roots by size)."""
    frontier, nodes, roots = ledger.Frontier(), {}, [ledger.EMPTY_ROOT]
    for leaf in leaves:
        frontier, made = ledger.append(frontier, ledger.leaf_hash(leaf))
        nodes.update({(node.level, node.index): node.hash for node in made})
        roots.append(ledger.root(frontier))
    return frontier, lambda level, index: nodes[level, index], roots


HISTORY = st.lists(st.binary(max_size=4), min_size=1, max_size=40)


@given(HISTORY, st.data())
def test_any_leaf_is_proven_and_no_other_in_its_place(leaves, data):
    """LOG-02: inclusion at any index and size; another leaf, index or root does not hold."""
    _, read, roots = grown(leaves)
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    leaf, proof = ledger.leaf_hash(leaves[index]), ledger.inclusion_proof(index, size, read)
    ledger.verify_inclusion(index, size, leaf, proof, roots[size])
    for bent in ((index, size, ledger.leaf_hash(b"other"), roots[size]), (index, size, leaf, bytes(32))):
        with pytest.raises(ProofRefused):
            ledger.verify_inclusion(bent[0], bent[1], bent[2], proof, bent[3])


@given(HISTORY, st.data())
def test_any_edit_of_history_breaks_consistency(leaves, data):
    """LOG-02: edit, delete, insert or swap an old leaf: no proof leads from the old root to the new tree."""
    old = data.draw(st.integers(1, len(leaves)))
    _, read, roots = grown(leaves)
    ledger.verify_consistency(
        old, len(leaves), roots[old], roots[-1], ledger.consistency_proof(old, len(leaves), read)
    )
    place = data.draw(st.integers(0, old - 1))
    rewritten = [*leaves[:place], b"rewritten", *leaves[place + 1 :], b"more"]
    _, other, forged = grown(rewritten)
    proof = ledger.consistency_proof(old, len(rewritten), other)
    with pytest.raises(ProofRefused):
        ledger.verify_consistency(old, len(rewritten), roots[old], forged[-1], proof)


@given(HISTORY)
def test_root_is_that_of_the_definition(leaves):
    """The appended tree has the root of RFC 6962 2.1, computed from scratch by recursion."""

    def tree_hash(part):
        if len(part) == 1:
            return ledger.leaf_hash(part[0])
        split = 1
        while split * 2 < len(part):
            split *= 2
        return ledger.node_hash(tree_hash(part[:split]), tree_hash(part[split:]))

    frontier, read, roots = grown(leaves)
    assert roots[-1] == tree_hash(leaves) and ledger.frontier_at(len(leaves), read) == frontier


@given(st.lists(st.binary(min_size=1, max_size=4), min_size=2, max_size=12, unique=True), st.data())
def test_any_gap_in_a_patients_chain_shows(leaves, data):
    """LOG-03: drop, swap or repeat a leaf: its `tag` or `prev` no longer fits its number."""
    key = os.urandom(32)
    chain, previous = [], None
    for n, body in enumerate(leaves, 1):
        row = (leaf_tag(key, n), leaf_prev(key, n, previous), body)
        previous = ledger.leaf_hash(b"".join(row))
        chain.append(row)

    def holds(rows):
        last = None
        for n, row in enumerate(rows, 1):
            if (row[0], row[1]) != (leaf_tag(key, n), leaf_prev(key, n, last)):
                return False
            last = ledger.leaf_hash(b"".join(row))
        return True

    place = data.draw(st.integers(0, len(chain) - 2))
    dropped = chain[:place] + chain[place + 1 :]
    swapped = [*chain[:place], chain[place + 1], chain[place], *chain[place + 2 :]]
    assert (
        holds(chain)
        and not holds(dropped)
        and not holds(swapped)
        and not holds([*chain[: place + 1], *chain[place:]])
    )


@given(st.integers(0, 2**40))
def test_padme_hides_and_costs_little(length):
    """At most 12 % more, never less, and a padded length pads to itself."""
    padded = padme(length)
    assert length <= padded <= length * 1.12 + 1 and padme(padded) == padded
    assert padded_length(length) <= longest_accepted(length)
