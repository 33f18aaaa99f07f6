"""A second opener, written from the format's page alone: no import of `keys`, another order of reading.

It takes a whole vector file and says `opened` with the hash of the content, or `refused` with the word of the
closed list. Slow and plain on purpose: it is there to disagree where the first one is wrong.
"""

import base64
import hashlib
import json
import re
import struct
import sys

from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, utils, x25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIGNATURES = {1: ["ES256"], 2: ["Ed25519"], 3: ["Ed25519", "ML-DSA-65"]}
ENC = {1: 65, 2: 1120, 3: 1120}
COMMON = {"v", "kind", "iss", "aud", "jti", "iat", "exp", "hdr", "rcp", "log", "cnt"}
CLAIMS = {
    "request": COMMON | {"pou", "agr", "rkey"},
    "response": COMMON | {"req", "src"},
    "ack": COMMON | {"req", "ack"},
}
LIMIT = 64 << 20


class Refused(Exception):
    """With the word."""


def need(holds, word):
    if not holds:
        raise Refused(word)


def unb64(text, word, length=None):
    need(isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]*", text), word)
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Refused(word) from None
    need(base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text, word)
    need(length is None or len(data) == length, word)
    return data


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def strict(data, word):
    """JSON of section 4, walked by hand for depth."""
    need(all(0x20 <= byte <= 0x7E and byte != 0x5C for byte in data), word)

    def pairs(items):
        need(len({name for name, _ in items}) == len(items), word)
        return dict(items)

    def number(text):
        need(not text.startswith("-") and len(text) <= 16 and int(text) < 2**53, word)
        return int(text)

    def never(_):
        raise Refused(word)

    try:
        value = json.loads(
            data, object_pairs_hook=pairs, parse_int=number, parse_float=never, parse_constant=never
        )
    except (ValueError, RecursionError):
        raise Refused(word) from None
    need(isinstance(value, dict) and depth(value) <= 6, word)
    return value


def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def is_int(value):
    return type(value) is int


def open_vector(lines, data, trust):
    """The content, or `Refused`."""
    now, me = int(lines["now"]), lines["me"]
    # frame
    need(len(data) >= 12 and data[:4] == b"CPX1", "framing")
    suite, count, length = struct.unpack(">HHI", data[4:12])
    need(suite in SIGNATURES and suite in trust.get("suites", [3, 2]), "suite")
    own = next((m["suites"] for m in trust["members"] if m["id"] == me), [3, 2])
    need(suite in own, "suite")
    stanza = 32 + ENC[suite] + 48
    need(1 <= count <= 16 and 2 <= length <= 4096, "limit")
    start = 12 + length + count * stanza
    need(len(data) >= start, "framing")
    header = strict(data[12 : 12 + length], "header")
    need(set(header) == {"exp", "mid", "to"} and is_int(header["exp"]), "header")
    need(
        isinstance(header["to"], list) and header["to"] and all(isinstance(a, str) for a in header["to"]),
        "header",
    )
    unb64(header["mid"], "header", 16)
    need(me in header["to"], "recipient")
    need(now < header["exp"] + 60, "time")
    # stanza
    rows = [data[12 + length + n * stanza :][:stanza] for n in range(count)]
    kids = [b64(row[:32]) for row in rows]
    box, own, mine = (curve_key if suite == 1 else lattice_key)(unb64(lines["kem-seed"], "key"))
    need(len(set(kids)) == count and kids.count(mine) == 1, "key")
    row, ph = rows[kids.index(mine)], hashlib.sha256(data[: 12 + length]).digest()
    try:
        cek = box.decrypt(row[32:], own, b"carepact/cek\0" + struct.pack(">H", suite) + row[:32] + ph)
    except (InvalidTag, ValueError):
        raise Refused("stanza") from None
    context = b"carepact/body\0" + hashlib.sha256(data[:start]).digest()
    stream = Cobblestone256Decryptor(cek, context)
    plain, whole = b"", True
    try:
        plain = stream.update(data[start:])
        plain += stream.finalize()
    except InvalidTag:
        whole = False  # what came before the fault may still be a manifest that is refused for another word
        need(len(plain) > 4, "body")
    need(len(plain) >= 4, "body")
    size = int.from_bytes(plain[:4], "big")
    need(2 <= size <= 65_536 and len(plain) >= 36 + size, "body")
    claims, md = manifest(plain[4 : 4 + size], suite, trust)
    bind(claims, header, kids, ph, mine, lines, trust)
    converse(claims, lines, suite, mine, trust)
    need(0 < claims["exp"] - claims["iat"] <= 600 and claims["iat"] - 60 <= now < claims["exp"] + 60, "time")
    cnt = claims["cnt"]
    need(max(cnt["len"], cnt["raw"]) <= LIMIT, "limit")
    need(whole, "body")
    del md
    return content(plain, size, cnt)


