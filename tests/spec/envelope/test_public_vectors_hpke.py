"""Public vectors of the KEMs and of suite 1 against our own functions (envelope.md 18).

Wycheproof lies beside a checkout, in `../shared/vectors`; the HPKE files come with the package
`cryptography_vectors` of the version of `cryptography` (56 MB, so it is no dependency: `pip install` it to run
them). Where something is absent the tests skip and say so.
"""

import importlib.util
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from keys import jws, p256
from keys.algorithms import CLASSICAL_KEM, KEM, public_from_seed, verifies, wrap_to
from keys.errors import KeyRefused, StatementRefused
from keys.jwk import jwk_from_public, public_from_jwk

SHARED = Path(__file__).parents[4] / "shared" / "vectors"
XWING, P256 = 0x647A, 0x0010


def packaged(name):
    """A file of `cryptography_vectors`, or a skip."""
    found = importlib.util.find_spec("cryptography_vectors")
    if found is None or found.origin is None:
        pytest.skip("public vectors are not at hand: pip install cryptography_vectors")
    return json.loads((Path(found.origin).parent / name).read_text("utf-8"))


def wycheproof(name):
    """(group, test) pairs of a Wycheproof file, or a skip."""
    path = SHARED / "wycheproof" / f"{name}_test.json"
    if not path.exists():
        pytest.skip(f"public vectors are not at hand: {name}")
    return [
        (group, test)
        for group in json.loads(path.read_text("utf-8"))["testGroups"]
        for test in group["tests"]
    ]


def test_rfc_9180_key_pairs_of_p256():
    """`DeriveKeyPair` of every P-256 vector, for both sides: our scalar and our point."""
    seen = 0
    for vector in packaged("HPKE/test-vectors.json"):
        if vector["kem_id"] != P256:
            continue
        for side in ("R", "E", "S"):
            if f"ikm{side}" not in vector:
                continue
            seed = bytes.fromhex(vector[f"ikm{side}"])
            assert p256.scalar_from_seed(seed).to_bytes(32, "big").hex() == vector[f"sk{side}m"]
            assert p256.point_from_seed(seed).hex() == vector[f"pk{side}m"]
            seen += 1
    assert seen >= 64


def expanded(secret, suite, label, info, length):
    """LabeledExpand of RFC 9180 section 4."""
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(SHA256(), length, labelled).derive(secret)


def extracted(salt, suite, label, secret):
    """LabeledExtract of RFC 9180 section 4."""
    return HKDF.extract(SHA256(), salt or None, b"HPKE-v1" + suite + label + secret)


def opened_by_hand(seed, enc, info, aad, ciphertext):
    """DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode, step by step from RFC 9180."""
    private, kem = p256.private_from_seed(seed), b"KEM\x00\x10"
    shared = private.exchange(ec.ECDH(), p256.public_from_point(enc))
    secret = expanded(
        extracted(b"", kem, b"eae_prk", shared), kem, b"shared_secret", enc + p256.point_from_seed(seed), 32
    )
    hpke = b"HPKE\x00\x10\x00\x01\x00\x02"
    context = b"\0" + extracted(b"", hpke, b"psk_id_hash", b"") + extracted(b"", hpke, b"info_hash", info)
    base = extracted(secret, hpke, b"secret", b"")
    key, nonce = expanded(base, hpke, b"key", context, 32), expanded(base, hpke, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, ciphertext, aad)


def test_rfc_9180_messages_of_suite_1():
    """RFC 9180 by hand opens the published message of this suite, and so what we seal: they are one scheme."""
    opened = 0
    for vector in packaged("HPKE/test-vectors.json"):
        if (vector["mode"], vector["kem_id"], vector["kdf_id"], vector["aead_id"]) != (0, P256, 1, 2):
            continue
        first = vector["encryptions"][0]
        parts = [
            bytes.fromhex(text) for text in (vector["ikmR"], vector["enc"], vector["info"], first["aad"])
        ]
        assert opened_by_hand(*parts, bytes.fromhex(first["ct"])).hex() == first["pt"]
        opened += 1
    assert opened >= 1


def test_suite_1_seals_as_rfc_9180_says():
    """What `wrap_to` seals is opened step by step from RFC 9180, and nothing under another info."""
    seed, info = b"\x05" * 32, b"carepact/cek"
    sealed = wrap_to(p256.point_from_seed(seed), b"a key of an envelope", info, CLASSICAL_KEM)
    assert opened_by_hand(seed, sealed[:65], info, b"", sealed[65:]) == b"a key of an envelope"
    with pytest.raises(InvalidTag):
        opened_by_hand(seed, sealed[:65], info + b"x", b"", sealed[65:])


def test_hpke_pq_key_pairs_of_xwing():
    """The public key of every X-Wing seed of the draft is ours."""
    found = [vector for vector in packaged("HPKE/hpke-pq-test-vectors.json") if vector["kem_id"] == XWING]
    for vector in found:
        assert public_from_seed(KEM, bytes.fromhex(vector["skRm"])).hex() == vector["pkRm"]
    assert len(found) >= 2


def test_wycheproof_es256():
    """All 262 as marked: `r ‖ s` of 64 bytes, nothing shorter, longer, zero or of another key."""
    found = wycheproof("ecdsa_secp256r1_sha256_p1363")
    for group, test in found:
        public = bytes.fromhex(group["publicKey"]["uncompressed"])
        held = verifies("ES256", public, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        assert held == (test["result"] == "valid"), test["tcId"]
        assert public_from_jwk(dict(jwk_from_public("ES256", public)), use="sig").raw == public
    assert len(found) == 262


def test_wycheproof_json_web_crypto_is_refused_whole():
    """Compact JWS and JWE of other tables: none parses as a statement, whatever its signature is worth."""
    found = wycheproof("json_web_crypto")
    for _, test in found:
        text = test.get("jws") or test.get("jwe") or ""
        for data in (text, json.dumps(text), json.dumps({"payload": text, "signatures": []})):
            raw = data if isinstance(data, str) else json.dumps(data)
            with pytest.raises(StatementRefused):
                jws.verify(raw.encode(), jws.MANIFEST, lambda alg, kid: bytes(32))
    assert len(found) > 80


def test_wycheproof_ec_keys_enter_for_their_use_alone():
    """Of the EC keys in Wycheproof's JWK files none enters with its extra members, or without a use."""
    found = wycheproof("json_web_key")
    refused = 0
    for group, _ in found:
        shown = group.get("public") or group.get("private") or {}
        for key in shown.get("keys", [shown]):
            for use in (None, "sig", "enc"):
                with pytest.raises(KeyRefused):
                    public_from_jwk(key, use=use)
                refused += 1
    assert refused >= 26
