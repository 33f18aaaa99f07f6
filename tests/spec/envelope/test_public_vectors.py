"""Public vectors held against our own functions (envelope.md 18, trust-and-ledger.md 16).

The files lie beside a checkout, in `../shared/vectors`, with provenance and licences; they are never copied
here. Where they are absent the tests skip and say so.
"""

import base64
import hashlib
import json
import zlib
from pathlib import Path

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwcrypto import jwk as oracle_jwk
from jwcrypto import jws as oracle_jws

from keys import jws, ledger
from keys.algorithms import KEM, unwrap_with, verifies
from keys.errors import KeyRefused, ProofRefused, StatementRefused
from keys.jwk import jwk_from_public, jwk_from_seed, kid_from_jwk, public_from_jwk
from keys.note import key_from_vkey, verify_note
from keys.syntax import unb64u

VECTORS = Path(__file__).parents[4] / "shared" / "vectors"
SLICE = 256 * 1024


def load(name):
    """A JSON file of the vectors, or a skip."""
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"public vectors are not at hand: {name}")
    return json.loads(path.read_text("utf-8"))


def cases(name):
    """(group, test) pairs of a Wycheproof file."""
    return [
        (group, test)
        for group in load(f"wycheproof/{name}_test.json")["testGroups"]
        for test in group["tests"]
    ]


