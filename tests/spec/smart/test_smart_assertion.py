"""Steps 1 to 5 of the token endpoint: every refusal, and the few assertions that are accepted."""

import base64
import hashlib
import hmac
import json
import threading
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.authn import sql
from gateway.authn.client_assertion import Limits
from gateway.authn.clients import client_from_registration
from gateway.authn.errors import RegistrationRefused
from gateway.authn.tokens import Endpoint, OAuthError, TokenResponse

NOW = 1_795_255_200
URL = "https://node.north.example/oauth/token"


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["ES384", "RS384", "Ed25519"])
def test_smart_each_registered_algorithm_gets_a_token(node: Any, alg: str) -> None:
    """ES384, RS384 and Ed25519 keys of a registered client all work, for 300 seconds."""
    answer = node.ask(node.assertion(alg=alg))
    assert isinstance(answer, TokenResponse)
    assert answer.body() == {
        "access_token": answer.access_token,
        "token_type": "bearer",
        "expires_in": 300,
        "scope": "system/Patient.rs",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"jwk": {"kty": "EC"}},
        {"jku": URL},
        {"x5u": URL},
        {"x5c": ["MIIB"]},
        {"b64": True},
        {"zip": "DEF"},
        {"typ": "at+jwt"},
        {"typ": "jwt"},
        {"typ": None},
        {"kid": None},
        {"kid": 7},
        {"cty": "JWT"},
    ],
    ids=lambda change: "-".join(f"{k}={v}" for k, v in change.items()),
)
def test_smart_header_is_exactly_alg_kid_typ(
    node: Any, refused: Any, sign: Any, keys: Any, change: Any
) -> None:
    """A key, an address, an option or another type in the header is refused, though the signature holds."""
    header = {"alg": "ES384", "kid": "es", "typ": "JWT"} | change
    header = {name: value for name, value in header.items() if value is not None}
    signed = _signed(header, node.claims(), keys["ES384"])
    refused(node.ask(signed), 1)


