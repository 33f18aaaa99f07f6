"""One ledger leaf, its detail, and what ties the leaves of one patient together (trust-and-ledger.md 9).

From a patient's random `K_s` come `K_tag` (links her leaves) and `K_wrap` (encrypts what is kept about her).
Without `K_tag` her leaves cannot be linked; with it a missing, swapped or re-ordered one shows.
"""

import hashlib
import hmac
import re
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keys.address import is_address
from keys.errors import ProofRefused
from keys.syntax import (
    SyntaxRefused,
    b64u,
    emit,
    parse_object,
    require_integer,
    require_members,
    require_text,
    unb64u,
)

KINDS = frozenset(
    "ask answer receive deliver breakglass consent agreement key erase report peer reconcile restart".split()
)
EXCHANGE_KINDS = frozenset(("ask", "answer", "receive", "deliver"))
_DIGESTS = ("det", "md", "prev", "req", "tag")
_MEMBERS = frozenset(("at", "det", "kind", "md", "me", "peer", "prev", "req", "tag", "v"))
_PLACE = re.compile(r"[a-z0-9./-]{0,193}").fullmatch


@dataclass(frozen=True, slots=True)
class Leaf:
    """The body of a leaf. Digests are 32 bytes, or empty where they do not apply; `at` POSIX seconds."""

    at: int
    kind: str
    me: str
    peer: str
    det: bytes
    tag: bytes
    prev: bytes
    md: bytes = b""
    req: bytes = b""


@dataclass(frozen=True, slots=True)
class SubjectKeys:
    """The two keys of one patient, 32 bytes each."""

    tag: bytes
    wrap: bytes

    def __repr__(self) -> str:
        return "SubjectKeys(…)"


def subject_keys(secret: bytes) -> SubjectKeys:
    """`K_tag` and `K_wrap` by HKDF-SHA256 from `K_s`, 32 random bytes."""
    if len(secret) != 32:
        raise ValueError("K_s is 32 bytes")
    return SubjectKeys(
        _derive(secret, b"carepact/subject/tag\0"), _derive(secret, b"carepact/subject/wrap\0")
    )


def leaf_tag(k_tag: bytes, n: int) -> bytes:
    """`tag` of the patient's n-th leaf, n from 1."""
    return hmac.digest(k_tag, b"leaf\0" + _counter(n), "sha256")


def leaf_prev(k_tag: bytes, n: int, previous: bytes | None) -> bytes:
    """`prev` of the n-th leaf: over the leaf hash of n-1, or 32 zeros (None) for the first."""
    if (previous is None) != (n == 1):
        raise ValueError("only the first leaf has no previous one")
    return hmac.digest(k_tag, b"prev\0" + _counter(n) + (previous or bytes(32)), "sha256")


def detail_digest(blind: bytes, detail: bytes) -> bytes:
    """`det` = SHA-256(blind ‖ detail); the 32-byte blind keeps it from being guessed."""
    return hashlib.sha256(blind + detail).digest()


def leaf_bytes(leaf: Leaf) -> bytes:
    """The exact bytes that are hashed and kept; `ProofRefused` for a leaf that section 9 does not allow."""
    _require_leaf(leaf)
    members: dict[str, object] = {"at": leaf.at, "kind": leaf.kind, "me": leaf.me, "peer": leaf.peer, "v": 1}
    return emit(members | {name: b64u(getattr(leaf, name)) for name in _DIGESTS})


def leaf_from_bytes(data: bytes) -> Leaf:
    """The leaf in exactly these bytes; any other spelling of the same leaf is refused."""
    try:
        members = require_members(parse_object(data), _MEMBERS)
        if require_integer(members["v"]) != 1:
            raise SyntaxRefused
        leaf = Leaf(
            at=require_integer(members["at"]),
            kind=require_text(members["kind"], KINDS.__contains__),
            me=require_text(members["me"], is_address),
            peer=require_text(members["peer"], _PLACE),
            **{name: unb64u(members[name]) for name in _DIGESTS},
        )
    except SyntaxRefused:
        raise ProofRefused("not a leaf") from None
    if leaf_bytes(leaf) != data:
        raise ProofRefused("not a leaf")
    return leaf


def _require_leaf(leaf: Leaf) -> None:
    digests = {name: getattr(leaf, name) for name in _DIGESTS}
    if leaf.kind not in KINDS or not is_address(leaf.me) or (leaf.peer and not is_address(leaf.peer)):
        raise ProofRefused("not a leaf")
    if any(len(value) not in (0, 32) for value in digests.values()):
        raise ProofRefused("a digest is 32 bytes")
    # What a peer sees must not say which exchange had a match: nothing is empty there but `req` in `ask`.
    if leaf.kind in EXCHANGE_KINDS:
        empty = {name for name, value in digests.items() if not value}
        if not leaf.peer or empty - ({"req"} if leaf.kind == "ask" else set()):
            raise ProofRefused("an exchange leaf has every member")


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, info).derive(secret)


def _counter(n: int) -> bytes:
    if n < 1:
        raise ValueError("leaves of a patient count from 1")
    return struct.pack(">Q", n)
