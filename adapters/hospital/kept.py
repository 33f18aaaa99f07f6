"""What no mapping took: kept raw in a Basic, or lost with a reason (normalisation.md 2 and 3.1, point 8)."""

import re
from itertools import groupby
from operator import itemgetter

from adapters.hospital.context import Context, Draft
from adapters.hospital.labels import RESTRICTED
from adapters.hospital.message import Key, Segment
from adapters.hospital.names import ADMINISTRATIVE, FORESEEN, LAST_FIELD, SEGMENTS
from adapters.interface import JSON

KEPT = "urn:carepact:kept"
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
            context.message.lose_segment(segment, "not-mapped", "administrative")
        else:
            keep_segment(context, segment, _reason(segment.name, reason), owner)


def _reason(name: str, otherwise: str) -> str:
    if name.startswith("Z"):
        return "z-segment"
    return otherwise if name in SEGMENTS else "unknown-segment"


def keep_segment(context: Context, segment: Segment, reason: str, owner: Draft | None) -> None:
    """Raw text of a segment into the Basic of its patient and reason."""
    keys = context.message.open_keys(segment)
    if not keys:
        return
    basic = _basic(context, reason, owner)
    _add_raw(context, basic, segment.position, segment.raw)
    context.message.account.lose(
        keys, "kept", reason, position=segment.position, target="Basic", resource=basic.reference
    )


def _close_mapped(context: Context, segment: Segment, owner: Draft | None) -> None:
    """Field by field: past the end of the segment kept, else lost with the table's reason."""
    account = context.message.account
    last, foreseen = LAST_FIELD[segment.name], FORESEEN.get(segment.name, {})
    for number, group in groupby(context.message.open_keys(segment), key=itemgetter(1)):
        keys = list(group)
        place = _position(segment, number, keys)
        if number > last:
            basic = _basic(context, "unknown-field", owner)
            at = f"{segment.position}-{number}"
            _add_raw(context, basic, at, segment.raw_field(number))
            account.lose(keys, "kept", "unknown-field", position=at, target="Basic", resource=basic.reference)
        elif place is not None:
            account.lose(keys, "not-mapped", foreseen.get(number, "no-target"), position=place)
        else:
            for key in keys:
                account.lose([key], "not-mapped", foreseen.get(number, "no-target"))


def _position(segment: Segment, number: int, keys: list[Key]) -> str | None:
    """The field as a whole, if all of its items are in the group and there are several; else None."""
    if len(keys) == 1:
        return None
    whole = sum(len(element.places()) for element in segment.all(number))
    return f"{segment.position}-{number}" if len(keys) == whole else None


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