def _signed(header: dict[str, Any], claims: dict[str, Any], key: ECKey) -> str:
    """ES384 by hand: a JOSE library would refuse to write some of these headers."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA384

    body = f"{b64u(json.dumps(header).encode())}.{b64u(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(key.private_key.sign(body.encode(), ECDSA(SHA384())))
    return f"{body}.{b64u(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"


def test_smart_the_hand_made_signature_is_a_good_one(node: Any, keys: Any) -> None:
    """The helper above signs what is accepted, so that its refusals are about the header alone."""
    signed = _signed({"alg": "ES384", "kid": "es", "typ": "JWT"}, node.claims(), keys["ES384"])
    assert isinstance(node.ask(signed), TokenResponse)


def test_smart_crit_is_refused(node: Any, refused: Any, keys: Any) -> None:
    """An extension that must be understood is not understood (RFC 7515 4.1.11)."""
    header = {"alg": "ES384", "kid": "es", "typ": "JWT", "crit": ["exp"], "exp": 1}
    refused(node.ask(_signed(header, node.claims(), keys["ES384"])), 1)


def test_K_3_alg_none_is_refused(node: Any, refused: Any) -> None:
    """`none`, in any spelling and with any signature, is refused before a key is touched."""
    for alg in ("none", "None", "NONE", ""):
        header = b64u(json.dumps({"alg": alg, "kid": "es", "typ": "JWT"}).encode())
        for signature in ("", "AAAA"):
            refused(node.ask(f"{header}.{b64u(json.dumps(node.claims()).encode())}.{signature}"), 1)


def test_K_3_hmac_with_the_public_key_is_refused(node: Any, refused: Any, keys: Any) -> None:
    """HS256/384 keyed with the registered public key as text is refused at the algorithm."""
    for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384)):
        for secret in (
            keys["RS384"].as_pem(private=False),
            json.dumps(keys["ES384"].as_dict(private=False)).encode(),
        ):
            for kid in ("rs", "es"):
                header = b64u(json.dumps({"alg": alg, "kid": kid, "typ": "JWT"}).encode())
                body = f"{header}.{b64u(json.dumps(node.claims()).encode())}"
                mac = hmac.new(secret, body.encode(), digest).digest()
                refused(node.ask(f"{body}.{b64u(mac)}"), 1)


def test_K_3_zero_signature_is_refused(node: Any, refused: Any) -> None:
    """r = s = 0, an empty and a short signature are no signature."""
    for alg, kid, length in (
        ("ES384", "es", 96),
        ("Ed25519", "ed", 64),
        ("RS384", "rs", 384),
        ("ES384", "es", 1),
    ):
        header = b64u(json.dumps({"alg": alg, "kid": kid, "typ": "JWT"}).encode())
        refused(node.ask(f"{header}.{b64u(json.dumps(node.claims()).encode())}.{b64u(bytes(length))}"), 2)


@pytest.mark.parametrize(
    ("alg", "kid", "key"),
    [
        ("RS256", "rs", "RS384"),
        ("PS384", "rs", "RS384"),
        ("RS512", "rs", "RS384"),
        ("EdDSA", "ed", "Ed25519"),
    ],
)
def test_K_3_another_algorithm_of_the_same_key_is_refused(
    node: Any, refused: Any, sign: Any, keys: Any, alg: str, kid: str, key: str
) -> None:
    """One key, one algorithm: a good signature by the same key under another algorithm is refused."""
    refused(node.ask(sign({"alg": alg, "kid": kid, "typ": "JWT"}, node.claims(), keys[key])), 1)


def test_A_4_algorithm_must_fit_the_key_that_kid_names(node: Any, refused: Any, sign: Any, keys: Any) -> None:
    """An ES384 signature that names the RSA key, or a key of nobody, is refused."""
    for kid in ("rs", "ed", "nobody", "", "es ", "../es"):
        refused(node.ask(sign({"alg": "ES384", "kid": kid, "typ": "JWT"}, node.claims(), keys["ES384"])), 2)


def test_A_4_two_keys_for_one_kid_do_not_register(keys: Any) -> None:
    """Which of two keys was meant is never a guess."""
    entries = [
        keys["ES384"].as_dict(private=False) | {"kid": "k"},
        keys["Ed25519"].as_dict(private=False) | {"kid": "k"},
    ]
    with pytest.raises(RegistrationRefused):
        client_from_registration(
            "twice", "st-brides", json.dumps({"keys": entries}).encode(), ["system/Patient.r"], ["TREAT"]
        )


def test_A_4_another_clients_key_does_not_sign_for_this_one(node: Any, refused: Any, sign: Any) -> None:
    """A key opens the door of its own client alone."""
    foreign = ECKey.generate_key("P-384", {"kid": "es"})
    node.register("other", jwks=json.dumps({"keys": [foreign.as_dict(private=False)]}).encode())
    refused(node.ask(sign({"alg": "ES384", "kid": "es", "typ": "JWT"}, node.claims("ward"), foreign)), 2)
    assert isinstance(
        node.ask(sign({"alg": "ES384", "kid": "es", "typ": "JWT"}, node.claims("other"), foreign)),
        TokenResponse,
    )


def test_X_5_a_huge_assertion_is_refused_by_its_length(node: Any, refused: Any) -> None:
    """At the limit an assertion is read, one byte over it is not; a megabyte costs nothing."""
    text = node.assertion()
    node.endpoint = Endpoint(node.endpoint.token_url, node.endpoint.issuer, Limits(assertion_bytes=len(text)))
    assert isinstance(node.ask(text), TokenResponse)
    node.endpoint = Endpoint(
        node.endpoint.token_url, node.endpoint.issuer, Limits(assertion_bytes=len(text) - 1)
    )
    refused(node.ask(node.assertion()), 1)
    refused(node.ask("a." * 500_000), 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        "e30.e30.AA==",
        "e30.e30.A A",
        "e30.bnVsbA.AAAA",
        "bnVsbA.e30.AAAA",
        "e30.e30.AB",
        "e30\n.e30.AAAA",
    ],
)
def test_smart_what_is_no_compact_jws_is_refused(node: Any, refused: Any, text: str) -> None:
    """Malformed serialisations, padding and non-canonical base64url end in step 1, never in a traceback."""
    refused(node.ask(text), 1)


def test_smart_duplicate_claims_are_refused(node: Any, refused: Any, sign: Any, keys: Any) -> None:
    """Two readings of one assertion are none: a duplicate member is refused though the signature holds."""
    payload = json.dumps(node.claims())[:-1] + ',"sub":"ward"}'
    refused(node.ask(sign({"alg": "ES384", "kid": "es", "typ": "JWT"}, payload.encode(), keys["ES384"])), 1)


@pytest.mark.parametrize(
    "aud",
    [
        [URL],
        [URL, "https://elsewhere.example"],
        URL + "/",
        URL.upper(),
        URL[:-1],
        URL + "?a=b",
        "https://node.north.example",
        "http://node.north.example/oauth/token",
        "",
        7,
        None,
        True,
    ],
)
def test_A_2_audience_is_one_string_equal_by_bytes(node: Any, refused: Any, aud: Any) -> None:
    """An array, a prefix, a slash, another case or the issuer in place of the token URL is refused."""
    refused(node.ask(node.assertion(aud=aud)), 3)


def test_A_2_a_client_registered_for_the_issuer_names_the_issuer(node: Any, refused: Any) -> None:
    """FAPI's issuer audience is a setting of the registration, and then the token URL is refused."""
    node.register("fapi", audience="issuer")
    assert isinstance(node.ask(node.assertion("fapi", aud="https://node.north.example")), TokenResponse)
    refused(node.ask(node.assertion("fapi")), 3)


