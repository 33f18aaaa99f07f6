"""The register of clients: what may be registered, and that it is kept as registered."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey
from sqlalchemy import Connection, create_engine

from gateway.authn import sql
from gateway.authn.client_keys import JWKS_BYTES, JWKS_KEYS, enc_key_from_jwk, keys_from_jwks
from gateway.authn.clients import Client, client_from_registration
from gateway.authn.errors import ClientExists, RegistrationRefused, UnknownClient
from keys.jwk import jwk_from_seed

KEY = ECKey.generate_key("P-384", {"kid": "es"}).as_dict(private=False)
KEM = json.dumps(dict(jwk_from_seed("HPKE-9-KE", bytes(32)))).encode()


def jwks(*keys: Any) -> bytes:
    return json.dumps({"keys": list(keys or [KEY])}).encode()


def registered(**changes: Any) -> Client:
    good: dict[str, Any] = {
        "id": "ward",
        "organisation": "st-brides",
        "jwks": jwks(),
        "scope": ["system/Patient.rs system/Observation.rs"],
        "purposes": ["TREAT"],
    }
    return client_from_registration(**(good | changes))


@pytest.fixture
def connection() -> Iterator[Connection]:
    """An empty register."""
    engine = create_engine("sqlite://")
    sql.metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "Ward"},
        {"id": ""},
        {"id": "a/b"},
        {"id": "x" * 65},
        {"organisation": "a b"},
        {"organisation": ""},
        {"scope": []},
        {"scope": ["system/Patient.read"]},
        {"scope": ["system/Patient.rs", "user/Patient.r"]},
        {"purposes": []},
        {"purposes": ["treat"]},
        {"roles": ["a b"]},
        {"reach": "world"},
        {"audience": "any"},
        {"sealed": "maybe"},
        {"sealed": "required"},
        {"sealed": "off", "enc": [enc_key_from_jwk(KEM, nbf=0, exp=9)]},
        {"jwks": "https://client.example/jwks.json"},
    ],
    ids=range(18),
)
def test_a_registration_that_could_not_work_is_refused(changes: Any) -> None:
    """Every field has its form; a JWKS URL is not offered yet and says so; sealing needs a key."""
    with pytest.raises(RegistrationRefused):
        registered(**changes)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"keys":[]}',
        b'{"keys":{}}',
        b'{"keys":[7]}',
        b'{"keys":[{}]}',
        b"\xff",
        b'{"keys":[],"keys":[]}',
        jwks({**KEY, "alg": "ES256"}),
        jwks({**KEY, "use": "enc"}),
        jwks({**KEY, "kid": ""}),
        jwks({**KEY, "kid": 7}),
        jwks({**KEY, "crv": "P-256"}),
        jwks({**KEY, "x": KEY["y"]}),
        jwks({**KEY, "x": 7}),
        jwks({**KEY, "kty": "RSA"}),
        jwks({**KEY, "kty": ["EC"]}),
        jwks({"kty": "oct", "k": "AAAA", "kid": "o"}),
        jwks({"kty": "OKP", "crv": "X25519", "x": "A" * 43, "kid": "x"}),
        jwks({**KEY, "d": "AAAA"}),
        jwks({"kty": "RSA", "n": "", "e": "AQAB", "kid": "r"}),
        jwks({"kty": "RSA", "n": "!", "e": "AQAB", "kid": "r"}),
    ],
    ids=range(24),
)
def test_what_is_no_set_of_usable_public_keys_is_refused(data: bytes) -> None:
    """Bad JSON, private members, other curves, points off the curve: refused, never a traceback."""
    with pytest.raises(RegistrationRefused):
        keys_from_jwks(data)


def test_a_small_order_ed25519_key_is_refused() -> None:
    """Under such a key one signature fits most messages."""
    good = OKPKey.generate_key("Ed25519", {"kid": "e"}).as_dict(private=False)
    assert keys_from_jwks(jwks(good))[0].alg == "Ed25519"
    with pytest.raises(RegistrationRefused):
        keys_from_jwks(jwks({**good, "x": "AQ" + "A" * 41}))


def test_limits_of_a_jwks() -> None:
    """20 keys and 64 KiB are read, one more of either is not."""
    twenty = [{**KEY, "kid": str(n)} for n in range(JWKS_KEYS)]
    assert len(keys_from_jwks(jwks(*twenty))) == JWKS_KEYS
    with pytest.raises(RegistrationRefused):
        keys_from_jwks(jwks(*twenty, {**KEY, "kid": "more"}))
    padded = jwks()
    assert keys_from_jwks(padded + b" " * (JWKS_BYTES - len(padded)))
    with pytest.raises(RegistrationRefused):
        keys_from_jwks(padded + b" " * (JWKS_BYTES - len(padded) + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        jwks(),
        json.dumps(KEY).encode(),
        KEM.replace(b"HPKE-9-KE", b"X"),
        json.dumps({**json.loads(KEM), "priv": "AAAA"}).encode(),
    ],
    ids=range(7),
)
def test_an_encryption_key_is_a_public_kem_key(data: bytes) -> None:
    """A signature key, a private key or a damaged one is never sealed to."""
    with pytest.raises(RegistrationRefused):
        enc_key_from_jwk(data, nbf=0, exp=1)


def test_a_client_is_kept_as_registered(connection: Connection) -> None:
    """Every field survives the store; ids are unique; unknown ids are told."""
    whole = registered(
        roles=["doctor"],
        reach="federation",
        may_declare_emergency=True,
        may_record_consent=True,
        audience="issuer",
        sealed="required",
        enc=[enc_key_from_jwk(KEM, nbf=10, exp=20)],
        scope=["system/Observation.rs?category=laboratory"],
    )
    sql.add_client(connection, whole, at=1)
    sql.add_client(connection, registered(id="other"), at=1)
    assert sql.find_client(connection, "ward") == whole
    assert [client.id for client in sql.list_clients(connection)] == ["other", "ward"]
    with pytest.raises(ClientExists):
        sql.add_client(connection, whole, at=2)
    with pytest.raises(UnknownClient):
        sql.set_status(connection, "nobody", "disabled", at=2)
    assert sql.find_client(connection, "nobody") is None


def test_refusals_name_the_field_and_never_the_value() -> None:
    """What an operator mistyped may be a secret: messages are constant."""
    with pytest.raises(RegistrationRefused) as caught:
        registered(id="Canary Value")
    assert "anary" not in str(caught.value)
