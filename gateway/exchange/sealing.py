"""Step 12: the answer as it leaves, sealed in two phases: no signed manifest exists without its leaf."""

import hashlib
from dataclasses import dataclass, field

from gateway.errors import Problem
from gateway.exchange.node import Node
from gateway.exchange.request import Ask
from keys.envelope.draft import WORTH_COMPRESSING, Claims, Draft, draft
from keys.envelope.manifest import FHIR_JSON
from keys.envelope.seal import finish, signers_for_suite
from keys.errors import EnvelopeRefused, UnknownKey
from keys.syntax import b64u

LIFE = 600
ENVELOPE = "application/vnd.carepact.envelope"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer before its commit. `md`: manifest digest, or SHA-256(blind ‖ bytes) of one in clear."""

    body: bytes = field(repr=False)
    md: bytes
    draft: Draft | None
    at: int


def outgoing(
    node: Node, ask: Ask, body: bytes, checkpoint: bytes, *, refused: bool = False, src: tuple[str, ...] = ()
) -> Outgoing:
    """Draft the envelope to the caller's registered key, or blind and hash an answer in clear.

    `checkpoint`: the node's newest signed checkpoint, empty while its log is. `refused`: an error, which is
    never sealed and holds nothing to seal. `src`: `md` of the members' answers that are in it, b64u.
    """
    at = int(ask.at.timestamp())
    if ask.seal is None or refused:
        return Outgoing(body, hashlib.sha256(node.entropy(32) + body).digest(), None, at)
    claims = Claims(
        kind="response",
        iss=node.member,
        typ=FHIR_JSON,
        exp=min(at + LIFE, ask.seal.exp or at + LIFE),
        log=b64u(checkpoint),
        req=b64u(ask.seal.request),
        src=src,
    )
    try:
        made = draft(
            claims,
            body,
            [ask.seal.recipient],
            suite=ask.seal.suite,
            now=at,
            entropy=node.entropy,
            encoding="zstd" if len(body) >= WORTH_COMPRESSING else "identity",
        )
    except EnvelopeRefused:
        raise Problem("too_costly", hint="too large for one envelope; narrow it with _type") from None
    return Outgoing(body, made.md, made, at)


def sealed(node: Node, out: Outgoing) -> tuple[bytes, str]:
    """After the commit: the bytes that leave and their media type. Raises `unavailable` without live keys."""
    if out.draft is None:
        return out.body, FHIR_JSON
    try:
        return _finished(node, out.draft, out.at), ENVELOPE
    except UnknownKey:
        raise Problem("unavailable", hint="no live signing key: carepact doctor") from None


def _finished(node: Node, made: Draft, at: int) -> bytes:
    return finish(made, signers_for_suite(node.keys, made.suite.number, at=at)).envelope
