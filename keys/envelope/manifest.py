"""The signed manifest (envelope.md 4): closed claim sets by kind, no claim identifies a person.

Refuses with `EnvelopeRefused`: `syntax` (not strict JSON), `claims` (members, types, patterns, typ by kind).
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from keys.address import is_address
from keys.errors import EnvelopeRefused
from keys.interface import Jwk
from keys.syntax import (
    SyntaxRefused,
    emit_unread,
    parse_object,
    require_integer,
    require_list,
    require_members,
    require_text,
    unb64u,
)

Kind = Literal["request", "response", "ack"]

REQUEST = "application/vnd.carepact.request+json"
FHIR_JSON = "application/fhir+json"
FHIR_NDJSON = "application/fhir+ndjson"
ANSWER = "application/vnd.carepact.answer+json"
ACK = "application/vnd.carepact.ack"
TYPES: dict[str, frozenset[str]] = {
    "request": frozenset((REQUEST,)),
    "response": frozenset((FHIR_JSON, FHIR_NDJSON, ANSWER)),
    "ack": frozenset((ACK,)),
}

MAX_JWS = 65_536
MAX_LOG = 2048
MAX_SOURCES = 256

_ALL = frozenset("v kind iss aud jti iat exp hdr rcp log cnt".split())
_BY_KIND = {
    "request": frozenset(("pou", "agr", "rkey")),
    "response": frozenset(("req", "src")),
    "ack": frozenset(("req", "ack")),
}
_OF_KIND = {kind: _ALL | own for kind, own in _BY_KIND.items()}
_CONTENT = frozenset(("typ", "enc", "len", "raw", "sha256"))
_LATTICE_KEY = frozenset(("alg", "kty", "pub"))
_CURVE_KEY = frozenset(("crv", "kty", "x", "y"))
_ACK = frozenset(("md", "env", "result"))
_KIND = re.compile("request|response|ack").fullmatch
_ENC = re.compile("identity|zstd").fullmatch
_RESULT = re.compile("accepted|quarantined").fullmatch
_PURPOSE = re.compile("[A-Z0-9-]{2,32}").fullmatch
_AGREEMENT = re.compile(r"(?=.{3,128}\Z)[A-Za-z0-9._@-]+@[A-Za-z0-9._-]+").fullmatch


@dataclass(frozen=True, slots=True)
class ContentClaims:
    """`cnt`: `len` encoded and `raw` decoded bytes; `sha256` = SHA-256(blind ‖ encoded), b64u."""

    typ: str
    enc: str
    len: int
    raw: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """`ack`: manifest digest and SHA-256 of the whole response envelope, b64u."""

    md: str
    env: str
    result: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The claims of one envelope. Digests and ids as b64u, times POSIX seconds; empty or None: not there."""

    kind: Kind
    iss: str
    aud: tuple[str, ...]
    jti: str
    iat: int
    exp: int
    hdr: str
    rcp: tuple[str, ...]
    log: str
    cnt: ContentClaims
    pou: str = ""
    agr: str = ""
    rkey: Jwk | None = None
    req: str = ""
    src: tuple[str, ...] = ()
    ack: Acknowledgement | None = None


def digest(payload: bytes) -> bytes:
    """*Manifest digest* `md`: SHA-256 of the payload bytes as they came."""
    return hashlib.sha256(payload).digest()


def payload_from_manifest(manifest: Manifest) -> bytes:
    """Compact sorted JSON of the claims of its kind, to be read back by `manifest_from_payload`."""
    cnt = manifest.cnt
    claims: dict[str, Any] = {
        "v": 1,
        "kind": manifest.kind,
        "iss": manifest.iss,
        "aud": list(manifest.aud),
        "jti": manifest.jti,
        "iat": manifest.iat,
        "exp": manifest.exp,
        "hdr": manifest.hdr,
        "rcp": list(manifest.rcp),
        "log": manifest.log,
        "cnt": {"typ": cnt.typ, "enc": cnt.enc, "len": cnt.len, "raw": cnt.raw, "sha256": cnt.sha256},
    }
    if manifest.kind == "request":
        claims |= {"pou": manifest.pou, "agr": manifest.agr, "rkey": dict(manifest.rkey or {})}
    elif manifest.kind == "response":
        claims |= {"req": manifest.req, "src": list(manifest.src)}
    elif manifest.ack is not None:
        ack = manifest.ack
        claims |= {"req": manifest.req, "ack": {"md": ack.md, "env": ack.env, "result": ack.result}}
    return emit_unread(claims)


