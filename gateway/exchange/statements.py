"""What the node signs about an answer: who was asked, and the receipts of its decisions."""

from collections.abc import Sequence

from consent.explain import Released, receipt, request_sha256
from consent.request import AccessRequest
from gateway.errors import Problem
from gateway.exchange.completeness import Completeness
from gateway.exchange.decide import Decided
from gateway.exchange.node import Node
from gateway.exchange.policy import Epochs
from gateway.exchange.request import Ask
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
    ask: Ask, request: AccessRequest, decided: Sequence[Decided], epochs: Epochs
) -> tuple[bytes, ...]:
    """One receipt a decision, in the order of the records; `id` is the exchange's with its ordinal."""
    digest = request_sha256(request)
    dated = {
        "patient": epochs.patient,
        "agreements": epochs.agreements,
        "directory": epochs.directory,
    }
    return tuple(
        receipt(
            one.decision,
            request,
            Released(one.record.ref, str(one.record.version), one.record.custodian, one.record.sha256.hex()),
            id=f"{ask.exchange}-{n}",
            exchange=ask.exchange,
            epochs=dated,
            request_digest=digest,
        )
        for n, one in enumerate(decided, 1)
    )
