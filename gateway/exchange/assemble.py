"""Step 11: the answer as bytes, spliced from what was released, with the statement of who was asked.

Each source's Patient stays its own entry; nothing is averaged, merged away or rewritten.
`Bundle.meta.security` is the highest confidentiality released and the obligations, never a sensitivity
(consent.md 11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.identity import meta_source
from adapters.times import instant
from consent.decision import Permit
from gateway.errors import Problem
from gateway.exchange.completeness import Completeness, SourceState
from gateway.exchange.decide import Decided
from gateway.exchange.foreign import Foreign, bases_of
from gateway.exchange.merge import Contribution, merged
from gateway.exchange.node import Node
from gateway.exchange.request import Ask
from gateway.exchange.warnings import warnings_of
from gateway.fhir.bundle import Entry, searchset
from gateway.fhir.json import decode_own, encode
from gateway.fhir.outcome import completeness_outcome
from gateway.fhir.provenance import assembly, contribution
from gateway.fhir.summary import Released, Scope, summarise

_LADDER = "ULMNRV"
_SOURCE = b'"source":"urn:carepact:source:'
_CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@dataclass(frozen=True, slots=True)
class Marks:
    """What travels with the whole Bundle."""

    confidentiality: str
    obligations: tuple[str, ...]

    def security(self) -> list[dict[str, str]]:
        return [{"system": _CONFIDENTIALITY, "code": self.confidentiality}] + [
            {"system": _ACT_CODE, "code": code} for code in self.obligations
        ]


def released(decided: Sequence[Decided], types: Sequence[str]) -> tuple[Decided, ...]:
    """What leaves: released, of the types asked for, each content once (merge law 4), in a stable order."""
    chosen = [one for one in decided if one.body is not None and one.record.type in types]
    kept = merged(
        Contribution(one.record.custodian, one.record.source, one.record.ref, one.body or b"")
        for one in chosen
    )
    by_ref = {(one.record.custodian, one.record.source, one.record.ref): one for one in chosen}
    return tuple(by_ref[(c.custodian, c.source, c.ref)] for c in kept)


def with_source(one: Decided) -> Decided:
    """A record that names its source itself: another node has nothing else to tell by. A copy, if need be."""
    record = one.record
    if one.body is None or _SOURCE in one.body:
        return one
    resource = decode_own(one.body)
    named = meta_source(record.custodian, record.source, record.intake)
    resource["meta"] = resource.get("meta", {}) | {"source": named}
    return replace(one, body=encode(resource))


def states_after(
    sources: Sequence[SourceState], leaving: Sequence[Decided], blind: bytes, decided: Sequence[Decided] = ()
) -> tuple[SourceState, ...]:
    """Each source as the decisions left it: `answered` only if something of it leaves.

    `decided`: all decisions, also on types that were not asked for: what a List that may leave warns of is
    told with any part of its source's record.
    """
    if not leaving:
        return tuple(state.released((), blind).unmatched() for state in sources)
    warned = warnings_of((one.record.custodian, one.record.source, one.body) for one in decided)
    return tuple(
        _state_after(state, leaving, blind, warned.get((state.org, state.source), ())) for state in sources
    )


def _state_after(
    state: SourceState, leaving: Sequence[Decided], blind: bytes, incomplete: tuple[str, ...]
) -> SourceState:
    own = [one for one in leaving if (one.record.custodian, one.record.source) == (state.org, state.source)]
    newest = max((datetime.fromisoformat(one.record.seen) for one in own), default=None)
    bodies = [(one.record.type, one.body or b"") for one in own]
    return state.released(bodies, blind, int(newest.timestamp()) if newest else None, incomplete)


def _full_url(node: Node, bases: Mapping[tuple[str, str], str], one: Decided) -> str:
    """What another member sent keeps that member's address: so its references go on meaning its own."""
    base = bases.get((one.record.custodian, one.record.source), node.base)
    return f"{base}/{one.record.ref}"


def _target(node: Node, bases: Mapping[tuple[str, str], str], one: Decided) -> str:
    own = (one.record.custodian, one.record.source) not in bases
    return one.record.ref if own else _full_url(node, bases, one)


