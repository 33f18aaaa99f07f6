"""The value of an observation in every CDA type that occurs, and the ranges that count as normal."""

from typing import Any

from adapters.specialist.attachments import attachment
from adapters.specialist.markup import Element, find, find_all, local, peek, type_of
from adapters.specialist.quantities import integer, number, period, quantity, ranged, time
from adapters.specialist.record import Record
from adapters.specialist.values import concept, present, string

JSON = dict[str, Any]
_ATTACHED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value"
_CODED = frozenset({"CD", "CE", "CV", "CO", "CS"})
_TEXT = frozenset({"ST", "ED", "SC", ""})
_RATIO = frozenset({"RTO", "RTO_PQ_PQ", "RTO_INT_INT", "RTO_MO_PQ", "RTO_QTY_QTY"})


def kind_of(element: Element) -> str:
    """The CDA data type of a `value`: its xsi:type, else what its shape says."""
    declared = type_of(element)
    if declared:
        return declared
    if find(element, "low") is not None or find(element, "high") is not None:
        return "IVL_PQ"
    if "code" in element.attrib:
        return "CD"
    if "unit" in element.attrib:
        return "PQ"
    return "ST" if local(element) == "value" and element.text.strip() else ""


def observed_value(record: Record, value: Element) -> JSON:
    """`value[x]` of one `value` element; empty if it states none."""
    kind = kind_of(value)
    if kind in _CODED:
        return present(valueCodeableConcept=concept(record, value))
    if kind == "IVL_PQ":
        return _interval(record, value)
    if kind in _RATIO:
        return present(valueRatio=_ratio(record, value))
    if kind == "INT":
        return present(valueInteger=integer(record, value))
    if kind == "BL":
        return _flag(record, value)
    if kind == "IVL_TS":
        return present(valuePeriod=period(record, value))
    if kind == "ED" and peek(value, "representation") == "B64":
        return _attached(record, value)
    if kind in _TEXT:
        return present(valueString=string(record, value))
    return _quantity_or_text(record, value, kind)


def _flag(record: Record, value: Element) -> JSON:
    """BL, in either spelling of XML Schema; any other is a line."""
    flag = {"true": True, "1": True, "false": False, "0": False}.get(peek(value, "value"))
    if flag is None:
        record.doc.lose(value, "rejected", "bad-code", "value")
        return {}
    record.doc.get(value, "value")
    return {"valueBoolean": flag}


def _attached(record: Record, value: Element) -> JSON:
    """Bytes as a result: FHIR's own cross-version extension, since R4 has no valueAttachment."""
    content = attachment(record, value)
    return {"extension": [{"url": _ATTACHED, "valueAttachment": content}]} if content else {}


def _quantity_or_text(record: Record, value: Element, kind: str) -> JSON:
    """PQ, REAL, TS; any other type by the words that it has."""
    if kind == "PQ":
        measured = quantity(record, value)
        return {"valueQuantity": measured} if measured else {}
    if kind == "REAL":
        amount = number(record, value)
        return {} if amount is None else {"valueQuantity": {"value": amount}}
    if kind == "TS":
        return present(valueDateTime=time(record, value))
    return present(valueString=string(record, value))


def _interval(record: Record, value: Element) -> JSON:
    """IVL_PQ: both ends a Range; one end a Quantity with comparator, since a result of "> 5" is no range."""
    low, high = find(value, "low"), find(value, "high")
    if peek(low, "value") and peek(high, "value"):
        return present(valueRange=ranged(record, value))
    end, closed, opened = (low, ">=", ">") if peek(low, "value") else (high, "<=", "<")
    amount = quantity(record, end)
    if amount is None:
        return present(valueQuantity=quantity(record, find(value, "center")))
    comparator = opened if record.doc.get(end, "inclusive") == "false" else closed
    return {"valueQuantity": present(value=amount.pop("value"), comparator=comparator) | amount}


def _ratio(record: Record, value: Element) -> JSON | None:
    top, bottom = (quantity(record, find(value, side)) for side in ("numerator", "denominator"))
    return {"numerator": top, "denominator": bottom} if top and bottom else None


def reference_ranges(record: Record, act: Element) -> list[JSON]:
    """Ranges that say what is normal: interpretation N, or none stated. Others are not reference ranges."""
    found = []
    for element in find_all(act, "referenceRange/observationRange"):
        code = find(element, "interpretationCode")
        if peek(code, "code") not in ("", "N"):
            continue
        record.doc.get(code, "code"), record.doc.get(code, "codeSystem")
        value = find(element, "value")
        limits = ranged(record, value) if value is not None else None
        words = string(record, find(element, "text"))
        if words is None and value is not None and limits is None:
            words = string(record, value)
        found.append((limits or {}) | present(text=words))
    return [r for r in found if r]
