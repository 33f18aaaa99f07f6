"""Merges, links and moves of patients and visits (HL7 v2.9 chapter 3.6; normalisation.md 3.4, S09 to S18).

In each patient group PID says who is right and MRG who was wrong. The record of MRG is a stub: it has the
identifiers and the name that MRG gives, and fills in what the node did not know. Accounts are kept raw.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from adapters.hospital.acts import REPLACED_BY, REPLACES, SEE_ALSO, Act
from adapters.hospital.codes import table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.groups import Person
from adapters.hospital.identifiers import Named, first_key, identifier_from_cx
from adapters.hospital.message import Segment
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.adt import map_clinical
from adapters.hospital.messages.person import Known, attempt_in
from adapters.hospital.people import name_from_xpn
from adapters.interface import JSON

MERGES = frozenset("A18 A30 A34 A36 A39 A40".split())
RENUMBERED = frozenset("A46 A47 A48".split())
MOVED = frozenset({"A43"})
VISITS = frozenset("A42 A45 A50 A51".split())
PAIRS = frozenset("A24 A37".split())
EVENTS = MERGES | RENUMBERED | MOVED | VISITS | PAIRS
SEGMENTS = PATIENT_SEGMENTS | {"MRG"}


def map_group(context: Context, person: Person, known: Known) -> None:
    """What one patient group says, and what it merges, renumbers or moves; each MRG a unit."""
    map_clinical(context, person, known)
    if context.event not in PAIRS and not person.all("MRG"):
        # A merge that does not say of whom is told as what it is, not done in silence.
        event = context.message.header.first(9)
        event.lose("failed", "fragment", "Patient.link", [(2, 1)])
    for mrg in person.all("MRG"):
        work = _move_visit if context.event in VISITS else _merge_prior
        attempt_in(context, known.patient, mrg, partial(work, context, mrg, known))


def map_pairs(context: Context, found: list[tuple[Known, Person]]) -> None:
    """All patients known: A24 links two without merging them, A37 takes any link away (S14, S16)."""
    references = list(dict.fromkeys(known.patient.reference for known, _ in found))
    for one in references:
        if one in context.acts:
            # PID speaks of this patient in full, whatever an MRG of the same message calls her.
            context.acts[one] = replace(context.acts[one], stub=False)
    if context.event not in PAIRS:
        return
    for one in references:
        others = [other for other in references if other != one]
        if context.event == "A24":
            _add(context, one, links={other: {"type": SEE_ALSO} for other in others})
        else:
            _add(context, one, unlinks=tuple(others))


def _add(
    context: Context,
    reference: str,
    *,
    links: Mapping[str, JSON] | None = None,
    unlinks: tuple[str, ...] = (),
    removes: tuple[tuple[str, str], ...] = (),
    stub: bool = False,
    moved: bool = False,
    takes: str = "",
) -> None:
    """Say more of what the message does to one resource."""
    before = context.acts.get(reference, Act())
    context.acts[reference] = replace(
        before,
        # Of two opposite merges in one message the first stands.
        links={**(links or {}), **before.links},
        unlinks=(*before.unlinks, *unlinks),
        removes=(*before.removes, *removes),
        stub=before.stub or stub,
        moved=before.moved or moved,
        takes=before.takes or takes,
    )


def _merge_prior(context: Context, mrg: Segment, known: Known) -> None:
    new = known.patient
    old = _prior_patient(context, mrg, new)
    if old is None:
        mrg.lose("failed", "no-patient", "Patient.link")
    elif old.reference == new.reference:
        context.message.account.remark(mrg.position, "altered", "conflict")  # merged into itself: nothing
    else:
        _merge(context, new, old)
        context.merges.append((old.reference, new.reference, mrg))


def _merge(context: Context, new: Draft, old: Draft) -> None:
    """The old record is inactive and found through the new one; A43 takes its identifiers away for good."""
    identifiers: list[JSON] = [dict(one) for one in old.body.get("identifier", ())]
    replaces: JSON = {"type": REPLACES}
    if context.event in MOVED:
        pairs = tuple((str(one.get("system", "")), str(one["value"])) for one in identifiers)
        _add(context, old.reference, removes=pairs)
        old.body["identifier"] = [one for one in old.body["identifier"] if one not in identifiers]
        old.put("identifier", old.body.pop("identifier"))
        new.append("identifier", *identifiers)
    else:
        replaces["identifier"] = identifiers
    _add(context, new.reference, links={old.reference: replaces})
    _add(context, old.reference, links={new.reference: {"type": REPLACED_BY}}, stub=True)


def _prior_patient(context: Context, mrg: Segment, new: Draft) -> Draft | None:
    """Stub of the patient that MRG-1 (MRG-4, MRG-2 of old versions) identifies; `new` itself if it is that.

    An identifier that both have does not tell them apart, so another one keys the old record.
    """
    scratch = context.scratch("Patient")
    numbered = _identifiers(scratch, mrg, (1, 4, 2))
    own = {(one.get("system"), one.get("value")) for one in new.body.get("identifier", ())}
    apart = [one for one in numbered if (one.body["system"], one.body["value"]) not in own]
    key = first_key(apart or numbered, context.source.identifier_order)
    if key is None:
        return None
    if not apart:
        return new
    draft = context.draft("Patient", key.key)
    draft.tags = scratch.tags
    draft.append("identifier", *(one.body for one in apart))
    for element in mrg.all(7):
        draft.append("name", name_from_xpn(draft, element, "name"))
    return context.add(draft)


def _identifiers(draft: Draft, mrg: Segment, fields: Iterable[int]) -> list[Named]:
    return [
        named
        for field in fields
        for element in mrg.all(field)
        if (named := identifier_from_cx(draft, element))
    ]


def _move_visit(context: Context, mrg: Segment, known: Known) -> None:
    """A42 merge, A45 move, A50 and A51 renumber: MRG-5 and MRG-6 are the former visit numbers."""
    visit = known.encounter
    scratch = context.scratch("Encounter")
    former = _identifiers(scratch, mrg, (5,))
    alternate = _identifiers(scratch, mrg, (6,))
    if context.event == "A45":
        _identifiers(context.scratch("Patient"), mrg, (1, 4, 2))
    if visit is None:
        if former or alternate:
            mrg.lose("failed", "fragment", "Encounter")
        return
    _add(context, visit.reference, moved=context.event == "A45")
    visit.append("identifier", *(one.body | {"use": "old"} for one in alternate))
    if former:
        _renumber(context, visit, former[0], known.patient)


def _renumber(context: Context, visit: Draft, former: Named, patient: Draft) -> None:
    """The visit under its former number is entered in error; A50 and A45 take its history along."""
    body = {"type": {"coding": [{"system": table("0203"), "code": "VN"}]}} | former.body
    old = context.draft("Encounter", former.key)
    if old.reference == visit.reference:
        return
    old.append("identifier", body)
    old.put("status", "unknown")
    old.put("class", {"extension": [{"url": ABSENT, "valueCode": "unknown"}]})
    old.put("subject", patient.link())
    context.add(old)
    takes = "" if context.event == "A42" else old.reference
    links: dict[str, JSON] = {old.reference: {"type": REPLACES, "identifier": [body]}}
    _add(context, visit.reference, links=links, takes=takes)
    _add(context, old.reference, links={visit.reference: {"type": REPLACED_BY}}, stub=True, moved=True)