def _contributions(node: Node, ask: Ask, shown: Sequence[Foreign], leaving: Sequence[Decided]) -> list[Entry]:
    """One Provenance a member whose answer is in this one: its signed manifest, as received."""
    entries = []
    for place, one in enumerate(shown, 1):
        own = bases_of([one])
        targets = [_full_url(node, own, each) for each in leaving
                   if (each.record.custodian, each.record.source) in own]  # fmt: skip
        id = f"{ask.exchange[:26]}-c{place}"
        made = contribution(
            id=id, targets=targets, recorded=instant(ask.at), member=one.contributed.member,
            manifest=one.contributed.jws,
        )  # fmt: skip
        entries.append(Entry(f"{node.base}/Provenance/{id}", encode(made), "include"))
    return entries


def marks(leaving: Sequence[Decided], obligations: Sequence[str] = ()) -> Marks:
    """Highest confidentiality and all obligations of what leaves; `N` and none for an empty answer.

    `obligations`: what members demand of whoever gets what they sent.
    """
    levels = [one.facts.labels.confidentiality for one in leaving]
    codes = {code for one in leaving if isinstance(one.decision, Permit) for code in one.decision.obligations}
    return Marks(_LADDER[max(levels)] if levels else "N", tuple(sorted(codes.union(obligations))))


def assemble(
    node: Node, ask: Ask, leaving: Sequence[Decided], completeness: Completeness, statement: bytes,
    foreign: Sequence[Foreign] = (),
) -> bytes:  # fmt: skip
    """The Bundle as bytes: a searchset, or a summary document. Raises `not_available` without a subject."""
    places = {(one.record.custodian, one.record.source) for one in leaving}
    shown = [one for one in foreign if places & {(s.org, s.source) for s in one.states}]
    security = marks(leaving, [code for one in shown for code in one.contributed.obligations])
    bases = bases_of(shown)
    if ask.shape == "summary":
        return _summary(node, ask, leaving, completeness, statement, security)
    rows = completeness.rows()
    outcome = encode(completeness_outcome(rows, statement, f"{ask.exchange[:26]}-o"))
    entries = [Entry(None, outcome, "outcome")]
    entries += [Entry(_full_url(node, bases, one), one.body or b"", "match") for one in leaving]
    if ask.shape == "everything" and leaving:
        entries += _contributions(node, ask, shown, leaving)
        targets = [_target(node, bases, one) for one in leaving]
        made = encode(_assembly(node, ask, targets, leaving, statement))
        entries.append(Entry(f"{node.base}/Provenance/{ask.exchange[:26]}-p", made, "include"))
    return searchset(
        entries,
        id=ask.exchange,
        timestamp=instant(ask.at),
        self_url=ask.self_url,
        security=security.security(),
        total=len(leaving) if completeness.complete and leaving else None,
    )


def _summary(
    node: Node,
    ask: Ask,
    leaving: Sequence[Decided],
    completeness: Completeness,
    statement: bytes,
    security: Marks,
) -> bytes:
    patients = [one.record.ref for one in leaving if one.record.type == "Patient"]
    if not patients:
        raise Problem("not_available")
    # Where the source of the very Patient that was named did not answer, another's of the same person.
    named = f"Patient/{ask.subject}"
    subject = named if named in patients else patients[0]
    scope = Scope(
        patient=subject,
        at=instant(ask.at),
        node=node.member,
        bundle_id=ask.exchange,
        security=security.security(),
        confidentiality=security.confidentiality,
    )
    made = _assembly(node, ask, [subject], leaving, statement)
    bodies = [Released(one.body or b"", one.record.custodian, one.record.source) for one in leaving]
    return summarise(bodies, completeness.rows(), scope, made)


def _assembly(
    node: Node, ask: Ask, targets: Sequence[str], leaving: Sequence[Decided], statement: bytes
) -> dict[str, Any]:
    names = sorted({f"{one.record.custodian}/{one.record.source}" for one in leaving})
    return assembly(
        id=f"{ask.exchange[:26]}-p",
        targets=targets,
        recorded=instant(ask.at),
        node=node.member,
        statement=statement,
        sources=names,
    )
