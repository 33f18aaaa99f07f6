"""L3: which consents of a patient count, and what they say together (consent.md 6).

Strength decides, never specificity: DENY! > DENY > PERMIT > LIMIT > NA. So explicit permits add up,
"nothing but
2022" defeats implied consent, and a withdrawn newest consent never resurrects an older one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from consent.agreement import SharingAgreement
from consent.directory import Directory
from consent.facts import Facts
from consent.instants import Micros
from consent.person import may_consent
from consent.provision import Asked, inside
from consent.record import DEFAULT_SCOPE, ConsentView
from consent.sharing import may_record_consent
from consent.tree import DENY, DENY_EMERGENCY, LIMIT, NA, PERMIT, VALUES, Node, fold, judge
from consent.vocabulary import purpose_under


class Voice(msgspec.Struct, frozen=True):
    """One consent that speaks, its tree folded. `node` is None if it is uncomputable; `void`: its permit
    is.
    """

    view: ConsentView
    node: Node | None
    void: bool
    lapsed: bool = False
    """It was superseded by one that was withdrawn and then called an error: its permit is not given anew."""


class Heard(msgspec.Struct, frozen=True):
    """What all consents of one patient say of one resource."""

    value: int
    code: str
    entry: Mapping[str, Any]
    """For the trace."""


def speaking(
    consents: Iterable[ConsentView], patient: str, asked: Asked, as_of: Micros,
    agreements: Sequence[SharingAgreement], parental_until: int,
) -> tuple[Voice, ...]:  # fmt: skip
    """Select, supersede by key, drop what is outside its period, fold; in a fixed order."""
    consents = tuple(consents)
    last = _last_known(consents, as_of)
    counted = [view for view in last if _counts(view, patient, asked, as_of)]
    disowned = [view for view in _disowned(consents, last, as_of) if _counts(view, patient, asked, as_of)]
    voices = []
    for view in _newest_by_key(counted):
        period = view.root.period
        if view.tree is not None and period is not None and not inside(asked.at, period):
            continue
        void = not _authorised(view, asked, agreements, parental_until)
        node = fold(view.tree, asked) if view.tree is not None else None
        voices.append(Voice(view, node, void, any(_supersedes(one, view) for one in disowned)))
    voices.sort(key=lambda voice: (voice.view.id or "", voice.view.version))
    return tuple(voices)


def _last_known(consents: Iterable[ConsentView], as_of: Micros) -> list[ConsentView]:
    """Per id the last version known at `as_of`; a tie: all of them. One without id stands for itself."""
    last: dict[str, list[ConsentView]] = {}
    alone = []
    for view in consents:
        if view.known > as_of:
            continue
        if view.id is None:
            alone.append(view)
            continue
        held = last.get(view.id)
        if held is None or (view.known, view.version) > (held[0].known, held[0].version):
            last[view.id] = [view]
        elif (view.known, view.version) == (held[0].known, held[0].version):
            held.append(view)
    return [*alone, *(view for views in last.values() for view in views)]


def _disowned(
    consents: Iterable[ConsentView], last: Iterable[ConsentView], as_of: Micros
) -> list[ConsentView]:
    """Withdrawals whose consent was called an error afterwards (ADR 6)."""
    errors = {view.id for view in last if view.status == "entered-in-error" and view.id is not None}
    if not errors:
        return []
    return [
        view
        for view in consents
        if view.id in errors and view.known <= as_of and view.status in ("inactive", "rejected")
    ]


def _key(view: ConsentView) -> tuple[frozenset[str], ...]:
    return view.scopes, view.organizations, view.policies


def _supersedes(newer: ConsentView, older: ConsentView) -> bool:
    """Of the same key, and not surely older."""
    surely = newer.given_until is not None and older.given is not None and newer.given_until < older.given
    return _key(newer) == _key(older) and not surely


def _counts(view: ConsentView, patient: str, asked: Asked, as_of: Micros) -> bool:
    """About this patient (or nobody readable), given by now, of a status, scope and custodian that count."""
    research = "research" in view.scopes and purpose_under(asked.purpose, ("HRESCH",))
    named = view.organizations
    return (
        view.patient in (patient, None)
        and (view.given is None or view.given <= as_of)
        and view.status in ("active", "inactive", "rejected")
        and (DEFAULT_SCOPE in view.scopes or research)
        and (not named or "?" in named or not named.isdisjoint(asked.custodian_chain))
    )


def _newest_by_key(views: Iterable[ConsentView]) -> list[ConsentView]:
    """Only the newest of each key stay, withdrawn ones too; of these only active ones speak.

    One that says a day may be as late as its last moment: it stays beside all of that day, and so a refusal
    dated today is not superseded by what was permitted this morning.
    """
    by_key: dict[tuple[frozenset[str], ...], list[ConsentView]] = {}
    for view in views:
        by_key.setdefault(_key(view), []).append(view)
    kept = []
    for held in by_key.values():
        if len(held) == 1:
            kept += held
            continue
        latest = max((view.given for view in held if view.given is not None), default=None)
        kept += [v for v in held if v.given_until is None or latest is None or v.given_until >= latest]
    return [view for view in kept if view.status == "active"]


def superseding(views: Sequence[ConsentView]) -> tuple[ConsentView, ...]:
    """Of her consents, each as last known: the active ones that no other of the same key silences."""
    return tuple(_newest_by_key(views))


def silenced(view: ConsentView, others: Sequence[ConsentView]) -> tuple[ConsentView, ...]:
    """Which of her other consents, each as last known, speak until this one is given and no longer after."""
    before = [one for one in _newest_by_key(others) if one.given is not None]
    after = _newest_by_key([*others, view])
    return tuple(one for one in before if one not in after)


def _authorised(
    view: ConsentView, asked: Asked, agreements: Sequence[SharingAgreement], parental_until: int
) -> bool:
    """Its permit counts: given by the patient or one who could consent for her then, recorded by one who
    may.
    """
    directory: Directory = asked.directory
    if view.performers and not any(
        reference == view.patient
        or (reference is not None and view.patient is not None and view.given is not None
            and may_consent(reference, view.patient, view.given, directory, parental_until))
        for reference in view.performers
    ):  # fmt: skip
        return False
    custodian = asked.custodian_chain[0]
    return view.recorder is None or may_record_consent(
        view.recorder, custodian, directory, agreements, asked.at
    )


def hear(voices: Sequence[Voice], facts: Facts) -> Heard:
    """The strongest of all that is said, and its code."""
    best, said_by, origin = NA, None, None
    voided = None
    computed_denial = False
    for voice in voices:
        value, node = _says(voice, facts)
        computed_denial = computed_denial or (value >= DENY and node is not None)
        if value == PERMIT and voice.lapsed:
            value = NA
        if value == PERMIT and voice.void:
            voided, value = voice, NA
        if value > best:
            best, said_by, origin = value, voice, node
    code = _code(best, computed_denial, voided is not None)
    return Heard(best, code, _entry(best, said_by or (voided if best == NA else None), origin, facts))


def _says(voice: Voice, facts: Facts) -> tuple[int, Node | None]:
    if voice.node is None:
        return (DENY_EMERGENCY if voice.view.emergency else DENY), None
    return judge(voice.node, facts)


def _code(value: int, computed: bool, voided: bool) -> str:
    if value >= DENY:
        return "consent-deny" if computed else "consent-uncomputable"
    if value == PERMIT:
        return "consent-permit"
    if value == LIMIT:
        return "outside-permitted-data"
    return "performer-not-authorised" if voided else "no-consent"


def _entry(value: int, voice: Voice | None, node: Node | None, facts: Facts) -> dict[str, Any]:
    entry: dict[str, Any] = {"layer": "L3", "value": VALUES[value]}
    if voice is None:
        return entry
    entry["consent"] = voice.view.ref
    fault = voice.view.uncomputable
    if fault is not None:
        entry["path"] = fault.path
    elif node is not None:
        entry["path"] = node.of.rule.path
        entry["matched"] = list(node.of.stated)
    return entry
