"""One message to resources, Provenance and ledger.

1 read (message.py, accounting) · 2 group (groups.py) · 3 map patients, then what the message type adds, in
units that fail alone · 4 keep or lose what is left (kept.py) · 5 close the ledger, write meta and Provenance.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.hospital.acts import act_to_bytes
from adapters.hospital.caps import is_too_large
from adapters.hospital.context import Context, Draft
from adapters.hospital.defects import WrongPatient
from adapters.hospital.groups import Person, people_of
from adapters.hospital.kept import keep_rest
from adapters.hospital.labels import folded, labels_of_message
from adapters.hospital.message import Message
from adapters.hospital.messages.participants import map_participants
from adapters.hospital.messages.person import Known, person_from_group
from adapters.hospital.messages.replaced import link_replaced
from adapters.hospital.messages.routes import Route, is_about_patients, route_of
from adapters.hospital.overlay import shown
from adapters.hospital.provenance import event_time, provenance_of, take_header
from adapters.identity import meta_source
from adapters.interface import JSON, Merge, Original, Source
from adapters.losses import LossEntry, Losses

_CLINICAL = frozenset("AL1 DG1 IAM OBR OBX ORC PR1 PRB PV1 RXA RXE RXO SCH TXA".split())
_HEAD = ("resourceType", "id", "meta", "contained", "extension", "identifier", "active", "status")


@dataclass(frozen=True, slots=True)
class Unit:
    """One message normalised. Quarantined: no resources."""

    resources: tuple[JSON, ...]
    provenance: JSON | None
    losses: Losses
    event_time: str = ""
    sequence: int = 0
    control: str = ""
    quarantine: str | None = None
    handed_on: tuple[Original, ...] = ()
    acts: Mapping[str, bytes] = field(default_factory=dict)
    merges: tuple[Merge, ...] = ()


def convert(
    body: bytes, source: Source, intake: str, at: datetime, *, mapping: str, charset: str | None, number: int
) -> Unit:
    """Convert the message `body` (from MSH on). Never raises: a defect of ours parks the message."""
    context: Context | None = None
    try:
        message = Message(body, charset=charset, override=source.charset_override, unit=number)
        context = Context(message, source, intake)
        return _converted(context, at, mapping)
    except WrongPatient:
        assert context is not None
        return _quarantined(context, "wrong-patient", "failed", "wrong-patient")
    except Exception:
        items = max(1, sum(1 for part in re.split(rb"[\r|^~&]", body) if part))
        losses = Losses(items, 0, (LossEntry("MSH[1]", items, "failed", "mapping-defect", unit=number),))
        control = context.control if context else ""
        return Unit((), None, losses, control=control, quarantine="unreadable")
    finally:
        if context is not None:
            context.dissolve()


def _converted(context: Context, at: datetime, mapping: str) -> Unit:
    message = context.message
    parked = _parked(context)
    if parked:
        return _quarantined(context, *parked)
    route = route_of(context)
    people = people_of(message, specimens_first=route.specimens_first)
    known = _map_people(context, people, route)
    if known is None:
        return _quarantined(context, "no-patient", "failed", "no-patient")
    link_replaced(context)
    labels = labels_of_message(context)
    occurred = take_header(context)
    owners = {segment.index: one.patient for one, person in known for segment in person.segments}
    patient = known[0][0].patient if known else None
    keep_rest(context, route.segments, route.reason, owners, patient)
    if context.defects:
        _close_references(context)
    provenance = provenance_of(context, occurred, mapping, at)
    origin = meta_source(context.source.custodian, context.source.id, context.intake)
    resources = [_finished(context, draft, labels, origin) for draft in context.drafts.values()]
    return Unit(
        tuple(patients_first(resources)),
        in_order(provenance) if provenance else None,
        message.close(),
        event_time(context),
        _sequence(message),
        context.control,
        handed_on=tuple(context.handed_on),
        acts={ref: act_to_bytes(act) for ref, act in context.acts.items() if act},
        merges=_merges(context, known),
    )


def _merges(context: Context, known: list[tuple[Known, Person]]) -> tuple[Merge, ...]:
    """Merges of the message, each with what fails with it should it be refused."""
    groups = {segment.index: (one, person) for one, person in known for segment in person.segments}
    claimed = [ref for old, new, _ in context.merges for ref in (old, new)]
    made = []
    for old, new, mrg in context.merges:
        one, person = groups[mrg.index]
        alone = len(person.all("MRG")) == 1
        own = [old, *([new, *_about(context, one.patient)] if alone and claimed.count(new) == 1 else [])]
        items = context.message.taken_in(person.segments if alone else [mrg])
        refs = tuple(ref for ref in own if claimed.count(ref) < 2)
        made.append(Merge(old, new, mrg.position, items, refs))
    return tuple(made)


def _about(context: Context, patient: Draft) -> list[str]:
    """Resources of the message that are this patient's."""
    link = patient.reference
    return [
        ref
        for ref, draft in context.drafts.items()
        if any(draft.body.get(name, {}).get("reference") == link for name in ("subject", "patient"))
    ]


