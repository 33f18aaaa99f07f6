"""OBX-5 by OBX-2: the value of an Observation (or of one of its components)."""

import base64
import binascii
import re
from collections.abc import Callable
from decimal import Decimal

from adapters.hospital.codes import concept_from_cwe
from adapters.hospital.context import Draft
from adapters.hospital.message import Element
from adapters.hospital.periods import period_from
from adapters.interface import JSON

ATTACHMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value"
"""R4 has no Observation.valueAttachment: the cross-version extension of R5 carries it."""
_NUMBER = re.compile(r"[-+]?[0-9]{1,40}(\.[0-9]{1,40})?\Z|[-+]?\.[0-9]{1,40}\Z")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d)?(\.\d+)?", re.ASCII)
_COMPARATORS = frozenset({"<", "<=", ">=", ">"})
_KINDS = {"PDF": "application/pdf", "RTF": "application/rtf", "HTML": "text/html", "XML": "text/xml"}
_KINDS |= {
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
}
_MAIN = {"AP": "application", "AU": "audio", "IM": "image", "FT": "text", "TX": "text", "TEXT": "text"}
Unit = dict[str, str]


def number_from(text: str) -> Decimal | None:
    """A plain decimal with its own digits; None for anything else (`<5`, `1,5`, `positive`)."""
    return Decimal(text.lstrip("+")) if _NUMBER.match(text) else None


def number_at(element: Element, comp: int = 1) -> Decimal | None:
    """The number of a component as it was sent: None if anything stands inside of it or beside it in the
    component (a subcomponent, a control character), for what is left would be another number."""
    return number_from(element.comps[comp - 1].strip()) if comp <= len(element.comps) else None


def value_from_obx(draft: Draft, kind: str, elements: list[Element], unit: Unit) -> JSON:
    """`value[x]` (and `extension`) of the given repetitions; empty if they say nothing.

    Lines of TX and FT are one text. Any other repetition is a component of its own (obx.py).
    """
    if kind in ("TX", "FT"):
        lines = [element.words("") for element in elements]
        text = "\n".join(lines).strip()
        return {"valueString": text} if text else {}
    return _READERS.get(kind, _words)(draft, elements[0], unit) if elements else {}


def _quantity(value: Decimal, unit: Unit, comparator: str = "") -> JSON:
    return {"value": value} | ({"comparator": comparator} if comparator else {}) | unit


def _nm(draft: Draft, element: Element, unit: Unit) -> JSON:
    alone = element.said.bit_count() == 1
    value = number_at(element) if alone else None
    if alone and value is None and number_from(element.text()) is not None:
        draft.context.reject(element, "bad-number", "Observation.valueQuantity")
        return {}
    if value is not None:
        text = element.take().lstrip("+-")
        if text[0] == "0" and text[1:2].isdigit():
            draft.context.message.account.remark(element.position(), "altered", "number")
        return {"valueQuantity": _quantity(value, unit)}
    made = _words(draft, element, unit)
    if made:
        draft.context.message.account.remark(element.position(), "altered", "number")
    return made


def _sn(draft: Draft, element: Element, unit: Unit) -> JSON:
    """SN: comparator, number, separator, number to Quantity, Range, Ratio; else what a person would read."""
    comparator, between, second = (element.text(comp) for comp in (1, 3, 4))
    low, high = number_at(element, 2), number_at(element, 4)
    plain = comparator in ("", "=")
    made: JSON = {}
    if low is not None and not between and not second and (plain or comparator in _COMPARATORS):
        made = {"valueQuantity": _quantity(low, unit, "" if plain else comparator)}
    elif low is not None and high is not None and between == "-" and plain and low <= high:
        made = {"valueRange": {"low": _quantity(low, unit), "high": _quantity(high, unit)}}
    elif low is not None and high is not None and between in (":", "/") and plain:
        made = {"valueRatio": {"numerator": _quantity(low, {}), "denominator": _quantity(high, unit)}}
    if not made:
        return _words(draft, element, unit, between="")
    for comp in (1, 2, 3, 4):
        element.take(comp)
    return made


def _coded(draft: Draft, element: Element, unit: Unit) -> JSON:
    concept = concept_from_cwe(draft.context, element)
    return {"valueCodeableConcept": concept} if concept else {}


def _short_code(draft: Draft, element: Element, unit: Unit) -> JSON:
    words = element.words()
    return {"valueCodeableConcept": {"text": words}} if words else {}


