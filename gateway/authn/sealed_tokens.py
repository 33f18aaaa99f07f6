"""Opaque tokens of 256 random bits, and what they are bound to.

The database has a hash of a token to find the row, and the row sealed under a key derived from the token: an
emergency's reason or a practitioner's name is readable only while somebody presents the token, and from no
dump or backup.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection

from gateway.authn import sql
from keys.interface import Entropy
from keys.syntax import b64u

_TOKEN = re.compile(r"cpt_[A-Za-z0-9_-]{43}")


def issue(
    connection: Connection, bound: Mapping[str, Any], owner: str, expires: int, entropy: Entropy
) -> str:
    """A new token of `owner` (as the register names it) until `expires`, POSIX seconds."""
    token = "cpt_" + b64u(entropy(32))
    plain = json.dumps(bound, separators=(",", ":"), sort_keys=True).encode()
    nonce = entropy(12)
    row_id = _hash(token)
    sealed = nonce + AESGCM(_key(token)).encrypt(nonce, plain, row_id)
    sql.put_token(connection, row_id, owner, expires, sealed)
    return token


def opened(connection: Connection, token: str, now: int) -> tuple[str, dict[str, Any]] | None:
    """Owner of a live token and what it is bound to; None: unknown, expired, altered."""
    if not _TOKEN.fullmatch(token):
        return None
    row_id = _hash(token)
    row = sql.find_token(connection, row_id)
    if row is None or now >= row[1]:
        return None
    owner, _, sealed = row
    try:
        plain = AESGCM(_key(token)).decrypt(sealed[:12], sealed[12:], row_id)
    except (InvalidTag, ValueError):
        return None
    bound: dict[str, Any] = json.loads(plain)
    return owner, bound


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"carepact/token/id\0" + token.encode()).digest()


def _key(token: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"carepact/token/seal\0").derive(token.encode())
