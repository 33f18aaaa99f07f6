"""The known-answer self-test of the start-up (envelope.md 13.4): a node that fails it does not start.

1. A frozen envelope of each suite opens to the content that it had. 2. With one byte flipped in any region it
is refused. 3. One known answer for each algorithm of the table. The vector lies beside this file, made
by `tests/vectors/envelope/selftest.py`; it opens with seeds that everybody knows, and guards nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm

from keys import algorithms
from keys.atrest import open_at_rest, seal_at_rest
from keys.envelope.binding import ExpectRequest, Opening
from keys.envelope.events import Opened
from keys.envelope.framing import FIXED, KID, SEALED_CEK
from keys.envelope.open import open_envelope
from keys.envelope.recipient import ReplyKey
from keys.envelope.replay import Unseen
from keys.errors import EnvelopeRefused, KeyFault
from keys.jwk import jwk_from_seed, kid_from_jwk
from keys.leaf import subject_keys
from keys.syntax import unb64u
from keys.trust import trust_list_from_json

Vector = Mapping[str, Any]


class _NothingSeen:
    """No replay row."""

    def seen(self, iss: str, jti: str, md: bytes) -> Unseen:
        return Unseen()

    def watermark(self) -> int:
        return 0


def run(vector: Vector | None = None) -> None:
    """Pass in silence, or `KeyFault` with one line that says what does not work."""
    known = vector if vector is not None else stored_vector()
    try:
        _require_algorithms(known["known"])
        for one in (known, *known["also"]):
            opening = opening_from_vector(one)
            _require_opens(one, opening)
            _require_refusals(one, opening)
    except UnsupportedAlgorithm:
        raise KeyFault("self-test: a required algorithm is missing from this build") from None


def stored_vector() -> Vector:
    """The vector that is shipped."""
    text = resources.files("keys").joinpath("selftest_vector.json").read_text("ascii")
    vector: Vector = json.loads(text)
    return vector


def opening_from_vector(vector: Vector) -> Opening:
    """Reader, keys and instant of the vector."""
    seed = unb64u(vector["kem_seed"], 32)
    now, alg = int(vector["now"]), _suite(unb64u(vector["envelope"])).kem
    jwk = jwk_from_seed(alg, seed)
    key = ReplyKey(kid_from_jwk(jwk), alg, now - 3600, now + 3600, jwk, seed)
    trust = trust_list_from_json(json.dumps(vector["trust"]).encode("ascii"))
    return Opening(vector["me"], trust, (key,), ExpectRequest(), _NothingSeen(), now)


def flipped_regions(envelope: bytes) -> Mapping[str, bytes]:
    """The envelope once for each of its regions, with one byte of that region flipped."""
    header, enc = FIXED + int.from_bytes(envelope[8:12], "big"), _suite(envelope).enc
    stream = header + KID + enc + SEALED_CEK
    offsets = {
        "magic": 0,
        "suite": 5,
        "recipients": 7,
        "header length": 11,
        "header": header - 3,
        "stanza kid": header,
        "stanza enc": header + KID + 7,
        "sealed key": header + KID + enc,
        "stream salt": stream,
        "stream commitment": stream + 24,
        "first chunk": stream + 24 + 32,
        "last tag": len(envelope) - 1,
    }
    return {name: _flipped(envelope, offset) for name, offset in offsets.items()}


def _suite(envelope: bytes) -> algorithms.Suite:
    return algorithms.SUITES[int.from_bytes(envelope[4:6], "big")]


def _flipped(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes((data[offset] ^ 1,)) + data[offset + 1 :]


def _require_opens(vector: Vector, opening: Opening) -> None:
    try:
        opened = open_envelope(unb64u(vector["envelope"]), opening)
    except EnvelopeRefused:
        raise KeyFault("self-test: the frozen envelope does not open") from None
    held = (
        isinstance(opened, Opened) and hashlib.sha256(opened.content).hexdigest() == vector["content_sha256"]
    )
    _require(held, "self-test: the frozen envelope opens to something else")


def _require_refusals(vector: Vector, opening: Opening) -> None:
    for altered in flipped_regions(unb64u(vector["envelope"])).values():
        try:
            open_envelope(altered, opening)
        except EnvelopeRefused:
            continue
        raise KeyFault("self-test: an altered envelope was opened")


def _require_algorithms(known: Vector) -> None:
    message = b"carepact self-test"
    for alg in algorithms.SIGNATURES:
        seed, answer = unb64u(known[alg]["seed"], 32), known[alg]
        public = algorithms.public_from_seed(alg, seed)
        _require(
            hashlib.sha256(public).hexdigest() == answer["public_sha256"], "self-test: a public key differs"
        )
        for signature in (unb64u(answer["signature"]), algorithms.sign_raw(alg, seed, message)):
            _require(
                algorithms.verifies(alg, public, signature, message), "self-test: a signature does not verify"
            )
            altered = _flipped(signature, 0)
            _require(
                not algorithms.verifies(alg, public, altered, message), "self-test: an altered one verifies"
            )
    _require_encryption(known)


def _require_encryption(known: Vector) -> None:
    for alg in algorithms.KEMS:
        seed, sealed = unb64u(known[alg]["seed"], 32), unb64u(known[alg]["sealed"])
        opens = algorithms.opener_from_seed(seed, alg)
        _require(opens(sealed, b"info") == b"carepact self-test", "self-test: HPKE does not open")
        _require(opens(sealed, b"other") is None, "self-test: HPKE opens under another info")
    rest = unb64u(known["A256GCM"]["sealed"])
    _require(seal_at_rest(bytes(32), b"plain", b"aad", bytes(12)) == rest, "self-test: AES-256-GCM differs")
    _require(open_at_rest(bytes(32), rest, b"aad") == b"plain", "self-test: AES-256-GCM does not open")
    derived = subject_keys(bytes(32)).tag.hex()
    _require(derived == known["HKDF-SHA256"]["tag"], "self-test: HKDF-SHA256 differs")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise KeyFault(otherwise)
