"""What the decisions of one exchange were made from, kept so that each can be derived again (consent.md 16).

1. The request with its two instants, the versions of consents, the agreements with how many statements, the
   register, the pack and the source rules by digest, whether the one who asked was barred, and of each record
   its facts; her birth, where a right depends on it.
2. Sealed like the receipts, under the person's key; written in the releasing transaction, never changed.
3. Packs, registers and source rules are kept once each, as bytes.
"""

import json
import zlib

import msgspec
from sqlalchemy import Connection, insert, select

from consent.directory import directory_to_json
from consent.request import access_request_to_json
from gateway.audit.interface import PersonVault
from gateway.audit.sql import decision_basis, policy_document
from gateway.exchange.decide import Decided
from gateway.exchange.node import Node
from gateway.exchange.policy import Policy
from gateway.exchange.statements import dated

MAX_BASIS = 512 * 1024 * 1024


class Subject(msgspec.Struct, frozen=True, array_like=True):
    """One record that was decided on: as the receipt names it, and its stored facts."""

    ref: str
    version: str
    custodian: str
    sha256: str
    facts: bytes


class Basis(msgspec.Struct, frozen=True):
    """`consents`: id and version; `agreements`: id, version, and how many of its statements there were."""

    request: bytes
    person: str | None
    consents: list[tuple[str, int]]
    agreements: list[tuple[str, int, int]]
    organisations: list[str]
    register: str
    pack: str
    bar: str | None
    epochs: dict[str, int | str]
    aliases: dict[str, str]
    subjects: list[Subject]
    v: int = 1
    source_rules: str = ""
    """Digest of the file; empty where the node had none."""
    birth: str | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Basis)


def basis_of(
    node: Node, policy: Policy, person: str | None, decided: tuple[Decided, ...], aliases: dict[str, str]
) -> bytes:
    """The bytes that `keep` stores; made before the transaction."""
    basis = Basis(
        request=json.dumps(access_request_to_json(policy.request)).encode(),
        person=person,
        consents=[(view.id or "", view.version) for view in policy.consents],
        agreements=[(one.id, one.version, len(one.statements)) for one in policy.agreements],
        organisations=sorted(node.organisations),
        register=policy.register.sha256,
        pack=node.floor.sha256,
        bar=policy.epochs.bar,
        epochs=dated(policy.epochs),
        aliases=aliases,
        subjects=[
            Subject(one.record.ref, str(one.record.version), one.record.custodian, one.record.sha256.hex(),
                    one.record.digest)
            for one in decided
        ],
        source_rules=policy.source_rules.sha256,
        birth=policy.epochs.birth,
    )  # fmt: skip
    return zlib.compress(_ENCODER.encode(basis), 1)


def keep(
    connection: Connection, node: Node, exchange: str, policy: Policy, person: str | None, data: bytes
) -> None:
    """Store the basis of one exchange, with pack and register where they are not kept yet."""
    vault = node.room(connection).vault
    sealed = vault.seal(_key(exchange, person), data, _place(exchange))
    row = {"exchange": exchange, "person": person, "sealed": sealed}
    connection.execute(insert(decision_basis).values(row))
    if not _has(connection, "pack", node.floor.sha256):
        _keep_document(connection, vault, "pack", node.floor.sha256, node.floor.document)
    if not _has(connection, "register", policy.register.sha256):
        register = json.dumps(directory_to_json(policy.register.consent)).encode()
        _keep_document(connection, vault, "register", policy.register.sha256, register)
    rules = policy.source_rules
    if rules.sha256 and not _has(connection, "source-rules", rules.sha256):
        _keep_document(connection, vault, "source-rules", rules.sha256, rules.document)


def find(connection: Connection, exchange: str, vault: PersonVault) -> Basis | None:
    """The basis of an exchange, None if none is kept. Raises `SealBroken` (`KeyErased`)."""
    row = connection.execute(
        select(decision_basis).where(decision_basis.c.exchange == exchange)
    ).one_or_none()
    if row is None:
        return None
    data = vault.open(_key(exchange, row.person), row.sealed, _place(exchange))
    return _DECODER.decode(zlib.decompressobj().decompress(data, MAX_BASIS))


def document(connection: Connection, kind: str, sha256: str, vault: PersonVault) -> bytes | None:
    """A pack, register or file of source rules as it was, by digest."""
    c = policy_document.c
    sealed = connection.execute(
        select(c.sealed).where(c.kind == kind, c.sha256 == sha256)
    ).scalar_one_or_none()
    return (
        None
        if sealed is None
        else vault.open(f"policy/{kind}/{sha256}", sealed, f"{kind}\0{sha256}".encode())
    )


def _has(connection: Connection, kind: str, sha256: str) -> bool:
    c = policy_document.c
    return connection.execute(select(c.kind).where(c.kind == kind, c.sha256 == sha256)).first() is not None


def _keep_document(connection: Connection, vault: PersonVault, kind: str, sha256: str, data: bytes) -> None:
    sealed = vault.seal(f"policy/{kind}/{sha256}", data, f"{kind}\0{sha256}".encode())
    connection.execute(insert(policy_document).values(kind=kind, sha256=sha256, sealed=sealed))


def _key(exchange: str, person: str | None) -> str:
    return person if person is not None else f"receipts/{exchange}"


def _place(exchange: str) -> bytes:
    return f"carepact/basis\0{exchange}".encode()
