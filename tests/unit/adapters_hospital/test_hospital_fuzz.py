"""Messages bent at random still become valid R4, or nothing; the ledger always adds up."""

import importlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.codec import encode

PIECES = [
    "", '""', "^", "&", "~", "|", "\\", "\r", "\n", "\t", " ", "  x  ", "0", "-1", "1e5", "99999999999", "20260231",
    "2026", "202601011", "20260101120000+9900", "Y", "N", "A B", "urn:x y", "1.2.3", "http://x", "\x01", "é",
    "\\X00\\", "\\.br\\", "~~", "^^^^", "&&&", "OBX|1|NM|x||1", "PID|", "ORC|XO", "1" * 5000,
]  # fmt: skip


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_bent_messages_stay_valid(data, normalise, admission, result):
    """Pieces put in, cut out and doubled anywhere: no exception, no defect, no invalid resource."""
    text = "\r".join(data.draw(st.sampled_from([admission, result])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(len(admission[0]), len(text)))
        gone = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.sampled_from(PIECES)) + text[at + gone :]
    batch = normalise(text.encode())
    assert batch.losses.balanced
    assert "mapping-defect" not in {entry.reason for entry in batch.losses.entries}
    for one in (*batch.resources, *([batch.provenance] if batch.provenance else [])):
        kind = one["resourceType"]
        getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind).model_validate_json(
            encode(one)
        )
