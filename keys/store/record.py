"""One private key at rest, format `CPK1` (envelope.md 12).

    CPK1 | u32 length | header JSON {v kid use alg nbf exp kek kdf pub retired} | wrapped 32-byte seed

The wrapped part is what the `KeyWrapper` makes (nonce 12 ‖ AES-256-GCM, the salt in front under a
passphrase); its AAD is every byte before it, so a changed use, life or algorithm does not open. Of a retired
key the wrapped part is empty plaintext: the seed is gone, and the header is still bound. Of a key that lives
with a provider it is a label in the place of the seed.
"""

import struct
from dataclasses import dataclass, field, replace
from typing import Any, cast

from keys.algorithms import KEMS, SEED, SIGNATURES, public_from_seed
from keys.errors import KeyFault
from keys.interface import KeyWrapper, PublicKey, Use
from keys.jwk import jwk_from_public, kid_from_jwk
from keys.lifecycle import ended
from keys.syntax import SyntaxRefused, emit, parse_object, require_integer, require_members, unb64u

MAGIC = b"CPK1"
_HEADER = frozenset(("v", "kid", "use", "alg", "nbf", "exp", "kek", "kdf", "pub", "retired"))
_ELSEWHERE = b"carepact/elsewhere\0"
"""No seed begins so, but for one of 2^152."""
_USES = frozenset(("sig", "enc", "log", "witness", "directory"))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The private half lives with a provider (an HSM, a KMS), under this label."""

    label: str


@dataclass(frozen=True, slots=True)
class Record:
    """The header, and the bytes of the file. `retired`: instant, or None while the seed is there."""

    public: PublicKey
    retired: int | None
    data: bytes = field(repr=False)

    def published(self) -> PublicKey:
        """The public half; the life of a key whose private half is gone ends when it went."""
        if self.retired is None:
            return self.public
        end = max(self.public.nbf, min(self.public.exp, self.retired))
        return replace(self.public, exp=end, destroyed=self.retired)


def record_from_seed(use: Use, alg: str, seed: bytes, *, nbf: int, exp: int, wrapper: KeyWrapper) -> Record:
    """A new record; `KeyFault` for an algorithm that this use never has."""
    if use not in _USES or alg not in (KEMS if use == "enc" else SIGNATURES):
        raise KeyFault("not an algorithm for this use")
    if alg == "ES256" and use != "sig":
        raise KeyFault("not an algorithm for this use")
    if not 0 <= nbf < exp:
        raise KeyFault("a key without a life")
    jwk = jwk_from_public(alg, public_from_seed(alg, seed))
    public = PublicKey(kid_from_jwk(jwk), use, alg, jwk, nbf, exp)
    return _record(public, None, seed, wrapper)


def record_from_label(public: PublicKey, label: str, wrapper: KeyWrapper) -> Record:
    """A new record of a key whose private half lives with a provider, under this label."""
    return _record(public, None, _ELSEWHERE + label.encode("utf-8"), wrapper)


def record_ended(record: Record, at: int, wrapper: KeyWrapper) -> Record:
    """The same key with its life cut at `at`."""
    return _record(ended(record.public, at), record.retired, _unwrapped(record.data, wrapper), wrapper)


def record_retired(record: Record, at: int, wrapper: KeyWrapper) -> Record:
    """The same key without its seed."""
    return _record(record.public, at, b"", wrapper)


def record_rewrapped(record: Record, old: KeyWrapper, new: KeyWrapper) -> Record:
    """The same key under another KEK."""
    return _record(record.public, record.retired, _unwrapped(record.data, old), new)


def opens_under(record: Record, wrapper: KeyWrapper) -> bool:
    """Whether it is wrapped by this KEK, and says so."""
    try:
        _unwrapped(record.data, wrapper)
        return _named(record.data) == (wrapper.kek, wrapper.kdf)
    except KeyFault:
        return False


def record_from_bytes(data: bytes) -> Record:
    """The header of a stored key, unauthenticated until `seed_from_record`. `KeyFault` if it is no record."""
    try:
        header = require_members(parse_object(data[8 : _seal_offset(data)]), _HEADER)
        public = _public(header)
        retired = require_integer(header["retired"]) if header["retired"] is not None else None
    except (SyntaxRefused, struct.error):
        raise KeyFault("not a key file") from None
    return Record(public, retired, data)


def seed_from_record(record: Record, wrapper: KeyWrapper) -> bytes | Elsewhere | None:
    """The seed, checked against the public half; None once retired. `KeyFault`: wrong KEK or altered."""
    seed = _unwrapped(record.data, wrapper)
    if record.retired is not None:
        if seed:
            raise KeyFault("a retired key with a seed")
        return None
    if seed.startswith(_ELSEWHERE):
        return Elsewhere(seed.removeprefix(_ELSEWHERE).decode("utf-8"))
    if len(seed) != SEED:
        raise KeyFault("a seed is 32 bytes")
    alg = record.public.alg
    if kid_from_jwk(jwk_from_public(alg, public_from_seed(alg, seed))) != record.public.kid:
        raise KeyFault("seed and public half do not belong together")
    return seed


def _record(public: PublicKey, retired: int | None, seed: bytes, wrapper: KeyWrapper) -> Record:
    header = emit(
        {
            "v": 1,
            "kid": public.kid,
            "use": public.use,
            "alg": public.alg,
            "nbf": public.nbf,
            "exp": public.exp,
            "kek": wrapper.kek,
            "kdf": wrapper.kdf,
            "pub": dict(public.jwk),
            "retired": retired,
        }
    )
    bound = MAGIC + struct.pack(">I", len(header)) + header
    return Record(public, retired, bound + wrapper.wrap(seed, bound))


def _public(header: dict[str, Any]) -> PublicKey:
    unb64u(header["kid"], 32)
    texts = [header[name] for name in ("use", "alg", "kek", "kdf")]
    if require_integer(header["v"]) != 1 or not all(isinstance(text, str) for text in texts):
        raise SyntaxRefused
    jwk = header["pub"]
    if header["use"] not in _USES or not isinstance(jwk, dict) or kid_from_jwk(jwk) != header["kid"]:
        raise SyntaxRefused
    nbf, exp = require_integer(header["nbf"]), require_integer(header["exp"])
    return PublicKey(header["kid"], cast(Use, header["use"]), header["alg"], jwk, nbf, exp)


def _named(data: bytes) -> tuple[object, object]:
    """How the header names its KEK."""
    header = parse_object(data[8 : _seal_offset(data)])
    return header.get("kek"), header.get("kdf")


def _seal_offset(data: bytes) -> int:
    if data[:4] != MAGIC:
        raise SyntaxRefused
    length = int(struct.unpack(">I", data[4:8])[0])
    if not 2 <= length <= len(data) - 8:
        raise SyntaxRefused
    return 8 + length


def _unwrapped(data: bytes, wrapper: KeyWrapper) -> bytes:
    try:
        offset = _seal_offset(data)
    except (SyntaxRefused, struct.error):
        raise KeyFault("not a key file") from None
    return wrapper.unwrap(data[offset:], data[:offset])