def manifest_from_payload(payload: bytes) -> Manifest:
    """The manifest of exactly these bytes (step 5)."""
    try:
        claims = parse_object(payload)
    except SyntaxRefused:
        raise EnvelopeRefused("syntax") from None
    return manifest_from_claims(claims)


def manifest_from_claims(claims: Mapping[str, Any]) -> Manifest:
    """The manifest of a payload that was read already. Refuses `claims`, `compression`."""
    try:
        manifest = _manifest(claims)
    except SyntaxRefused:
        raise EnvelopeRefused("claims") from None
    # A third party's text may stand beside secrets in a request: compressed, they would leak by its length.
    if manifest.cnt.enc != "identity" and manifest.kind != "response":
        raise EnvelopeRefused("compression")
    return manifest


def _manifest(claims: Mapping[str, Any]) -> Manifest:
    kind = cast(Kind, require_text(claims.get("kind"), _KIND))
    require_members(claims, _OF_KIND[kind])
    if require_integer(claims["v"]) != 1:
        raise SyntaxRefused
    return Manifest(
        kind=kind,
        iss=require_text(claims["iss"], is_address),
        aud=_distinct(claims["aud"], 1, 16, is_address),
        jti=_b64u(claims["jti"], 16),
        iat=require_integer(claims["iat"]),
        exp=require_integer(claims["exp"]),
        hdr=_b64u(claims["hdr"], 32),
        rcp=_distinct(claims["rcp"], 1, 16, _is_digest),
        log=_log(claims["log"]),
        cnt=_content(claims["cnt"], kind),
        **_claims_of_kind(claims, kind),
    )


def _claims_of_kind(claims: Mapping[str, Any], kind: str) -> dict[str, Any]:
    if kind == "request":
        return {
            "pou": require_text(claims["pou"], _PURPOSE),
            "agr": require_text(claims["agr"], _AGREEMENT),
            "rkey": _reply_key(claims["rkey"]),
        }
    answered = {"req": _b64u(claims["req"], 32)}
    if kind == "response":
        # In the order of the completeness statement; an answer is merged once, so digests are distinct.
        return answered | {"src": _distinct(claims["src"], 0, MAX_SOURCES, _is_digest)}
    ack = require_members(claims["ack"], _ACK)
    result = require_text(ack["result"], _RESULT)
    return answered | {"ack": Acknowledgement(_b64u(ack["md"], 32), _b64u(ack["env"], 32), result)}


def _content(value: object, kind: str) -> ContentClaims:
    members = require_members(value, _CONTENT)
    cnt = ContentClaims(
        typ=require_text(members["typ"], TYPES[kind].__contains__),
        enc=require_text(members["enc"], _ENC),
        len=require_integer(members["len"]),
        raw=require_integer(members["raw"]),
        sha256=_b64u(members["sha256"], 32),
    )
    if (cnt.enc == "identity" and cnt.len != cnt.raw) or (kind == "ack" and (cnt.len, cnt.raw) != (0, 0)):
        raise SyntaxRefused
    return cnt


def _reply_key(value: object) -> Jwk:
    """Shape only: the key itself is tried in the binding step."""
    curve = isinstance(value, dict) and "crv" in value
    members = require_members(value, _CURVE_KEY if curve else _LATTICE_KEY)
    for text in members.values():
        require_text(text, str.isascii)
    return members


def _log(value: object) -> str:
    if len(unb64u(value)) > MAX_LOG:
        raise SyntaxRefused
    return cast(str, value)


def _b64u(value: object, length: int) -> str:
    unb64u(value, length)
    return cast(str, value)


def _is_digest(value: str) -> bool:
    try:
        unb64u(value, 32)
    except SyntaxRefused:
        return False
    return True


def _distinct(value: object, least: int, most: int, holds: Callable[[str], object]) -> tuple[str, ...]:
    items = tuple(require_text(item, holds) for item in require_list(value, least, most))
    if len(set(items)) != len(items):
        raise SyntaxRefused
    return items
