"""A patient's receipt: her leaves of one node's log, with all that a stranger needs to check them offline.

JSON of the strict form (trust-and-ledger.md 13):

    {"v":1, "me", "at", "checkpoint", "chains":[{"k_tag", "entries":[ENTRY, …]}], "statement", "trust":{…}}
    ENTRY: {"index", "leaf", "proof":[…], "blind", "detail"} and, where reconciled, "partner" (`keys.partner`)

`checkpoint` is the signed note, `statement` a JWS (`carepact-receipt+json`) over how many leaves each chain
has in a tree of that size; a person whose local records were joined has one chain for each. All bytes are
base64url. It is confidential: it is the patient's own log.

`verify_receipt`: 1. the statement, by the node's keys then; 2. the checkpoint, by its log keys; 3. each
leaf is in that tree; 4. `det` of each opening, `tag` and `prev` from 1 to n without a gap; 5. each partner is
in its own log and says the same. Refuses with `ReceiptRefused`, whose
`proof` tells a signature or proof that fails from a contradiction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from keys import jws
from keys.errors import ProofRefused, StatementRefused
from keys.leaf import Leaf, detail_digest, leaf_from_bytes, leaf_prev, leaf_tag
from keys.ledger import leaf_hash, verify_inclusion
from keys.logs import log_origin
from keys.note import Checkpoint, NoteKey, checkpoint_from_note, parse_note, verify_checkpoint
from keys.partner import KeysOf, Partner, json_from_partner, partner_from_json, verify_partner
from keys.syntax import (
    SyntaxRefused,
    b64u,
    emit,
    parse,
    parse_object,
    require_integer,
    require_list,
    require_members,
    unb64u,
)

_FILE = frozenset(("v", "me", "at", "checkpoint", "chains", "statement", "trust"))
_CHAIN = frozenset(("k_tag", "entries"))
_ENTRY = frozenset(("index", "leaf", "proof", "blind", "detail"))
MAX_ENTRIES = 1_000_000


class ReceiptRefused(Exception):
    """What does not hold. `proof`: a signature or proof (exit 6), else a contradiction (exit 5)."""

    def __init__(self, text: str, *, proof: bool) -> None:
        super().__init__(text)
        self.proof = proof


@dataclass(frozen=True, slots=True)
class ReceiptEntry:
    """One leaf with its place in the tree and its opening."""

    index: int
    leaf: bytes
    proof: tuple[bytes, ...]
    blind: bytes = field(repr=False)
    detail: bytes = field(repr=False)
    partner: Partner | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """All leaves of one local record, oldest first, and the key that ties them together."""

    k_tag: bytes = field(repr=False)
    entries: tuple[ReceiptEntry, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is in the file. `trust`: the material by which its signers may be known, as it came."""

    me: str
    at: int
    checkpoint: bytes
    chains: tuple[Chain, ...]
    statement: bytes
    trust: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """One verified line: the leaf, and what its detail says (JSON)."""

    index: int
    leaf: Leaf
    detail: Mapping[str, Any] = field(repr=False)
    partner: str = ""
    """Member whose own log says the same."""


def receipt_claims(me: str, at: int, size: int, root: bytes, chains: Sequence[Chain]) -> bytes:
    """Payload of the statement: how many leaves of each chain are in that tree, and the last of each."""
    rows = [
        {"n": len(chain.entries), "last": b64u(leaf_hash(chain.entries[-1].leaf)) if chain.entries else ""}
        for chain in chains
    ]
    return emit({"v": 1, "me": me, "at": at, "size": size, "root": b64u(root), "chains": rows})


def bytes_from_receipt(receipt: Receipt) -> bytes:
    """The file."""
    chains = [
        {"k_tag": b64u(chain.k_tag), "entries": [_json_from_entry(entry) for entry in chain.entries]}
        for chain in receipt.chains
    ]
    held = {"v": 1, "me": receipt.me, "at": receipt.at, "checkpoint": b64u(receipt.checkpoint)}
    return (
        emit(held | {"chains": chains, "statement": b64u(receipt.statement), "trust": receipt.trust}) + b"\n"
    )


def _json_from_entry(entry: ReceiptEntry) -> dict[str, Any]:
    partner = {} if entry.partner is None else {"partner": json_from_partner(entry.partner)}
    return partner | {
        "index": entry.index,
        "leaf": b64u(entry.leaf),
        "proof": [b64u(one) for one in entry.proof],
        "blind": b64u(entry.blind),
        "detail": b64u(entry.detail),
    }


