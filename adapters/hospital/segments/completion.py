"""RXA-18, 20 and 21: was it given? What is not known to have been given is never said to be `completed`."""

from adapters.hospital.context import Draft
from adapters.hospital.message import Segment

_REFUSED = frozenset(
    """
    RF REF REFUSE REFUSED REFUSAL DECLINE DECLINED ND NG WITHHELD OMITTED
    NOTDONE NOTGIVEN NOTADMINISTERED PATIENTREFUSED PATIENTREFUSAL
    """.split()
)
"""Words of local tables for a thing that was not given; letters alone."""


def completion_from_rxa(draft: Draft, rxa: Segment) -> str | None:
    """Status by RXA-21 `D`, RXA-20, a refusal reason in RXA-18; `completed`, assumed, if all are empty.

    None: RXA-20 says what nobody knows and no refusal is said; its line is `rejected/bad-code`.
    A refusal reason beside `CP` is remarked as `altered/conflict`.
    """
    said, action = rxa.first(20), rxa.first(21)
    refused = any(element and not element.is_null for element in rxa.all(18))
    status = _refusal(draft, rxa)
    if status is None:
        status = draft.code(said, "v2_completion_status", "status")
    if status is None and refused:
        status = "not-done"
    if status == "completed" and refused and said.text(1).upper() != "PA":
        draft.context.message.account.remark(f"{rxa.position}-18", "altered", "conflict")
    if action.text(1).upper() in ("A", "D", "U"):
        status = "entered-in-error" if action.take(1).upper() == "D" else status
    if status is None and not said.text(1):
        status = "completed"
        draft.assume(f"{rxa.position}-20", "status", status)
    return status


def _refusal(draft: Draft, rxa: Segment) -> str | None:
    said = rxa.first(20)
    word = "".join(letter for letter in said.text(1).upper() if letter.isalpha())
    if word not in _REFUSED:
        return None
    said.take(1)
    return "not-done"