def test_A_2_issuer_subject_and_client_id_are_one(node: Any, refused: Any) -> None:
    """`iss`, `sub` and a `client_id` of the form must be the same string."""
    refused(node.ask(node.assertion(sub="other")), 3)
    refused(node.ask(node.assertion(sub=None)), 3)
    refused(node.ask(node.assertion(sub=["ward"])), 3)
    refused(node.ask(node.assertion(), client_id="other"), 3)
    assert isinstance(node.ask(node.assertion(), client_id="ward"), TokenResponse)


@pytest.mark.parametrize(
    "iss", ["nobody", "", "WARD", "ward\0", "\ud800", 7, None, ["ward"], "x" * 65, "ward' or 1=1"]
)
def test_smart_an_unknown_issuer_is_refused(node: Any, refused: Any, iss: Any) -> None:
    """A client that nobody registered, or an `iss` that is no id, looks like a wrong key."""
    answer = node.ask(node.assertion(iss=iss))
    assert isinstance(answer, OAuthError)
    refused(answer, 1 if iss == "\ud800" else 2)


@pytest.mark.parametrize(
    "exp",
    [
        None,
        NOW + 360,
        NOW + 311,
        NOW - 11,
        NOW - 61,
        float(NOW + 100),
        NOW + 0.5,
        str(NOW + 100),
        -1,
        2**63,
        True,
        [NOW],
        float("1e300"),
    ],
)
def test_A_3_expiry_is_a_near_integer(node: Any, refused: Any, exp: Any) -> None:
    """Absent, too far ahead, past, fractional, text, negative or huge: refused."""
    refused(node.ask(node.assertion(exp=exp)), 4)


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW + 300},
        {"exp": NOW + 310},
        {"exp": NOW - 9},
        {"iat": NOW + 9},
        {"nbf": NOW + 9},
        {"iat": None},
        {"nbf": NOW - 5000},
    ],
)
def test_T_2_times_within_the_skew_are_accepted(node: Any, changes: Any) -> None:
    """A clock wrong by less than ten seconds is no reason to refuse; `iat` and `nbf` are optional."""
    assert isinstance(node.ask(node.assertion(**changes)), TokenResponse)


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": NOW + 61},
        {"iat": NOW + 11},
        {"nbf": NOW + 61},
        {"nbf": str(NOW)},
        {"iat": float(NOW)},
        {"iat": False},
        {"nbf": -1},
    ],
)
def test_T_2_assertions_of_the_future_are_refused(node: Any, refused: Any, changes: Any) -> None:
    """`iat` and `nbf` beyond the skew, or no integers, are refused."""
    refused(node.ask(node.assertion(**changes)), 4)


