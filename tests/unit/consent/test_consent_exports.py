"""What goes out and comes in beside FHIR Consents: agreements as Contracts, rows of an import as Consents."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from consent.contract import contract_from_agreement
from consent.errors import Uncomputable
from consent.fhir import consent_document
from consent.interface import StoredAgreement, StoredStatement
from consent.rows import COLUMNS, document_from_row

AT = datetime(2026, 1, 1, tzinfo=UTC)
TERM = {"purposes": ["TREAT"], "roles": ["doctor"], "data_classes": ["Observation"], "exclude_sensitivity": ["HIV"],
        "lookback_days": 30, "elements_redacted": ["Patient.name"], "obligations": ["DEID"]}  # fmt: skip


def contract(**more: Any) -> dict[str, Any]:
    document = {"id": "D1", "version": 1, "providers": ["a"], "recipients": ["b"], "effective": {"start": "2026"},
                "terms": [TERM, {"purposes": ["HRESCH"]}], **more}  # fmt: skip
    made = (
        StoredStatement("D1", 1, "a", "sign", AT, None, b"x"),
        StoredStatement("D1", 1, "a", "suspend", AT, None, b"y"),
    )
    stored = StoredAgreement("D1", 1, AT, json.dumps(document).encode(), made)
    return contract_from_agreement(stored, "half-signed")


def test_a_contract_carries_the_signed_bytes_and_every_term() -> None:
    """The document and the signature are inside; a suspension is no signature; what has no code is in words."""
    made = contract(title="care")
    inside = json.loads(base64.b64decode(made["legallyBindingAttachment"]["data"]))
    assert inside["terms"][0] == TERM
    assert [base64.b64decode(one["signature"][0]["data"]) for one in made["signer"]] == [b"x"]
    assert (made["status"], made["title"]) == ("negotiable", "care")
    assert "HIV" in made["term"][0]["offer"]["text"]
    assert "asset" not in made["term"][1]
    assert "title" not in contract()


def test_a_contract_that_nobody_has_signed_has_no_signer() -> None:
    """A draft's export claims no signature, not even an empty list of them."""
    document = {"id": "D1", "version": 1, "providers": ["a"], "recipients": ["b"], "effective": {"start": "2026"},
                "terms": [TERM]}  # fmt: skip
    made = contract_from_agreement(StoredAgreement("D1", 1, AT, json.dumps(document).encode(), ()), "draft")
    assert "signer" not in made


def row(**more: str) -> dict[str, str]:
    return dict.fromkeys(COLUMNS, "") | {"effect": "permit", "purposes": "TREAT"} | more


def read(**more: str) -> dict[str, Any]:
    return document_from_row(row(**more), id="c", patient="Patient/p", at=AT, instant=lambda text, last: text)


def test_a_row_states_what_its_columns_state() -> None:
    """Each column has its element; what is empty is not stated."""
    made = read(labels="PSY;R", classes="Observation", data_from="2024", data_to="2025", valid_to="2027",
                performer="RelatedPerson/r", evidence_ref="box 7", recipients="b", custodians="a")  # fmt: skip
    provision = made["provision"]
    assert [one["code"] for one in provision["securityLabel"]] == ["PSY", "R"]
    assert provision["dataPeriod"] == {"start": "2024", "end": "2025"}
    assert provision["period"] == {"end": "2027"}
    assert made["sourceReference"] == {"display": "box 7"}
    assert made["performer"] == [{"reference": "RelatedPerson/r"}]
    bare = read(effect="deny")
    assert bare["provision"].keys() == {"type", "purpose"}


@pytest.mark.parametrize("wrong", [
    {"effect": "maybe"}, {"purposes": ";"}, {"purposes": "LUNCH"}, {"labels": "ODD"}, {"performer": "me"},
    {"data_from": "soon"}, {"valid_to": "soon"}, {"valid_from": "2027", "valid_to": "2026"},
])  # fmt: skip
def test_a_row_that_is_not_understood_whole_is_refused(wrong: dict[str, str]) -> None:
    """With the column that is wrong."""
    with pytest.raises(Uncomputable):
        read(**wrong)


def test_a_desk_may_leave_the_performer_out() -> None:
    """Then none is stated."""
    assert "performer" not in consent_document(id="c", patient="Patient/p", at=AT, deny=["TREAT"])
