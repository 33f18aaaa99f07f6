"""Signed agreement statements: good by the local trust list and about exactly these bytes, or refused."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest

from consent.errors import Uncomputable
from gateway.directory.agreements import sign_statement, verify_statement
from keys import jws
from keys.errors import StatementRefused
from keys.jws import Signer, signers_from_store
from keys.member import member_from_store
from keys.store.memory import MemoryKeyStore
from keys.syntax import emit
from keys.trust import TrustList, trust_list

NOW = 1_795_255_200
YEAR = 365 * 86_400
DOCUMENT = json.dumps(
    {
        "id": "D1",
        "version": 1,
        "providers": ["north.example"],
        "recipients": ["east.example"],
        "effective": {"start": "2026-01-01"},
        "terms": [{"purposes": ["TREAT"]}],
    }
).encode()


def organisation(nbf: int = NOW - 100) -> MemoryKeyStore:
    store = MemoryKeyStore(os.urandom)
    for alg in ("Ed25519", "ML-DSA-65"):
        store.create("sig", alg, nbf=nbf, exp=nbf + YEAR)
    return store


def signers(store: MemoryKeyStore) -> tuple[Signer, ...]:
    return signers_from_store(store, at=NOW)


STORES = {id: organisation() for id in ("north.example", "east.example", "far.example")}


@pytest.fixture(scope="module")
def trust() -> TrustList:
    """Three members with live signing keys."""
    return trust_list(1, NOW + YEAR, [member_from_store(store, id) for id, store in STORES.items()])


def signed(org: str = "north.example", by: str = "north.example", **changes: Any) -> bytes:
    good: dict[str, Any] = {"action": "sign", "org": org, "by": "Caldicott Guardian", "at": NOW}
    return sign_statement(DOCUMENT, signers(STORES[by]), **(good | changes))


def payload(**changes: Any) -> dict[str, Any]:
    made = json.loads(jws.parse(signed(), jws.AGREEMENT).payload) | changes
    return {name: value for name, value in made.items() if value != "absent"}


@pytest.mark.parametrize("org", ["north.example", "east.example"])
@pytest.mark.parametrize("action", ["sign", "suspend", "resume", "terminate"])
def test_a_statement_of_a_party_is_good(trust: TrustList, org: str, action: str) -> None:
    """Either party may make each statement; what comes back is what was signed, with the JWS kept."""
    statement = signed(org, org, action=action, effective=NOW + 86_400)
    good = verify_statement(statement, trust=trust, document=DOCUMENT, now=NOW)
    assert (good.agreement, good.version, good.org, good.action) == ("D1", 1, org, action)
    assert good.at == datetime.fromtimestamp(NOW, UTC)
    assert good.effective == datetime.fromtimestamp(NOW + 86_400, UTC)
    assert good.jws == statement


def test_nobody_signs_for_another(trust: TrustList) -> None:
    """A good signature by another member, or by a stranger, in the name of a party is refused."""
    with pytest.raises(StatementRefused, match="issuer"):
        verify_statement(signed(by="east.example"), trust=trust, document=DOCUMENT, now=NOW)
    stranger = sign_statement(
        DOCUMENT, signers(organisation()), action="sign", org="north.example", by="x", at=NOW
    )
    with pytest.raises(StatementRefused, match="issuer"):
        verify_statement(stranger, trust=trust, document=DOCUMENT, now=NOW)


def test_a_member_that_is_no_party_has_no_say(trust: TrustList) -> None:
    """Neither signing nor verifying takes a statement of a third organisation."""
    with pytest.raises(StatementRefused, match="claims"):
        signed("far.example", "far.example")
    forged = jws.sign(jws.AGREEMENT, emit(payload(org="far.example")), signers(STORES["far.example"]))
    with pytest.raises(StatementRefused, match="claims"):
        verify_statement(forged, trust=trust, document=DOCUMENT, now=NOW)


@pytest.mark.parametrize("document", [DOCUMENT + b" ", DOCUMENT.replace(b"TREAT", b"HMARKT"), b"{}", b""])
def test_any_other_bytes_are_another_document(trust: TrustList, document: bytes) -> None:
    """One space more and the signature is not about it."""
    with pytest.raises(StatementRefused, match="claims"):
        verify_statement(signed(), trust=trust, document=document, now=NOW)


def test_keys_must_be_live_when_it_was_signed(trust: TrustList) -> None:
    """Before and after the life of the key, and from the future, a statement is refused."""
    for at in (NOW - 101, NOW - 100 + YEAR):
        with pytest.raises(StatementRefused, match="issuer"):
            verify_statement(signed(at=at), trust=trust, document=DOCUMENT, now=NOW + 2 * YEAR)
    with pytest.raises(StatementRefused, match="claims"):
        verify_statement(signed(at=NOW + 61), trust=trust, document=DOCUMENT, now=NOW)
    verify_statement(signed(at=NOW + 60), trust=trust, document=DOCUMENT, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"version": 0},
        {"version": 2},
        {"version": "1"},
        {"agreement": "D2"},
        {"agreement": "../D1"},
        {"action": "approve"},
        {"action": ["sign"]},
        {"by": ""},
        {"at": "now"},
        {"at": None},
        {"at": 2**53 - 1},
        {"effective": "x"},
        {"document_sha256": "AAAA"},
        {"document_sha256": "A" * 43},
        {"extra": 1},
        {"by": "absent"},
        {"org": 7},
    ],
    ids=range(18),
)
def test_a_payload_of_another_form_is_refused(trust: TrustList, changes: Any) -> None:
    """Every member exactly once, of its type and form, though both signatures hold."""
    forged = jws.sign(jws.AGREEMENT, emit(payload(**changes)), signers(STORES["north.example"]))
    with pytest.raises(StatementRefused, match="claims"):
        verify_statement(forged, trust=trust, document=DOCUMENT, now=NOW)


def test_both_signatures_are_needed_under_the_right_type(trust: TrustList) -> None:
    """One signature of two, another statement's type, and damaged bytes are refused."""
    body = emit(payload())
    one = jws.sign(jws.AGREEMENT, body, signers(STORES["north.example"])[:1])
    other = jws.sign(jws.DECISION, body, signers(STORES["north.example"]))
    good = signed()
    for bad in (one, other, b"", b"{}", good[:-1], good.replace(b"A", b"B", 1)):
        with pytest.raises(StatementRefused):
            verify_statement(bad, trust=trust, document=DOCUMENT, now=NOW)


def test_only_an_agreement_can_be_signed() -> None:
    """A document that does not compute is refused before a key is used."""
    with pytest.raises(Uncomputable):
        sign_statement(
            b"{}", signers(STORES["north.example"]), action="sign", org="north.example", by="x", at=NOW
        )
