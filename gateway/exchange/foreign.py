"""Records of other members' answers as this node decides on them: the recipient evaluates too (consent.md 5).

Nothing of them is stored. Their facts are derived here, by our own rules; what they say of a Patient is about
the one whom the question was about. A member that names one of our records, or another member's, is not used.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from adapters.interface import SourceBatch
from adapters.losses import Losses
from adapters.times import instant
from consent.facts import facts_from_bytes
from gateway.exchange.completeness import SourceState
from gateway.exchange.node import Node
from gateway.exchange.peer.contribution import Contributed, Received
from gateway.intake.prepare import Piece, prepare
from gateway.logs import log
from gateway.records.interface import Record


@dataclass(frozen=True, slots=True)
class Foreign:
    """One member's contribution, ready to be decided on. `patients`: all references to the subject."""

    contributed: Contributed
    records: tuple[Record, ...] = field(default=(), repr=False)
    patients: frozenset[str] = frozenset()

    @property
    def states(self) -> tuple[SourceState, ...]:
        return self.contributed.states

    @property
    def refs(self) -> frozenset[str]:
        return frozenset(record.ref for record in self.records)


def foreign_from(node: Node, one: Contributed) -> Foreign:
    """Derive the facts of all that a member sent; what they cannot be derived of costs its whole line."""
    try:
        records = [record for place in _by_place(one) for record in _records(node, one, *place)]
    except Exception as error:
        log.error("contribution_unreadable", member=one.member, error=type(error).__name__)
        return Foreign(_unused(one, "malformed"))
    patients = {ref for record in records for ref in facts_from_bytes(record.digest).patients}
    patients |= {record.ref for record in records if record.type == "Patient"}
    return Foreign(one, tuple(records), frozenset(patients))


def apart(foreign: Sequence[Foreign], taken: frozenset[str], base: str) -> tuple[Foreign, ...]:
    """Those whose records have names of their own; `taken`, `base`: our own records and their base."""
    bases, kept = {base}, []
    for one in foreign:
        own = one.contributed
        if not taken.isdisjoint(one.refs) or (own.base and own.base in bases):
            log.error("contribution_refused", member=own.member, reason="unverified")
            kept.append(Foreign(_unused(own, "unverified")))
            continue
        taken, bases = taken | one.refs, bases | {own.base}
        kept.append(one)
    return tuple(kept)


def bases_of(foreign: Sequence[Foreign]) -> Mapping[tuple[str, str], str]:
    """(custodian, source) to the base of the addresses that the member gave its records."""
    return {
        (one.custodian, one.source): each.contributed.base
        for each in foreign
        for one in each.contributed.received
    }


def _by_place(one: Contributed) -> dict[tuple[str, str], list[Received]]:
    found: dict[tuple[str, str], list[Received]] = {}
    for received in one.received:
        found.setdefault((received.custodian, received.source), []).append(received)
    return {place: found[place] for place in sorted(found)}


def _records(node: Node, one: Contributed, custodian: str, source: str) -> list[Record]:
    held = _by_place(one)[(custodian, source)]
    batch = SourceBatch(tuple(r.resource for r in held), None, Losses(0, 0), "member")
    prepared = prepare(batch, intake="", custodian=custodian, digest=node.intake.digest)
    state = next(s for s in one.states if (s.org, s.source) == (custodian, source))
    seen = instant(datetime.fromtimestamp(state.as_of or state.answered or state.asked or 0, UTC))
    intakes = {r.ref: r.intake for r in held}
    return [_record(piece, custodian, source, intakes[piece.ref], seen) for piece in prepared.pieces]


def _record(piece: Piece, custodian: str, source: str, intake: str, seen: str) -> Record:
    return Record(
        ref=piece.ref,
        patient=piece.patients[0] if piece.patients else "",
        body=piece.body,
        digest=piece.digest,
        sha256=hashlib.sha256(piece.body).digest(),
        custodian=custodian,
        source=source,
        version=1,
        intake=intake,
        event_time="",
        seen=seen,
    )


def _unused(one: Contributed, reason: str) -> Contributed:
    asked = next((state.asked for state in one.states), None)
    return replace(
        Contributed(one.member, (replace(SourceState(one.member, "", "failed", reason), asked=asked),)),
        md=one.md,
        jws=one.jws,
    )