def _moment(draft: Draft, element: Element, unit: Unit) -> JSON:
    made = draft.time(element, "valueDateTime")
    return {"valueDateTime": made} if made else {}


def _time_of_day(draft: Draft, element: Element, unit: Unit) -> JSON:
    """FHIR time has no offset: one that came stands in a string instead."""
    text = element.text().replace(":", "")
    found = _TIME.fullmatch(text)
    if not found:
        return _words(draft, element, unit)
    element.take()
    hour, minute, second, fraction = found.groups()
    return {"valueTime": f"{hour}:{minute}:{second or '00'}{fraction or ''}"}


def _period(draft: Draft, element: Element, unit: Unit) -> JSON:
    made = period_from(draft, element, 1, 2, "valuePeriod")
    return {"valuePeriod": made} if made else {}


def _range(draft: Draft, element: Element, unit: Unit) -> JSON:
    pair = {name: number_at(element, comp) for name, comp in (("low", 1), ("high", 2))}
    said = {name: _quantity(value, unit) for name, value in pair.items() if value is not None}
    if not said or any(pair[n] is None and element.text(c) for n, c in (("low", 1), ("high", 2))):
        return _words(draft, element, unit, between="-")
    element.take(1)
    element.take(2)
    return {"valueRange": said}


def _data(draft: Draft, element: Element, unit: Unit) -> JSON:
    made = attachment_from_ed(draft, element, "extension")
    return _attachment(made) if made else {}


def attachment_from_ed(draft: Draft, element: Element, target: str) -> JSON | None:
    """ED: base64 checked, hex and plain text turned into it; a bad one is `rejected/bad-base64`."""
    data = _base64(element.text(5), element.text(4).upper(), draft.context.message.codec)
    if data is None:
        draft.context.reject(element, "bad-base64", f"{draft.type}.{target}", 5)
        return None
    for comp in (2, 3, 4, 5):
        element.take(comp)
    return {"contentType": media_type(element.text(2), element.text(3)), "data": data}


def _base64(text: str, encoding: str, codec: str) -> str | None:
    if not text:
        return None
    if encoding == "A":
        return base64.b64encode(text.encode("utf-8")).decode("ascii")
    try:
        data = (
            bytes.fromhex(text)
            if encoding == "HEX"
            else base64.b64decode("".join(text.split()), validate=True)
        )
    except (ValueError, binascii.Error):
        return None
    return base64.b64encode(data).decode("ascii") if data else None


def media_type(main: str, sub: str) -> str:
    """ED-2 and ED-3 to a media type; `application/octet-stream` when they do not say."""
    if "/" in main:
        return main.lower()
    known = _KINDS.get(sub.upper()) or _KINDS.get(main.upper())
    if known:
        return known
    main = _MAIN.get(main.upper(), main.lower())
    if main in ("application", "text", "image", "audio", "video", "multipart") and sub and sub.isascii():
        return f"{main}/{'-'.join(sub.lower().split())}"
    return "text/plain" if main == "text" else "application/octet-stream"


def _pointer(draft: Draft, element: Element, unit: Unit) -> JSON:
    made = attachment_from_rp(element)
    return _attachment(made) if made else _words(draft, element, unit)


def attachment_from_rp(element: Element) -> JSON | None:
    """RP: the address, never fetched; None for what is no address."""
    url = element.text(1)
    if not url or any(c.isspace() for c in url):
        return None
    for comp in (1, 3, 4):
        element.take(comp)
    return {"contentType": media_type(element.text(3), element.text(4)), "url": url}


def _attachment(made: JSON) -> JSON:
    return {"extension": [{"url": ATTACHMENT, "valueAttachment": made}]}


def _words(draft: Draft, element: Element, unit: Unit, between: str = " ") -> JSON:
    """Any other type as a person would read it; its unit, if any, stands behind the value."""
    text = element.words(between)
    if not text:
        return {}
    return {"valueString": f"{text} {unit['unit']}" if unit else text}


_READERS: dict[str, Callable[[Draft, Element, Unit], JSON]] = {
    "NM": _nm,
    "SI": _nm,
    "SN": _sn,
    "CE": _coded,
    "CWE": _coded,
    "CNE": _coded,
    "CF": _coded,
    "IS": _short_code,
    "ID": _short_code,
    "DT": _moment,
    "TS": _moment,
    "DTM": _moment,
    "TM": _time_of_day,
    "DR": _period,
    "NR": _range,
    "ED": _data,
    "RP": _pointer,
}
