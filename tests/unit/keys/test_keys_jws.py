"""Signed statements and strict JSON (envelope.md 4), and the keys by which they are verified."""

import json
import os

import pytest

from keys import jws
from keys.algorithms import KEM, SIGNATURES
from keys.errors import KeyRefused, StatementRefused, UnknownKey
from keys.jwk import jwk_from_public, jwk_from_seed, kid_from_jwk, public_from_jwk
from keys.store.memory import MemoryKeyStore
from keys.syntax import SyntaxRefused, b64u, emit, parse, unb64u

NOW = 1_767_225_600


@pytest.fixture(scope="module")
def signing():
    """(signers, resolve) of one organisation."""
    store = MemoryKeyStore(os.urandom)
    for alg in jws.STATEMENT_SIGNATURES:
        store.create("sig", alg, nbf=NOW, exp=NOW + 100)
    keys = {(key.alg, key.kid): public_from_jwk(dict(key.jwk)).raw for key in store.public()}
    return jws.signers_from_store(store, at=NOW), lambda alg, kid: keys.get((alg, kid)), store


@pytest.mark.parametrize("typ", sorted(jws.TYPES))
def test_a_statement_comes_back_byte_for_byte(signing, typ):
    """Every kind of statement verifies to exactly the bytes that were signed, under its own `typ` only."""
    signers, resolve, _ = signing
    payload = b'{"b":1, "a":[true,null,"x"]}'
    signed = jws.sign(typ, payload, signers)
    verified = jws.verify(signed, typ, resolve)
    assert verified.payload == payload and verified.signers == tuple((s.alg, s.kid) for s in signers)
    other = sorted(jws.TYPES - {typ})[0]
    with pytest.raises(StatementRefused, match="type"):
        jws.verify(signed, other, resolve)


def test_refusals_say_which_rule(signing):
    """Stripped, unknown, altered, malformed: each has its word."""
    signers, resolve, _ = signing
    signed = jws.sign(jws.DECISION, b"{}", signers)
    bent = json.loads(signed)
    cases = {
        "algorithm": jws.sign(jws.DECISION, b"{}", signers[:1]),
        "signature": emit(bent | {"payload": b64u(b'{"a":1}')}),
        "syntax": signed + b" x",
    }
    for word, data in cases.items():
        with pytest.raises(StatementRefused, match=word):
            jws.verify(data, jws.DECISION, resolve)
    with pytest.raises(StatementRefused, match="issuer"):
        jws.verify(signed, jws.DECISION, lambda alg, kid: None)
    with pytest.raises(StatementRefused, match="syntax"):
        jws.verify(b" " * (jws.MAX_BYTES + 1), jws.DECISION, resolve)


def test_nothing_is_signed_that_nobody_may_read(signing):
    """A payload outside the strict syntax, an unknown `typ`, no signer: refused before signing."""
    signers, _, store = signing
    for payload in (b"[]", b"{", b'{"a":1.5}', '{"a":"é"}'.encode(), b'{"a":1,"a":2}', b'{"a":"\\n"}'):
        with pytest.raises(StatementRefused, match="syntax"):
            jws.sign(jws.DECISION, payload, signers)
    for typ, chosen in (("text", signers), (jws.DECISION, ())):
        with pytest.raises(StatementRefused):
            jws.sign(typ, b"{}", chosen)
    with pytest.raises(UnknownKey):
        jws.signers_from_store(store, at=NOW + 100)


def test_the_newest_live_key_signs():
    """In an overlap the successor signs; before and after its life a key does not."""
    store = MemoryKeyStore(os.urandom)
    old = store.create("sig", "Ed25519", nbf=NOW, exp=NOW + 100)
    new = store.create("sig", "Ed25519", nbf=NOW + 50, exp=NOW + 150)
    chosen = [jws.signers_from_store(store, ["Ed25519"], at=NOW + at)[0].kid for at in (0, 49, 50, 99, 149)]
    assert chosen == [old, old, new, new, new]


