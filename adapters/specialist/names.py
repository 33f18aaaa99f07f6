"""Names, addresses and telecoms of CDA (PN, AD, TEL) as FHIR ones."""

from collections.abc import Sequence
from typing import Any

from adapters.specialist.markup import Element, find, local, peek
from adapters.specialist.quantities import period
from adapters.specialist.record import Record
from adapters.specialist.values import present
from adapters.terminology.tables import concept_map

JSON = dict[str, Any]
ADDRESS_USE = "http://terminology.hl7.org/CodeSystem/v3-AddressUse"
NAME_USE = "http://terminology.hl7.org/CodeSystem/v3-EntityNameUse"
_SCHEMES = {"tel": "phone", "mailto": "email", "fax": "fax", "x-text-fax": "fax", "sms": "sms"}


def human_names(record: Record, names: Sequence[Element]) -> list[JSON]:
    """PN to HumanName; a call-me given name and a birth family name are names of their own."""
    found: list[JSON] = []
    for name in names:
        parts = _name_parts(record, name)
        use = _use(record, name, "cda_name_use", NAME_USE)
        span = period(record, find(name, "validTime"))
        main = present(use=use, period=span, **{k: parts[k] for k in ("family", "given", "prefix", "suffix")})
        if not (parts["family"] or parts["given"]):
            main |= present(text=" ".join(record.doc.text(name).split()))
        extra = [present(use="maiden", family=f) for f in parts["maiden"]]
        extra += [present(use="nickname", given=[g]) for g in parts["callme"]]
        found += [n for n in (main, *extra) if set(n) - {"use", "period"}]
    return found


def _name_parts(record: Record, name: Element) -> JSON:
    parts: JSON = {"family": "", "given": [], "prefix": [], "suffix": [], "maiden": [], "callme": []}
    for part in name.children:
        kind, qualifiers = local(part), peek(part, "qualifier").split()
        if kind not in ("family", "given", "prefix", "suffix"):
            continue
        words = record.doc.text(part)
        record.doc.get(part, "qualifier")
        if not words:
            continue
        if kind == "family" and "BR" in qualifiers:
            parts["maiden"].append(words)
        elif kind == "family":
            parts["family"] = f"{parts['family']} {words}".strip()
        elif kind == "given" and "CL" in qualifiers:
            parts["callme"].append(words)
        else:
            parts[kind].append(words)
    return parts


def _use(record: Record, element: Element, table: str, system: str) -> str:
    """First of the uses that the table knows."""
    for token in peek(element, "use").split():
        target = concept_map(table).get((system, token))
        if target and target.code:
            record.doc.get(element, "use")
            return target.code
    return ""


def addresses(record: Record, elements: Sequence[Element]) -> list[JSON]:
    """AD to Address; text outside its parts is its `text`."""
    found = []
    for element in elements:
        parts: dict[str, list[str]] = {}
        for part in element.children:
            words = record.doc.text(part) if local(part) in _ADDRESS_PARTS else ""
            if words:
                parts.setdefault(_ADDRESS_PARTS[local(part)], []).append(words)
        members = {k: v if k == "line" else " ".join(v) for k, v in parts.items()}
        if not members and not element.children:
            members = present(text=" ".join(record.doc.text(element).split()))
        if members:
            use = _use(record, element, "cda_address_use", ADDRESS_USE)
            span = period(record, find(element, "useablePeriod"))
            found.append(present(use=use, period=span) | members)
    return found


_ADDRESS_PARTS = {
    "streetAddressLine": "line",
    "houseNumber": "line",
    "streetName": "line",
    "additionalLocator": "line",
    "postBox": "line",
    "city": "city",
    "county": "district",
    "state": "state",
    "postalCode": "postalCode",
    "country": "country",
}


def telecoms(record: Record, elements: Sequence[Element]) -> list[JSON]:
    """TEL to ContactPoint; the URL scheme is the system."""
    found = []
    for element in elements:
        url = peek(element, "value")
        scheme, colon, rest = url.partition(":")
        if not url or (colon and not rest.strip()):
            continue
        record.doc.get(element, "value")
        if colon and scheme.lower() in _SCHEMES:
            system, value = _SCHEMES[scheme.lower()], rest.strip()
        elif colon and scheme.lower() in ("http", "https", "ftp"):
            system, value = "url", url
        else:
            system, value = ("email" if "@" in url else "phone"), url
        use = _use(record, element, "cda_telecom_use", ADDRESS_USE)
        if "PG" in peek(element, "use").split():
            system, use = "pager", ""
        found.append(present(system=system, value=value, use=use))
    return found


def name_text(names: list[JSON]) -> str:
    """One line for a Reference.display."""
    if not names:
        return ""
    one = names[0]
    words = [*one.get("prefix", []), *one.get("given", []), one.get("family", ""), *one.get("suffix", [])]
    return str(one.get("text") or " ".join(w for w in words if w))
