"""What no mapping took: kept raw in a Basic, or lost with a reason (normalisation.md 2 and 3.1, point 8)."""

import re

from adapters.hospital.context import Context, Draft
from adapters.hospital.labels import RESTRICTED
from adapters.hospital.message import Element, Segment
from adapters.hospital.names import ADMINISTRATIVE, FORESEEN, LAST_FIELD, SEGMENTS
from adapters.interface import JSON

KEPT = "urn:carepact:kept"
Elements = list[Element]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def keep_rest(
    context: Context, mapped: frozenset[str], reason: str, owners: dict[int, Draft], patient: Draft | None
) -> None:
    """Close every open item. `mapped`: segments that this message type maps; `reason`: for the other ones.

    `owners`: segment index to the Patient of its group, whose Basic the raw text goes to.
    """
    for segment in context.message.segments:
        owner = owners.get(segment.index, patient)
        if segment.name == "MSH" or segment.name in mapped or segment.name == "EVN":
            _close_mapped(context, segment, owner)
        elif segment.name in ADMINISTRATIVE:
            segment.lose("not-mapped", "administrative")
        else:
            keep_segment(context, segment, _reason(segment.name, reason), owner)


def _reason(name: str, otherwise: str) -> str:
    if name.startswith("Z"):
        return "z-segment"
    return otherwise if name in SEGMENTS else "unknown-segment"


def keep_segment(context: Context, segment: Segment, reason: str, owner: Draft | None) -> None:
    """Raw text of a segment into the Basic of its patient and reason."""
    if not segment.open:
        return
    basic = _basic(context, reason, owner)
    _add_raw(context, basic, segment.position, segment.raw)
    segment.lose("kept", reason, "Basic", basic.reference)


def _close_mapped(context: Context, segment: Segment, owner: Draft | None) -> None:
    """Field by field: past the end of the segment kept, else lost with the table's reason."""
    last, foreseen = LAST_FIELD[segment.name], FORESEEN.get(segment.name, {})
    for number, elements in segment.left():
        if number > last:
            _keep_field(context, segment, number, elements, owner)
        else:
            _lose_field(context, segment, number, elements, foreseen.get(number, "no-target"))


def _keep_field(
    context: Context, segment: Segment, number: int, elements: Elements, owner: Draft | None
) -> None:
    basic = _basic(context, "unknown-field", owner)
    at = f"{segment.position}-{number}"
    _add_raw(context, basic, at, segment.raw_field(number))
    context.message.account.line(at, _close(elements), "kept", "unknown-field", "Basic", basic.reference)


def _lose_field(context: Context, segment: Segment, number: int, elements: Elements, reason: str) -> None:
    """One line for the field, if all of its items are open and there are several; else one for each."""
    at = f"{segment.position}-{number}"
    if segment.plain and segment.raw_field(number) == elements[0].comps[0]:
        context.message.account.line(at, _close(elements), "not-mapped", reason)
        return
    whole = sum(len(element.items()) for element in segment.all(number))
    if whole > 1 and whole == sum(element.left.bit_count() for element in elements):
        context.message.account.line(at, _close(elements), "not-mapped", reason)
        return
    for element in elements:
        for place in element.items():
            element.lose("not-mapped", reason, None, [place])


def _close(elements: Elements) -> int:
    """How many items they were."""
    items = 0
    for element in elements:
        items += element.left.bit_count()
        element.left = 0
    return items


def _basic(context: Context, reason: str, owner: Draft | None) -> Draft:
    key = "\x1f".join((context.fallback_key, reason, owner.id if owner else ""))
    draft = context.draft("Basic", key)
    known = context.drafts.get(draft.reference)
    if known is not None:
        return known
    draft.body["extension"] = []
    draft.put("code", {"coding": [{"system": KEPT, "code": "segment"}]})
    draft.put("subject", owner.link() if owner else None)
    draft.labels.append(dict(RESTRICTED))
    return context.add(draft)


def _add_raw(context: Context, basic: Draft, position: str, raw: str) -> None:
    clean = _CONTROL.sub("", raw)
    if clean != raw:
        context.message.account.remark(position, "altered", "control-character")
    extension: JSON = {
        "url": KEPT,
        "extension": [
            {"url": "position", "valueString": position},
            {"url": "value", "valueString": clean.strip() or '""'},
        ],
    }
    basic.body["extension"].append(extension)
