"""What the node signs about an answer: who was asked, and the receipts of its decisions."""

from collections.abc import Mapping, Sequence
from typing import Any

from consent.decision import Decision
from consent.explain import Released, receipt, request_sha256
from consent.request import AccessRequest
from gateway.errors import Problem
from gateway.exchange.completeness import Completeness
from gateway.exchange.node import Node
from gateway.exchange.policy import Epochs
from gateway.records.interface import Record
from keys import jws
from keys.errors import UnknownKey
from keys.jws import Signer, signers_from_store
from keys.syntax import emit


def statement_signers(node: Node, at: int) -> tuple[Signer, ...]:
    """One live signing key for each algorithm that a statement needs. Raises `unavailable`."""
    try:
        return signers_from_store(node.keys, at=at)
    except UnknownKey:
        raise Problem("unavailable", hint="no live signing key: carepact doctor") from None


def completeness_statement(node: Node, completeness: Completeness) -> bytes:
    """The JWS `carepact-completeness+json`: who was asked and what became of each."""
    signers = statement_signers(node, completeness.at)
    return jws.sign(jws.COMPLETENESS, emit(completeness.statement()), signers)


def receipts_of(
    exchange: str,
    request: AccessRequest,
    decided: Sequence[tuple[Decision, Released]],
    epochs: Mapping[str, Any],
) -> tuple[bytes, ...]:
    """One receipt a decision, in the order of the records; `id` is the exchange's with its ordinal."""
    digest = request_sha256(request)
    return tuple(
        receipt(
            decision,
            request,
            about,
            id=f"{exchange}-{n}",
            exchange=exchange,
            epochs=epochs,
            request_digest=digest,
        )
        for n, (decision, about) in enumerate(decided, 1)
    )


def named(record: Record) -> Released:
    """A record as its receipt names it."""
    return Released(record.ref, str(record.version), record.custodian, record.sha256.hex())


def dated(epochs: Epochs) -> dict[str, Any]:
    """The epochs as a receipt tells them."""
    return {
        "patient": epochs.patient,
        "agreements": epochs.agreements,
        "directory": epochs.directory,
        "source_rules": epochs.source_rules,
    }