@pytest.mark.parametrize("jti", [None, "", 7, "a\0b", "x" * 257, ["j"]])
def test_smart_a_jti_is_needed(node: Any, refused: Any, jti: Any) -> None:
    """Without a usable `jti` single use cannot be kept."""
    refused(node.ask(node.assertion(jti=jti)), 5)


def test_hl7_fhir_uv_smart_app_launch_2_2_0__336_jti_is_single_use(node: Any, refused: Any) -> None:
    """The same assertion, or another one of the same client with the same `jti`, gets no second token."""
    text = node.assertion(jti="once")
    assert isinstance(node.ask(text), TokenResponse)
    refused(node.ask(text), 5)
    refused(node.ask(node.assertion(alg="RS384", jti="once")), 5)


def test_smart_a_jti_is_spent_by_a_refusal_of_a_later_step(node: Any, refused: Any) -> None:
    """An assertion that proved its client is used up, whatever its scope and claims then said."""
    text = node.assertion(jti="late")
    refused(node.ask(text, scope="system/Consent.c"), 6, "invalid_scope")
    refused(node.ask(text), 5)


def test_smart_a_jti_is_not_spent_by_a_stranger(node: Any, refused: Any) -> None:
    """Whoever cannot sign cannot use up the `jti` of somebody who can."""
    text = node.assertion(jti="mine")
    refused(node.ask(text[:-8] + "AAAAAAAA"), 2)
    assert isinstance(node.ask(text), TokenResponse)


def test_smart_a_jti_of_another_client_is_another(node: Any) -> None:
    """Two clients may draw the same `jti`."""
    node.register("other")
    assert isinstance(node.ask(node.assertion(jti="same")), TokenResponse)
    assert isinstance(node.ask(node.assertion("other", jti="same")), TokenResponse)


def test_A_1_one_jti_fifty_at_once_gives_one_token(node: Any) -> None:
    """Fifty threads post the same assertion: exactly one token, forty-nine refusals at step 5."""
    text = node.assertion()
    answers: list[Any] = []
    start = threading.Barrier(50)

    def post() -> None:
        start.wait()
        answers.append(node.ask(text))

    threads = [threading.Thread(target=post) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(answer, TokenResponse) for answer in answers) == 1
    assert sum(isinstance(answer, OAuthError) and answer.step == 5 for answer in answers) == 49


def test_A_1_a_jti_is_kept_past_its_expiry(node: Any, refused: Any) -> None:
    """The purge of an hour later keeps it, so a clock set back re-opens nothing."""
    text = node.assertion(jti="kept")
    assert isinstance(node.ask(text), TokenResponse)
    with node.engine.begin() as connection:
        sql.purge(connection, now=NOW + 3600)
    refused(node.ask(text), 5)


def test_A_4_a_disabled_client_gets_no_token(node: Any, refused: Any) -> None:
    """Disabling binds the next request; enabling restores it."""
    with node.engine.begin() as connection:
        sql.set_status(connection, "ward", "disabled", at=NOW)
    refused(node.ask(node.assertion()), 2)
    with node.engine.begin() as connection:
        sql.set_status(connection, "ward", "enabled", at=NOW)
    assert isinstance(node.ask(node.assertion()), TokenResponse)


@pytest.mark.parametrize("bits", [1024, 2048, 3064])
def test_K_3_short_rsa_does_not_register(bits: int) -> None:
    """RSA keys are at least 3072 bits."""
    key = RSAKey.generate_key(bits, {"kid": "short"})
    with pytest.raises(RegistrationRefused):
        client_from_registration(
            "short",
            "st-brides",
            json.dumps({"keys": [key.as_dict(private=False)]}).encode(),
            ["system/Patient.r"],
            ["TREAT"],
        )


def test_K_3_symmetric_and_private_keys_do_not_register(keys: Any) -> None:
    """A register of secrets is no register of public keys."""
    for entry in (
        OctKey.generate_key(256, {"kid": "o"}).as_dict(private=True),
        keys["ES384"].as_dict(private=True),
    ):
        with pytest.raises(RegistrationRefused):
            client_from_registration(
                "secret", "st-brides", json.dumps({"keys": [entry]}).encode(), ["system/Patient.r"], ["TREAT"]
            )
