"""An answer as a health system holds it: verified bytes, and the signed statement of who was asked.

`answer_from_envelope` is the way that counts: nothing is parsed before the envelope holds. The statement is
verified in both ways, against the node's keys in the trust list.
"""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.client.errors import Unverified
from gateway.fhir.json import BadJSON, decode
from gateway.fhir.outcome import STATEMENT_EXTENSION
from keys import jws
from keys.envelope.binding import ExpectResponse, Opening
from keys.envelope.events import Opened
from keys.envelope.open import open_envelope
from keys.envelope.recipient import kem_keys_from_store
from keys.errors import EnvelopeRefused, NotReady, StatementRefused
from keys.interface import KeyStore
from keys.store.memory import MemoryReplay
from keys.syntax import SyntaxRefused, parse_object
from keys.trust import TrustList

SUITE = 3
"""The default suite; a node that answers with less is not believed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an answer must be the answer to: whom we asked, as whom, and the digest of the request."""

    member: str
    address: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves the answer: the signed manifest, the blind, and the content as it was encoded.

    `jws` and `md` name no person and may be kept for good, `blind` and `content` as long as the record.
    """

    jws: bytes
    blind: bytes
    md: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A FHIR Bundle with the statement about its sources. `raw`: the exact bytes, decimals as they came."""

    bundle: Mapping[str, Any]
    raw: bytes
    statement: Mapping[str, Any]
    evidence: Evidence | None

    @property
    def complete(self) -> bool:
        """Every source that should have been asked answered in full."""
        return bool(self.statement["status"] == "complete")

    @property
    def exchange(self) -> str:
        """The id that `carepact exchange show`, receipts and audit carry."""
        return str(self.statement["exchange"])

    @property
    def sources(self) -> tuple[dict[str, Any], ...]:
        """One row for each source: `org`, `source`, `state`, and what that state brings with it."""
        return tuple(dict(row) for row in self.statement["sources"])

    @property
    def resources(self) -> tuple[Mapping[str, Any], ...]:
        """The resources of the record, without the outcome entry and the answer's own Provenance."""
        held = (entry["resource"] for entry in self.bundle.get("entry", []))
        return tuple(r for r in held if r["resourceType"] != "OperationOutcome" and not _is_assembly(r))

    def counts(self) -> dict[str, int]:
        """Resources per type, sorted by name."""
        return dict(sorted(Counter(r["resourceType"] for r in self.resources).items()))


def answer_from_envelope(
    envelope: bytes,
    request: Request,
    keys: KeyStore,
    trust: TrustList,
    *,
    now: int,
    replay: MemoryReplay,
) -> Answer:
    """Open, verify, read. Raises `Unverified`, whatever was wrong."""
    held = kem_keys_from_store(keys, now=now)
    opened = None
    for key in held:
        expect = ExpectResponse(request.member, request.digest, key.kid, SUITE)
        opening = Opening(request.address, trust, (key,), expect, replay, now, acknowledged=False)
        try:
            opened = open_envelope(envelope, opening)
        except (EnvelopeRefused, NotReady):
            continue
    if not isinstance(opened, Opened):
        raise Unverified("the envelope was refused")
    manifest = opened.manifest
    replay.record(manifest.iss, manifest.jti, opened.md, manifest.exp)
    evidence = Evidence(opened.jws, opened.blind, opened.md, opened.encoded)
    return _answer(opened.content, manifest.iss, trust, now, evidence)


def answer_from_json(raw: bytes, member: str, trust: TrustList, *, now: int) -> Answer:
    """An answer in clear: only its statement is verified. Raises `Unverified`."""
    return _answer(raw, member, trust, now, None)


def _answer(raw: bytes, member: str, trust: TrustList, now: int, evidence: Evidence | None) -> Answer:
    try:
        bundle = decode(raw)
    except BadJSON:
        raise Unverified("the answer is not FHIR JSON") from None
    if not _is_bundle(bundle):
        raise Unverified("the answer is no Bundle")
    answer = Answer(bundle, raw, _statement(bundle, member, trust, now), evidence)
    if not _is_about(answer):
        raise Unverified("the completeness statement is about another answer")
    return answer


def _is_bundle(value: Any) -> bool:
    """A Bundle whose entries are resources: as much shape as is read here."""
    if not isinstance(value, dict) or value.get("resourceType") != "Bundle":
        return False
    entries = value.get("entry", [])
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("resource"), dict)
        and isinstance(entry["resource"].get("resourceType"), str)
        for entry in entries
    )


def _is_about(answer: Answer) -> bool:
    """Exchange id and, in a searchset, every count: nothing was taken out of the answer or put into it."""
    if answer.bundle.get("id") != answer.exchange:
        return False
    told: Counter[str] = Counter()
    for row in answer.sources:
        told.update(row.get("counts", {}))
    return answer.bundle.get("type") != "searchset" or answer.counts() == dict(told)


def _statement(bundle: Mapping[str, Any], member: str, trust: TrustList, now: int) -> Mapping[str, Any]:
    """The signed completeness statement; an answer without one is not believed."""
    encoded = _carried(bundle)
    if encoded is None:
        raise Unverified("the answer does not say who was asked")
    try:
        block = base64.b64decode(encoded, validate=True)
        verified = jws.verify(block, jws.COMPLETENESS, trust.resolver(member, now))
        statement = parse_object(verified.payload)
    except (ValueError, StatementRefused, SyntaxRefused):
        raise Unverified("the completeness statement does not verify") from None
    sources = statement.get("sources")
    if statement.get("iss") != member or not (sources and isinstance(sources, list)):
        raise Unverified("the completeness statement is not this node's")
    if not all(isinstance(row, dict) for row in sources) or not {"status", "exchange"} <= statement.keys():
        raise Unverified("the completeness statement is not of its form")
    return statement


def _carried(bundle: Mapping[str, Any]) -> str | None:
    """Base64 of the block: extension of the outcome entry, or signature of the assembly Provenance."""
    for entry in bundle.get("entry", []):
        resource = entry["resource"]
        for extension in _members(resource, "extension"):
            if extension.get("url") == STATEMENT_EXTENSION:
                return str(extension.get("valueBase64Binary"))
        if _is_assembly(resource):
            return str(_members(resource, "signature")[0].get("data"))
    return None


def _is_assembly(resource: Mapping[str, Any]) -> bool:
    return resource.get("resourceType") == "Provenance" and any(
        signature.get("sigFormat") == "application/jose" for signature in _members(resource, "signature")
    )


def _members(resource: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list; whatever else stands there is none of ours."""
    found = resource.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