@pytest.mark.parametrize("text", ["A", "AA=", "A+/A", "AB", "AAAA\n", 7, None, "ÄA"])
def test_base64url_has_one_spelling(text):
    """Padding, other alphabets, stray bits, other types: refused."""
    with pytest.raises(SyntaxRefused):
        unb64u(text)


def test_base64url_length_is_exact():
    """A value of a fixed length is of that length."""
    assert unb64u(b64u(bytes(32)), 32) == bytes(32)
    with pytest.raises(SyntaxRefused):
        unb64u(b64u(bytes(31)), 32)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"nul", b'{"a":1}x', b"01", b"-0", b"1.0", b"1e3", b"NaN", b"Infinity", b"9007199254740992", b"1" * 5000,
     b'"\\u0041"', b'"\xc3\xa9"', b'"\x7f"', b"\t1", b"[" * 7 + b"]" * 7, b"[" * 100_000, b'{"a":1,"a":1}'],
)  # fmt: skip
def test_strict_json_refuses(data):
    """Nothing that two parsers could read differently, and no traceback of another kind."""
    with pytest.raises(SyntaxRefused):
        parse(data)


def test_strict_json_reads_the_rest():
    """The full depth, the largest integer, brackets inside strings; line ends only where asked."""
    assert parse(b"[[[[[[9007199254740991]]]]]]") == [[[[[[9007199254740991]]]]]]
    assert parse(b'"[[[[[[[["') == "[[[[[[[["
    assert parse(b'{\n\t"a": 1\r\n}', lines=True) == {"a": 1}
    with pytest.raises(SyntaxRefused):
        parse(b'"a\nb"', lines=True)


@pytest.mark.parametrize("alg", [*SIGNATURES, KEM])
def test_a_jwk_reads_back(alg):
    """Public JWK from a seed: guarded import gives the same kid and bytes."""
    jwk = jwk_from_seed(alg, bytes(range(32)))
    half = public_from_jwk(dict(jwk), use="sig")
    assert half.alg == alg and half.kid == kid_from_jwk(jwk) and jwk_from_public(alg, half.raw) == jwk


def test_foreign_and_private_jwks_are_refused():
    """No private member, no extra member, no other kind, no other length ever enters."""
    ed, ml = (dict(jwk_from_seed(alg, bytes(32))) for alg in ("Ed25519", "ML-DSA-65"))
    bad = [
        None, [], {}, ed | {"d": "AA"}, ed | {"kid": "x"}, ed | {"crv": "X25519"}, ed | {"kty": "EC"}, ed | {"x": ed["x"] + "="},
        ed | {"x": b64u(bytes(31))}, ml | {"priv": "AA"}, ml | {"alg": "ML-DSA-87"}, ml | {"alg": "Ed25519"}, ml | {"alg": 5},
        ml | {"pub": ed["x"]}, {"kty": "oct", "k": "AA"}, {"kty": "RSA", "n": "AQ", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": ed["x"], "y": ed["x"]},
    ]  # fmt: skip
    for jwk in bad:
        with pytest.raises(KeyRefused):
            public_from_jwk(jwk)


def _ed25519(y: int) -> dict[str, str]:
    return dict(jwk_from_public("Ed25519", y.to_bytes(32, "little")))


@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_weak_ed25519_keys_are_refused(sign):
    """ENV-08: small-order and unreduced y, whatever the sign bit."""
    p = 2**255 - 19
    eighth = int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    )
    for y in (0, 1, p - 1, eighth, p - eighth, p, p + 1, 2**255 - 1):
        with pytest.raises(KeyRefused):
            public_from_jwk(_ed25519(y | sign))


def test_weak_kem_keys_are_refused():
    """Guard 2: unreduced ML-KEM coefficients and a zero X25519 share do not survive one encapsulation."""
    good = unb64u(jwk_from_seed(KEM, bytes(32))["pub"])
    for bad in (b"\xff" * 1184 + good[1184:], good[:1184] + bytes(32), good[:1184] + b"\1" + bytes(31)):
        with pytest.raises(KeyRefused):
            public_from_jwk(dict(jwk_from_public(KEM, bad)))