def content(plain, size, cnt):
    blind, rest = plain[4 + size : 36 + size], plain[36 + size :]
    encoded, padding = rest[: cnt["len"]], rest[cnt["len"] :]
    need(not any(padding), "padding")
    used = 36 + size + cnt["len"]
    spare = used.bit_length() - 1 - (used.bit_length() - 1).bit_length()
    need(len(plain) <= max(1 << 20, -(-used >> spare) << spare), "padding")
    need(
        b64(hashlib.sha256(blind + encoded).digest()) == cnt["sha256"] and len(encoded) == cnt["len"],
        "content",
    )
    if cnt["enc"] == "identity":
        return encoded
    need(encoded[:4] == b"\x28\xb5\x2f\xfd", "compression")
    inflating = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 23})
    try:
        got = inflating.decompress(encoded, max_length=cnt["raw"] + 1)
        if not inflating.eof and not inflating.needs_input:
            got += inflating.decompress(b"", max_length=1)
    except zstd.ZstdError:
        raise Refused("compression") from None
    need(len(got) == cnt["raw"] and inflating.eof and not inflating.unused_data, "compression")
    return got


def curve_key(seed):
    """DeriveKeyPair of RFC 9180 section 7.1.3, by the library's HKDF."""
    label = b"HPKE-v1KEM\x00\x10"
    extracted = HKDF.extract(hashes.SHA256(), None, label + b"dkp_prk" + seed)
    scalar, counter = 0, 0
    while not 0 < scalar < 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551:
        info = b"\x00\x20" + label + b"candidate" + bytes((counter,))
        scalar = int.from_bytes(HKDFExpand(hashes.SHA256(), 32, info).derive(extracted), "big")
        counter += 1
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    x, y = (b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    box = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    return box, private, thumbprint({"kty": "EC", "crv": "P-256", "x": x, "y": y})


def lattice_key(seed):
    expanded = hashlib.shake_256(seed).digest(96)
    lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = x25519.X25519PrivateKey.from_private_bytes(expanded[64:])
    public = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    box = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.SHAKE256, hpke.AEAD.AES_256_GCM)
    name = thumbprint({"kty": "AKP", "alg": "HPKE-9-KE", "pub": b64(public)})
    return box, hpke.MLKEM768X25519PrivateKey(lattice, curve), name


def thumbprint(jwk):
    wanted = {"AKP": ("alg", "kty", "pub"), "OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y")}[
        jwk["kty"]
    ]
    text = json.dumps({name: jwk[name] for name in sorted(wanted)}, separators=(",", ":"))
    return b64(hashlib.sha256(text.encode()).digest())


def manifest(signed, suite, trust):
    jws = strict(signed, "syntax")
    need(set(jws) == {"payload", "signatures"} and isinstance(jws["signatures"], list), "syntax")
    need(len(jws["signatures"]) >= 1, "syntax")
    payload, entries = unb64(jws["payload"], "syntax"), []
    for one in jws["signatures"]:
        need(isinstance(one, dict) and set(one) == {"protected", "signature"}, "syntax")
        head = strict(unb64(one["protected"], "syntax"), "syntax")
        need(set(head) == {"alg", "kid", "typ"} and head["typ"] == "carepact-manifest+json", "syntax")
        entries.append(
            (head, f"{one['protected']}.{jws['payload']}".encode(), unb64(one["signature"], "syntax"))
        )
    claims = strict(payload, "syntax")
    check_claims(claims)
    member = next((m for m in trust["members"] if m["id"] == claims["iss"]), None)
    need(member is not None, "issuer")
    need(suite in member["suites"] and suite >= member["min_suite"], "suite")
    need([head["alg"] for head, _, _ in entries] == SIGNATURES[suite], "signature")
    revoked = {one["kid"] for one in member["revoked"]}
    for head, data, signature in entries:
        key = next(
            (k for k in member["keys"] if k["use"] == "sig" and thumbprint(k["jwk"]) == head["kid"]), None
        )
        need(key is not None and head["kid"] not in revoked, "issuer")
        need(key["nbf"] <= claims["iat"] < key["exp"], "issuer")
        verify(key["jwk"], signature, data)
    return claims, hashlib.sha256(payload).digest()


