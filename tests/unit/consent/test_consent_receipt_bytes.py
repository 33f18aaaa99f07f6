"""The exact form of a receipt's bytes: a replay years later compares them, whatever encoder made them."""

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from consent.decision import Deny, Permit
from consent.explain import Released, receipt
from consent.request import AccessRequest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENTRY = st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=3), max_size=4)
REQUEST = AccessRequest(
    id="x1",
    subject="Patient/p1",
    org="northshire.example",
    purpose=("TREAT",),
    at=datetime(2026, 6, 1, 12, 0, 0, 123456, UTC),
)


@settings(deadline=None)  # a busy machine is no fault of the bytes
@given(TEXT, TEXT, st.lists(ENTRY, max_size=3), st.booleans(), st.integers(0, 2**53))
def test_a_receipt_is_what_the_standard_library_writes(ref, rule, trace, permits, epoch):
    """Compact, members sorted, UTF-8 without escapes that JSON does not need: for any ids and codes."""
    decision = (
        Permit("L3", rule, ("AUDIT",), (ref,), tuple(trace))
        if permits
        else Deny("L2", rule, True, tuple(trace))
    )
    made = receipt(
        decision,
        REQUEST,
        Released(ref, "1", "gp-fern", "ab" * 32),
        id="d1",
        exchange="x1",
        epochs={"patient": epoch, "directory": rule},
    )
    text = json.dumps(json.loads(made), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert made == text.encode()
