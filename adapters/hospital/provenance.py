"""The Provenance of one message (normalisation.md 1, rule 9), and when its event happened."""

from datetime import datetime

from adapters.hospital.context import Context
from adapters.hospital.message import Segment
from adapters.identity import local_system
from adapters.interface import JSON
from adapters.times import instant, parse_compact, utc_key

MEMBER = "urn:carepact:member"
_AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"


def event_time(context: Context) -> str:
    """EVN-6, else EVN-2, else MSH-7 as UTC sort key; a time without any offset sorts as if it were UTC."""
    for segment, field in _places(context):
        made = parse_compact(
            segment.text(field), zone=context.source.zone, default_offset=context.offset or "+00:00"
        )
        if made is not None:
            return utc_key(made.text)
    return ""


def _places(context: Context) -> list[tuple[Segment, int]]:
    events = list(context.message.named("EVN"))[:1]
    return [*((evn, 6) for evn in events), *((evn, 2) for evn in events), (context.message.header, 7)]


def provenance_of(context: Context, occurred: str | None, mapping: str, at: datetime) -> JSON | None:
    """Provenance over all resources of the message; None if there are none."""
    targets = [{"reference": reference} for reference in context.drafts]
    if not targets:
        return None
    draft = context.draft("Provenance", context.fallback_key)
    draft.put("extension", _assumptions(context))
    draft.put("target", targets)
    draft.put("occurredDateTime", occurred)
    draft.put("recorded", instant(at))
    draft.put("policy", [f"urn:carepact:mapping:{mapping}"])
    draft.put("activity", _activity(context))
    draft.put("agent", _agents(context))
    draft.put("entity", _entities(context))
    return draft.body


def take_header(context: Context) -> str | None:
    """Take MSH-3, 4, 7, 9, 10 and EVN-2, 6, which Provenance states; when the event happened."""
    header = context.message.header
    for field in (3, 4, 9, 10):
        header.first(field).take_all()
    if not context.control:
        context.assume("MSH[1]-10", "no-key", "", "default")
    for segment, field in _places(context):
        made = context.time(segment.first(field), "Provenance.occurredDateTime")
        if made is not None:
            return made.text
    return None


def _activity(context: Context) -> JSON:
    codings = [
        {"system": _LIFECYCLE, "code": "transform"},
        {"system": "http://terminology.hl7.org/CodeSystem/v2-0003", "code": context.event},
    ]
    words = "v2-fhir-transformation"
    header = context.message.header.first(9)
    kind = "^".join(text for comp in (1, 2, 3) if (text := header.text(comp)))
    return {"coding": codings if context.event else codings[:1], "text": f"{words} {kind}".strip()}


def _agents(context: Context) -> list[JSON]:
    header = context.message.header
    sender = " / ".join(words for field in (4, 3) if (words := header.first(field).words("^")))
    author: JSON = {"identifier": {"system": MEMBER, "value": context.source.custodian}}
    if sender:
        author["display"] = sender
    return [
        {"type": {"coding": [{"system": _AGENT, "code": "assembler"}]}, "who": {"display": "Carepact"}},
        {"type": {"coding": [{"system": _AGENT, "code": "author"}]}, "who": author},
    ]


def _entities(context: Context) -> list[JSON]:
    source = context.source
    intake = {"identifier": {"system": "urn:carepact:intake", "value": context.intake or "none"}}
    made: list[JSON] = [{"role": "source", "what": intake}]
    control = context.message.header.first(10).words("^")
    if control:
        system = local_system(source.custodian, source.id, "message")
        made.append({"role": "source", "what": {"identifier": {"system": system, "value": control}}})
    return made


def _assumptions(context: Context) -> list[JSON]:
    return [
        {
            "url": "urn:carepact:assumption",
            "extension": [
                {"url": "kind", "valueCode": one.kind},
                {"url": "value", "valueString": one.value or "unknown"},
                {"url": "basis", "valueCode": one.basis},
                {"url": "items", "valueInteger": items},
            ],
        }
        for one, items in context.assumptions.items()
    ]