def verify(jwk, signature, data):
    try:
        if jwk["kty"] == "EC":
            need(len(signature) == 64, "signature")
            halves = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            how = ec.ECDSA(hashes.SHA256())
            curve_point(jwk, "issuer").verify(utils.encode_dss_signature(*halves), data, how)
        elif jwk["kty"] == "OKP":
            ed25519.Ed25519PublicKey.from_public_bytes(unb64(jwk["x"], "issuer")).verify(signature, data)
        else:
            mldsa.MLDSA65PublicKey.from_public_bytes(unb64(jwk["pub"], "issuer")).verify(signature, data)
    except (InvalidSignature, ValueError):
        raise Refused("signature") from None


def curve_point(jwk, word):
    x, y = (int.from_bytes(unb64(jwk[name], word, 32), "big") for name in ("x", "y"))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise Refused(word) from None


def check_claims(claims):
    kind = claims.get("kind")
    need(
        kind in CLAIMS and set(claims) == CLAIMS[kind] and claims["v"] == 1 and is_int(claims["v"]), "claims"
    )
    need(all(is_int(claims[name]) for name in ("iat", "exp")) and isinstance(claims["iss"], str), "claims")
    for name in ("aud", "rcp"):
        held = claims[name]
        need(
            isinstance(held, list) and 1 <= len(held) <= 16 and all(isinstance(x, str) for x in held),
            "claims",
        )
        need(len(set(held)) == len(held), "claims")
    for name, size in (("jti", 16), ("hdr", 32)):
        unb64(claims[name], "claims", size)
    for kid in claims["rcp"]:
        unb64(kid, "claims", 32)
    need(len(unb64(claims["log"], "claims")) <= 2048, "claims")
    cnt = claims["cnt"]
    need(isinstance(cnt, dict) and set(cnt) == {"typ", "enc", "len", "raw", "sha256"}, "claims")
    need(cnt["enc"] in ("identity", "zstd") and is_int(cnt["len"]) and is_int(cnt["raw"]), "claims")
    need(cnt["enc"] == "zstd" or cnt["len"] == cnt["raw"], "claims")
    unb64(cnt["sha256"], "claims", 32)
    need(kind == "response" or cnt["enc"] == "identity", "compression")


def bind(claims, header, kids, ph, mine, lines, trust):
    me = lines["me"]
    need((claims["hdr"], claims["rcp"]) == (b64(ph), kids), "binding")
    need(
        (claims["aud"], claims["jti"], claims["exp"]) == (header["to"], header["mid"], header["exp"]),
        "binding",
    )
    need(me in claims["aud"] and claims["iss"] != me, "binding")
    owners = {thumbprint(k["jwk"]): m["id"] for m in trust["members"] for k in m["keys"]}
    need(all(kid == mine or owners.get(kid) in claims["aud"] for kid in kids), "binding")
    most = 16 if lines.get("notice") == "yes" and claims["kind"] == "request" else 1
    need(len(kids) == len(claims["aud"]) <= most, "binding")


def converse(claims, lines, suite, mine, trust):
    need(claims["kind"] == lines["kind"], "conversation")
    if claims["kind"] == "request":
        rkey = claims["rkey"]
        need(isinstance(rkey, dict), "claims")
        if suite == 1:
            need(set(rkey) == {"kty", "crv", "x", "y"} and rkey["crv"] == "P-256", "binding")
            curve_point(rkey, "binding")
        else:
            need(set(rkey) == {"kty", "alg", "pub"} and rkey["alg"] == "HPKE-9-KE", "binding")
            need(len(unb64(rkey["pub"], "binding")) == 1216, "binding")
        known = {thumbprint(k["jwk"]) for m in trust["members"] for k in m["keys"]}
        need(thumbprint(rkey) not in known, "binding")
        return
    need(claims["iss"] == lines["peer"] and claims["req"] == lines["request"], "conversation")
    if claims["kind"] == "response":
        need(claims["rcp"] == [mine] and suite == int(lines["suite"]), "conversation")
    else:
        said = (b64(hashlib.sha256(b"md").digest()), b64(hashlib.sha256(b"env").digest()))
        need((claims["ack"]["md"], claims["ack"]["env"]) == said, "conversation")


def verdict(file, trust):
    """(`opened`, hex SHA-256 of the content) or (`refused`, word) for the bytes of one vector file."""
    head, _, envelope = file.partition(b"\n\n")
    lines = dict(line.split(": ", 1) for line in head.decode("ascii").split("\n"))
    try:
        return "opened", hashlib.sha256(open_vector(lines, envelope, trust)).hexdigest()
    except Refused as refused:
        return "refused", str(refused)
