"""Lossless JSON: the digits of a number survive, and what is not strict JSON is refused without a word of it."""

import contextlib
import copy
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import codec

NUMBERS = [
    "1.10",
    "0.0",
    "-0.50",
    "100.00",
    "0.0000001",
    "1e5",
    "1E5",
    "1.0e-10",
    "-1.5E+3",
    "123456789012345678901.5",
]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_leaves_as_it_came(text: str) -> None:
    """FHIR: precision is significant. The very characters, also where Decimal would write them otherwise."""
    for decode in (codec.decode, codec.decode_own):
        value = decode(f'{{"value":{text}}}'.encode())
        assert isinstance(value["value"], Decimal)
        assert value["value"] == Decimal(text)
        assert codec.encode(value) == f'{{"value":{text}}}'.encode()


@pytest.mark.parametrize("text", NUMBERS)
def test_a_copied_number_is_still_as_it_came(text: str) -> None:
    """Copies and pickles of a resource write the same characters."""
    value = codec.decode(text.encode())
    for twin in (copy.deepcopy(value), copy.copy(value), pickle.loads(pickle.dumps(value))):
        assert codec.encode(twin) == text.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"a":1', b"{'a':1}", b'{"a":1,}', b"[1,]", b'{"a":NaN}', b"[Infinity]", b"[-Infinity]", b"[01]",
        b"[1.]", b"[.5]", b"[+1]", b'["\\ud800"]', b'"\x80"', b"\xef\xbb\xbf{}", b"{} {}", b"nul", b'["\t"]',
        "\ufeff{}".encode("utf-16"), b"[" + b"9" * 65 + b"]", b"[1." + b"9" * 64 + b"]", b"[1e999999999999999999]", b"[1e-309]",
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    """Truncated, lenient, foreign or oversized: one typed error."""
    with pytest.raises(codec.BadJSON):
        codec.decode(body)


@pytest.mark.parametrize("number", ["-0", "-0.0", "-0e0", "0", "-1", "10"])
def test_a_number_keeps_its_sign(number: str) -> None:
    """Also minus nought, which no int can hold: the same characters out as in, wherever it stands."""
    for body in (
        f'{{"a":{number}}}',
        f'{{"a":[{number}]}}',
        f'[{number},{{"d":"2026-01-01T00:00:00-00:00"}}]',
    ):
        assert codec.encode(codec.decode(body.encode())) == body.encode()


def test_duplicate_members_are_refused() -> None:
    """Two readers of `{"a":1,"a":2}` may see two records; nobody gets to choose."""
    with pytest.raises(codec.BadJSON):
        codec.decode(b'{"x":{"a":1,"a":2}}')


def test_repeats_can_be_told_apart_instead() -> None:
    """Contradicting members come apart, unreadable by name; of equal ones the first stays readable."""
    value = codec.decode(b'{"a":1,"b":1.10,"b":1.1,"c":{"d":0,"d":0}}', repeats_apart=True)
    assert codec.encode(value) == b'{"a":1,"b#1":1.10,"b#2":1.1,"c":{"d":0,"d#2":0}}'


def test_an_error_quotes_nothing_of_the_input() -> None:
    """A value in an exception is a value in a log."""
    with pytest.raises(codec.BadJSON) as caught:
        codec.decode(b'{"nhsNumber":"9990000018",')
    assert "999" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("depth", "fits"), [(codec.MAX_DEPTH, True), (codec.MAX_DEPTH + 1, False), (200_000, False)]
)
def test_depth_is_bounded(depth: int, fits: bool) -> None:
    """As deep as the limit is read, one deeper is not, and no depth ends in a crash."""
    body = b"[" * depth + b"]" * depth
    if fits:
        assert codec.decode(body) is not None
    else:
        with pytest.raises(codec.BadJSON):
            codec.decode(body)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_json)
def test_decode_undoes_encode(value: object) -> None:
    """Any JSON value of ours is read back as itself, by both readers."""
    assert codec.decode(codec.encode(value)) == value


@given(st.binary(max_size=200))
def test_any_bytes_end_as_a_value_or_bad_json(body: bytes) -> None:
    """No input raises anything else."""
    with contextlib.suppress(codec.BadJSON):
        codec.encode(codec.decode(body))
