"""Merges, links and moves of patients and visits (HL7 v2.9 chapter 3.6; normalisation.md 3.4, S09 to S18).

In each patient group PID says who is right and MRG who was wrong. The record of MRG is a stub: it has the
identifiers and the name that MRG gives, and fills in what the node did not know. Accounts are kept raw.
"""

from collections.abc import Iterable
from dataclasses import replace

from adapters.hospital.acts import REPLACED_BY, REPLACES, SEE_ALSO, Act
from adapters.hospital.codes import table
from adapters.hospital.context import ABSENT, Context, Draft
from adapters.hospital.groups import Person
from adapters.hospital.identifiers import Named, first_key, identifier_from_cx
from adapters.hospital.message import Segment
from adapters.hospital.messages.adt import SEGMENTS as PATIENT_SEGMENTS
from adapters.hospital.messages.person import Known
from adapters.hospital.people import name_from_xpn
from adapters.interface import JSON

MERGES = frozenset("A18 A30 A34 A36 A39 A40".split())
RENUMBERED = frozenset("A46 A47 A48".split())
MOVED = frozenset({"A43"})
VISITS = frozenset("A42 A45 A50 A51".split())
PAIRS = frozenset("A24 A37".split())
EVENTS = MERGES | RENUMBERED | MOVED | VISITS | PAIRS
SEGMENTS = PATIENT_SEGMENTS | {"MRG"}

Acts = dict[str, Act]


def map_links(context: Context, person: Person, known: Known, acts: Acts) -> list[tuple[str, str, Segment]]:
    """What one patient group merges or moves, into `acts`; the merges as (old, new, MRG)."""
    made: list[tuple[str, str, Segment]] = []
    for mrg in person.all("MRG"):
        if context.event in VISITS:
            _move_visit(context, mrg, known, acts)
            continue
        old = _prior_patient(context, mrg, known.patient)
        if old is None:
            context.message.lose_segment(mrg, "failed", "no-patient", "Patient.link")
        elif old.reference != known.patient.reference:
            _merge(context, known.patient, old, acts)
            made.append((old.reference, known.patient.reference, mrg))
    return made


def map_pair(context: Context, everybody: list[Known], acts: Acts) -> None:
    """A24 links two patients without merging them, A37 takes any link between them away (S14, S16)."""
    references = list(dict.fromkeys(known.patient.reference for known in everybody))
    for one in references:
        others = [other for other in references if other != one]
        if context.event == "A24":
            add(acts, one, links={other: {"type": SEE_ALSO} for other in others})
        else:
            add(acts, one, unlinks=tuple(others))


def add(acts: Acts, reference: str, **said: object) -> None:
    """Say more of one resource: collections add up, flags are set."""
    before = acts.get(reference, Act())
    merged: dict[str, object] = {}
    for name, value in said.items():
        held = getattr(before, name)
        merged[name] = held | value if isinstance(held, dict) else value
        if isinstance(held, tuple):
            merged[name] = (*held, *(value if isinstance(value, tuple) else ()))
    acts[reference] = replace(before, **merged)  # type: ignore[arg-type]


def _merge(context: Context, new: Draft, old: Draft, acts: Acts) -> None:
    identifiers: list[JSON] = [dict(one) for one in old.body.get("identifier", ())]
    if context.event in MOVED:
        pairs = tuple((str(one.get("system", "")), str(one["value"])) for one in identifiers)
        add(acts, old.reference, removes=pairs)
        new.append("identifier", *identifiers)
    replaces: JSON = {"type": REPLACES}
    if context.event not in MOVED:
        replaces["identifier"] = identifiers
    add(acts, new.reference, links={old.reference: replaces})
    add(acts, old.reference, links={new.reference: {"type": REPLACED_BY}}, stub=True)


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


def _move_visit(context: Context, mrg: Segment, known: Known, acts: Acts) -> None:
    """A42 merge, A45 move, A50 and A51 renumber: MRG-5 and MRG-6 are the former visit numbers."""
    visit = known.encounter
    scratch = context.scratch("Encounter")
    former = _identifiers(scratch, mrg, (5,))
    alternate = _identifiers(scratch, mrg, (6,))
    if context.event == "A45":
        _identifiers(context.scratch("Patient"), mrg, (1, 4, 2))
    if visit is None:
        if former or alternate:
            context.message.lose_segment(mrg, "failed", "fragment", "Encounter")
        return
    add(acts, visit.reference, moved=context.event == "A45")
    visit.append("identifier", *(one.body | {"use": "old"} for one in alternate))
    if former:
        _renumber(context, visit, former[0], known.patient, acts)


def _renumber(context: Context, visit: Draft, former: Named, patient: Draft, acts: Acts) -> None:
    """The visit under its former number is entered in error; A50 and A45 take its history along."""
    body = former.body | {"type": former.body.get("type", {"coding": [{"system": table("0203"), "code": "VN"}]})}
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
    add(acts, visit.reference, links=links, takes=takes)
    add(acts, old.reference, links={visit.reference: {"type": REPLACED_BY}}, stub=True, moved=True)
