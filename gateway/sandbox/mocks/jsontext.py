"""JSON out, with numbers exactly as written: `1.10` must leave a mock as `1.10`, which floats cannot do."""

import json
from decimal import Decimal
from typing import Any


def encode_json(value: Any) -> bytes:
    """Compact UTF-8; `Decimal` keeps its digits. Raises TypeError on anything that is not JSON."""
    return _text(value).encode("utf-8")


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(key))}:{_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def decode_json(body: bytes) -> Any:
    """Any JSON text; ValueError if it is none, or nested beyond reason."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