def test_wycheproof_ed25519():
    """All 151 as marked."""
    found = cases("ed25519")
    for group, test in found:
        public = bytes.fromhex(group["publicKey"]["pk"])
        held = verifies("Ed25519", public, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        assert held == (test["result"] == "valid"), test["tcId"]
    assert len(found) == 151


def test_wycheproof_mldsa_65():
    """All 210 as marked, but that a non-empty context never verifies here: ours is the empty one."""
    found = cases("mldsa_65_verify")
    for group, test in found:
        held = verifies(
            "ML-DSA-65",
            bytes.fromhex(group["publicKey"]),
            bytes.fromhex(test["sig"]),
            bytes.fromhex(test["msg"]),
        )
        assert held == (test["result"] == "valid" and not test.get("ctx")), test["tcId"]
    assert len(found) == 210


def kem_key_is_taken(lattice, curve):
    """Whether an X-Wing key of these halves passes the import guard."""
    try:
        public_from_jwk(dict(jwk_from_public(KEM, lattice + curve)))
    except KeyRefused:
        return False
    return True


def test_wycheproof_mlkem_768_as_one_half():
    """Guard 2: an ML-KEM half is taken exactly if it is valid, beside an honest X25519 half."""
    curve = unb64u(jwk_from_seed(KEM, bytes(32))["pub"])[1184:]
    found = cases("mlkem_768_encaps")
    for _, test in found:
        assert kem_key_is_taken(bytes.fromhex(test["ek"]), curve) == (test["result"] == "valid"), test["tcId"]
    assert len(found) == 265


def test_wycheproof_low_order_x25519_as_the_other_half():
    """Guard 2: shares that lead to a zero secret are refused beside an honest ML-KEM half."""
    lattice = unb64u(jwk_from_seed(KEM, bytes(32))["pub"])[:1184]
    low = [
        test
        for _, test in cases("x25519")
        if "LowOrderPublic" in test["flags"] and int(test["shared"], 16) == 0
    ]
    assert len(low) > 10 and not any(kem_key_is_taken(lattice, bytes.fromhex(test["public"])) for test in low)


def streamed(test, sealed, step):
    """SHA-512 of the plaintext, or None if the stream is refused."""
    digest = hashlib.sha512()
    try:
        stream = Cobblestone256Decryptor(bytes.fromhex(test["key"]), bytes.fromhex(test["ctx"]))
        for start in range(0, len(sealed), step):
            digest.update(stream.update(sealed[start : start + step]))
        digest.update(stream.finalize())
    except (InvalidTag, ValueError):
        return None
    return digest.hexdigest()


@pytest.mark.parametrize("step", [1, SLICE, 1 << 30])
def test_wycheproof_chunked_encryption(step):
    """The stream: 10 accepted with their plaintext, 25 refused, fed by one byte, by slices, whole."""
    results = []
    for _, test in cases("c2sp_chunked_encryption_aes_256_gcm"):
        expected = test["msgSha512"] if test["result"] == "valid" else None
        assert streamed(test, zlib.decompress(bytes.fromhex(test["ct"])), step) == expected, test["tcId"]
        results.append(expected is not None)
    assert len(results) == 35 and sum(results) == 10


def test_wycheproof_json_web_signature():
    """401 foreign JWS in compact form: none is of our table, so none is accepted, valid ones included."""
    found = cases("json_web_signature")
    for _, test in found:
        parts = test["jws"].split(".") if isinstance(test["jws"], str) else []
        if len(parts) != 3:
            continue
        general = {"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}
        with pytest.raises(StatementRefused):
            jws.verify(json.dumps(general).encode(), jws.MANIFEST, lambda alg, kid: bytes(32))
    assert len(found) == 401


def test_jose_cookbook_is_parsed_and_refused():
    """RS256, ES512 and HS256 are outside the table; the Ed25519 example verifies in the low-level function."""
    several = load("jose-cookbook/jws/4_8.multiple_signatures.json")["output"]["json"]
    with pytest.raises(StatementRefused):
        jws.verify(json.dumps(several).encode(), jws.MANIFEST, lambda alg, kid: bytes(32))
    example = load("jose-cookbook/curve25519/jws.json")
    key = unb64u(example["input"]["key"]["x"])
    assert verifies(
        "Ed25519", key, unb64u(example["signing"]["sig"]), example["signing"]["sig-input"].encode()
    )


def test_wycheproof_json_web_keys_never_enter():
    """26 key sets of other kinds: no member of any is a JWK that we take."""
    for group, _ in cases("json_web_key"):
        shown = group.get("public") or group.get("private") or {}
        for key in shown.get("keys", [shown]):
            with pytest.raises(KeyRefused):
                public_from_jwk(key)


def test_cctv_ed25519():
    """ENV-08: 526 weak or non-canonical keys refused at load; of the other 388, 86 signatures verify, 302 do not."""
    refused = held = other = 0
    for vector in load("cctv/ed25519/ed25519vectors.json"):
        key = bytes.fromhex(vector["key"])
        try:
            half = public_from_jwk(dict(jwk_from_public("Ed25519", key)))
        except KeyRefused:
            assert {"low_order_A", "non_canonical_A"} & set(vector["flags"] or ())
            refused += 1
            continue
        assert not {"low_order_A", "non_canonical_A"} & set(vector["flags"] or ())
        good = verifies("Ed25519", half.raw, bytes.fromhex(vector["sig"]), vector["msg"].encode())
        held, other = held + good, other + (not good)
    assert (refused, held, other) == (526, 86, 302)


def test_merkle_proofs():
    """LOG-01: 195 of 196 as marked; the one with 12-byte roots is refused on purpose."""
    folder = VECTORS / "merkle" / "testdata"
    if not folder.exists():
        pytest.skip("public vectors are not at hand: merkle/testdata")
    differing, count = [], 0
    for path in sorted(folder.rglob("*.json")):
        case = json.loads(path.read_text())
        given = [base64.b64decode(value) for value in case["proof"] or ()]
        values = {
            name: base64.b64decode(case.get(name) or "") for name in ("root", "leafHash", "root1", "root2")
        }
        try:
            if "leafIdx" in case:
                ledger.verify_inclusion(
                    case["leafIdx"], case["treeSize"], values["leafHash"], given, values["root"]
                )
            else:
                ledger.verify_consistency(
                    case["size1"], case["size2"], values["root1"], values["root2"], given
                )
            held = True
        except ProofRefused:
            held = False
        count += 1
        if held == case["wantErr"]:
            differing.append(path.name)
    assert count == 196 and differing == ["sizes-are-equal-one-and-proof-is-empty.json"]


def test_hpke_9_ke_key():
    """JWK shape, seed expansion and RFC 7638 thumbprint of the JOSE HPKE draft's key are ours."""
    example = load("jose-hpke-pq/examples/jwks/HPKE-9-KE.json")
    jwk = jwk_from_seed(KEM, unb64u(example["priv"]))
    assert jwk["pub"] == example["pub"] and kid_from_jwk(jwk) == example["kid"]


def test_hpke_9_ke_message():
    """A CEK that somebody else's HPKE wrapped is unwrapped by ours, and opens their JWE."""
    message = load("jose-hpke-pq/examples/jwe/HPKE-9-KE-flattened.json")
    seed = unb64u(load("jose-hpke-pq/examples/jwks/HPKE-9-KE.json")["priv"])
    header = json.loads(unb64u(message["protected"]))
    sealed = unb64u(header["ek"]) + unb64u(message["encrypted_key"])
    cek = unwrap_with(seed, sealed, b"JOSE-HPKE rcpt\xffA256GCM\xff")
    assert cek is not None and len(cek) == 32
    aad = message["protected"] + ("." + message["aad"] if "aad" in message else "")
    body = unb64u(message["ciphertext"]) + unb64u(message["tag"])
    assert AESGCM(cek).decrypt(unb64u(message["iv"]), body, aad.encode())


def test_signed_note():
    """LOG-10: the example of the C2SP text verifies; with any byte changed it does not."""
    if not (VECTORS / "signed-note").exists():
        pytest.skip("public vectors are not at hand: signed-note")
    note = (VECTORS / "signed-note" / "example.note").read_bytes()
    key = key_from_vkey((VECTORS / "signed-note" / "example.vkey").read_text().strip())
    assert verify_note(note, [key]).text == b"This is an example message.\n"
    for position in range(len(note)):
        with pytest.raises(ProofRefused):
            verify_note(note[:position] + bytes((note[position] ^ 1,)) + note[position + 1 :], [key])


def test_oracle_accepts_what_we_sign(world):
    """A JOSE library of others verifies our General JSON, Ed25519 and ML-DSA-65 alike."""
    signers = world.signers("a.example")
    signed = jws.sign(jws.DECISION, b'{"v":1}', signers)
    for signer in signers:
        public = next(key for key in world.stores["a.example"].public() if key.kid == signer.kid)
        token = oracle_jws.JWS()
        token.allowed_algs = ["Ed25519", "EdDSA", "ML-DSA-65"]
        token.deserialize(signed.decode())
        token.verify(oracle_jwk.JWK(**public.jwk))
        assert token.payload == b'{"v":1}'
