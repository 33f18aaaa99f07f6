"""`carepact agreement export`: a FHIR R4 Contract that carries what was signed."""

import base64
import json
from typing import Any

from fhir.resources.R4B.contract import Contract


def test_an_agreement_goes_out_as_a_contract_with_its_signed_text_inside(admitted: Any) -> None:
    """Valid R4, executed once both signed, one signer a side with its JWS, the document byte for byte."""
    document = admitted("agreement", "show", "D1", "--document").out
    said = admitted("agreement", "export", "D1", "--format", "contract")
    contract = said.json
    Contract.model_validate_json(said.out)
    assert contract["status"] == "executed"
    inside = base64.b64decode(contract["legallyBindingAttachment"]["data"])
    assert inside.decode().strip() == document.strip()
    assert len(contract["signer"]) == 2
    assert all(base64.b64decode(one["signature"][0]["data"]) for one in contract["signer"])
    assert contract["term"][0]["action"][0]["intent"]["coding"][0]["code"] == "TREAT"


def test_every_kind_of_term_is_valid_and_a_draft_is_only_offered(home: Any) -> None:
    """Ceilings, exclusions, classes, look-back, masked elements, obligations; unknown formats are refused."""
    value = {
        "id": "D9", "version": 1, "title": "research", "providers": [home.ward], "recipients": [home.peer],
        "effective": {"start": "2026-01-01", "end": "2027-12-31"},
        "terms": [{"purposes": ["HRESCH"], "roles": ["researcher"], "data_classes": ["Observation"],
                   "exclude_sensitivity": ["HIV"], "max_confidentiality": "N", "lookback_days": 30,
                   "elements_redacted": ["Patient.address"], "obligations": ["DEID"]}],
    }  # fmt: skip
    (home.folder / "D9.json").write_text(json.dumps(value), "utf-8")
    assert home("agreement", "add", str(home.folder / "D9.json"), "--reason", "study").code == 0
    said = home("agreement", "export", "D9")
    Contract.model_validate_json(said.out)
    assert said.json["status"] == "offered"
    assert "signer" not in said.json
    text = said.json["term"][0]["offer"]["text"]
    assert all(word in text for word in ("HRESCH", "HIV", "30 days", "Patient.address", "DEID"))
    assert home("agreement", "export", "D9", "--format", "pdf").code == 2
    assert home("agreement", "export", "none").code == 4