def _parked(context: Context) -> tuple[str, str, str] | None:
    """Quarantine, disposition and reason of a message that is not to be mapped at all."""
    if is_too_large(context.message):
        return "unreadable", "failed", "limit"
    if not context.message.header.text(9) and not context.message.header.text(10):
        # It says neither what it is nor how to answer it: nobody may be told that it was accepted.
        return "unreadable", "failed", "unreadable"
    processing = context.message.header.text(11).upper()
    if processing not in ("", "P") and context.source.test_messages != "accept":
        return "test", "not-mapped", "policy"
    return None


def _quarantined(context: Context, quarantine: str, disposition: Any, reason: str) -> Unit:
    """Nothing of the message enters a record: every item gets the reason."""
    message = context.message
    message.forget()
    for segment in message.segments:
        segment.lose(disposition, reason)
    if (
        not message.account.closed
    ):  # separators alone: it holds no value, and nobody could do anything with it
        message.account.line(message.header.position, 0, disposition, reason)
    return Unit(
        (),
        None,
        message.close(),
        event_time(context),
        _sequence(message),
        context.control,
        quarantine,
    )


def _map_people(context: Context, people: list[Person], route: Route) -> list[tuple[Known, Person]] | None:
    """Patient groups that could be mapped; None if the message is about patients and identifies none."""
    found: list[tuple[Known, Person]] = []
    clinical = False
    for person in people:
        if person.pid is None and not _is_clinical(context, person):
            continue
        clinical = True
        known = person_from_group(context, person)
        if known is None:
            continue
        found.append((known, person))
        if route.each is not None:
            route.each(context, person, known)
    if route.whole is not None and found:
        route.whole(context, found)
    for one, person in found:
        if person.participants:
            map_participants(context, person, one, route.reason)
    return None if clinical and not found else found


def _is_clinical(context: Context, person: Person) -> bool:
    return is_about_patients(context) or any(one.name in _CLINICAL for one in person.segments)


def _sequence(message: Message) -> int:
    """MSH-13; 0 if it is no number."""
    text = message.header.text(13)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _finished(context: Context, draft: Draft, labels: list[dict[str, str]], origin: str) -> JSON:
    """The resource with its meta: source (`origin`), marks, what was assumed."""
    meta: JSON = {"source": origin}
    if draft.labels or labels:
        meta["security"] = folded(draft.labels + labels)
    if draft.tags or draft.incomplete:
        tags = [{"system": "urn:carepact:assumed", "code": tag} for tag in sorted(draft.tags)]
        tags += [{"system": "urn:carepact:incomplete", "code": tag} for tag in sorted(draft.incomplete)]
        meta["tag"] = tags
    act = context.acts.get(draft.reference)
    body = draft.body
    body["meta"] = meta
    return in_order(shown(body, act.links) if act else body)


def in_order(resource: JSON) -> JSON:
    """Members that every resource begins with first, the rest as they were set."""
    made = {name: resource[name] for name in _HEAD if name in resource}
    made.update(resource)
    return made


def patients_first(resources: list[JSON]) -> list[JSON]:
    return sorted(resources, key=lambda one: one["resourceType"] != "Patient")


def _close_references(context: Context) -> None:
    """After a unit failed: a reference to what it would have made becomes logical (rule 3)."""
    for draft in context.drafts.values():
        if _unlink(draft.body, context.drafts):
            context.message.account.remark(draft.type, "altered", "dangling-reference")


def _unlink(node: Any, known: dict[str, Draft]) -> bool:
    changed = False
    if isinstance(node, list):
        return any(_unlink(child, known) for child in node)
    if isinstance(node, dict):
        target = node.get("reference")
        if isinstance(target, str) and not target.startswith("#") and target not in known:
            del node["reference"]
            node["identifier"] = {"system": "urn:carepact:unresolved", "value": target}
            changed = True
        changed = any(_unlink(child, known) for child in node.values()) or changed
    return changed
