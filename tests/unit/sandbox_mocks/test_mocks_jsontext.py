"""JSON out of the mocks keeps the digits of a number."""

import json
from decimal import Decimal

import pytest

from gateway.sandbox.mocks.jsontext import decode_json, encode_json


def test_decimals_keep_their_digits():
    """1.10 and 0.00100 leave as they are, nested or not."""
    assert encode_json({"a": [Decimal("1.10"), {"b": Decimal("0.00100")}]}) == b'{"a":[1.10,{"b":0.00100}]}'


def test_what_it_writes_is_json():
    """Hostile text, empty values and every type read back as what they were."""
    value = {'k"\n': ["\u202e</x>\x00\\", True, False, None, 7, {}, []]}
    assert json.loads(encode_json(value)) == value


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 200_000, b"{1:2}"])
def test_what_is_no_json_is_a_value_error(body):
    """Malformed, not UTF-8 or too deep: one kind of error."""
    with pytest.raises(ValueError):
        decode_json(body)