def receipt_from_bytes(data: bytes) -> Receipt:
    """Read a file. Raises `SyntaxRefused` where it is no receipt."""
    held = require_members(parse_object(data.rstrip(b"\n")), _FILE)
    if (
        require_integer(held["v"]) != 1
        or not isinstance(held["me"], str)
        or not isinstance(held["trust"], dict)
    ):
        raise SyntaxRefused
    return Receipt(
        held["me"],
        require_integer(held["at"]),
        unb64u(held["checkpoint"]),
        tuple(_chain(one) for one in require_list(held["chains"], 0, 64)),
        unb64u(held["statement"]),
        held["trust"],
    )


def _chain(value: object) -> Chain:
    held = require_members(value, _CHAIN)
    entries = require_list(held["entries"], 0, MAX_ENTRIES)
    return Chain(unb64u(held["k_tag"], 32), tuple(_entry(one) for one in entries))


def _entry(value: object) -> ReceiptEntry:
    held = require_members(value, _ENTRY, frozenset(("partner",)))
    partner = partner_from_json(held["partner"]) if "partner" in held else None
    proof = tuple(unb64u(one, 32) for one in require_list(held["proof"], 0, 64))
    index, leaf = require_integer(held["index"]), unb64u(held["leaf"])
    return ReceiptEntry(index, leaf, proof, unb64u(held["blind"], 32), unb64u(held["detail"]), partner)


def verify_receipt(
    receipt: Receipt,
    resolve: jws.Resolve,
    log: Sequence[NoteKey],
    *,
    origins: Sequence[str] = (),
    keys_of: KeysOf = lambda _: ((), ()),
) -> tuple[Told, ...]:
    """Every line of it, verified, oldest first. `resolve`, `log`: keys of the node, from pinned material.

    `origins`: of its logs, its first one if none is named; `keys_of`: of members whose leaves stand beside.
    """
    try:
        claims = jws.verify(receipt.statement, jws.RECEIPT, resolve).payload  # 1
        signed = _signed(receipt, origins or (log_origin(receipt.me),), log)  # 2
    except StatementRefused:
        raise ReceiptRefused("the statement is not signed by this node's keys", proof=True) from None
    except ProofRefused:
        raise ReceiptRefused("the checkpoint is not signed by this node's log key", proof=True) from None
    if claims != receipt_claims(receipt.me, receipt.at, signed.size, signed.root, receipt.chains):
        raise ReceiptRefused("the statement is about other leaves than these", proof=False)
    told = [line for chain in receipt.chains for line in _verified(chain, receipt.me, signed, keys_of)]
    return tuple(sorted(told, key=lambda line: line.index))


def _signed(receipt: Receipt, origins: Sequence[str], log: Sequence[NoteKey]) -> Checkpoint:
    origin = checkpoint_from_note(parse_note(receipt.checkpoint)).origin
    if origin not in origins:
        raise ProofRefused("a checkpoint of another log")
    return verify_checkpoint(receipt.checkpoint, origin, [replace(key, name=origin) for key in log])


def _verified(chain: Chain, me: str, signed: Checkpoint, keys_of: KeysOf) -> list[Told]:
    told: list[Told] = []
    previous: bytes | None = None
    for n, entry in enumerate(chain.entries, 1):
        hashed = leaf_hash(entry.leaf)
        try:
            verify_inclusion(entry.index, signed.size, hashed, entry.proof, signed.root)  # 3
            leaf = leaf_from_bytes(entry.leaf)
        except ProofRefused:
            raise ReceiptRefused("a leaf is not in the tree that was signed", proof=True) from None
        if leaf.me != me or leaf.det != detail_digest(entry.blind, entry.detail):  # 4
            raise ReceiptRefused("a leaf is about something else than is told", proof=False)
        expected = (leaf_tag(chain.k_tag, n), leaf_prev(chain.k_tag, n, previous))
        if (leaf.tag, leaf.prev) != expected:
            raise ReceiptRefused("a leaf of this person is missing, swapped or repeated", proof=False)
        previous = hashed
        partner = _partner(entry, leaf, keys_of)  # 5
        told.append(Told(entry.index, leaf, _detail(entry.detail), partner))
    return told


def _partner(entry: ReceiptEntry, leaf: Leaf, keys_of: KeysOf) -> str:
    if entry.partner is None:
        return ""
    try:
        same = verify_partner(entry.partner, leaf, keys_of)
    except ProofRefused:
        raise ReceiptRefused("the other side's leaf is not provably in its log", proof=True) from None
    if not same:
        raise ReceiptRefused("the other side's leaf says something else", proof=False)
    return entry.partner.peer


def _detail(data: bytes) -> Mapping[str, Any]:
    """It was hashed by the node as it is: whatever JSON it wrote."""
    import json

    try:
        value = json.loads(data)
    except ValueError:
        raise ReceiptRefused("a detail is not JSON", proof=False) from None
    return value if isinstance(value, dict) else {}


__all__ = ["Chain", "Receipt", "ReceiptEntry", "ReceiptRefused", "Told", "parse", "verify_receipt"]
