"""The derived facts of a resource, computed once at ingest and stored beside its bytes (consent.md 2).

A decision reads `Facts` and never the resource. Nothing here raises on data: what cannot be read becomes a
fact
that counts against access (no patient, undated, V). Patients are the source's own references until
`Facts.about` puts the person's index reference in their place, at decision time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent.facts import Element, Facts
from consent.instants import Micros, interval
from consent.labels import labels_from_security
from consent.references import plain_reference
from consent.vocabulary import system_name

INLINE_LABEL = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"
_PERIODS = ("effectivePeriod", "performedPeriod", "period", "onsetPeriod", "occurrencePeriod")
_POINTS = (
    "effectiveDateTime performedDateTime onsetDateTime occurrenceDateTime authoredOn recordedDate date issued"
).split()
_PRINCIPAL = ("code", "vaccineCode", "medicationCodeableConcept", "type")
_AUTHORS = ("author", "performer", "recorder", "requester", "asserter")
_DEEPEST = 80


@dataclass(frozen=True, slots=True)
class ResourceContext:
    """What the node knows about a resource beside its content. `custodian` is a directory id."""

    custodian: str
    labelled: bool = True
    """The labeller has run on this resource."""
    received_under: str | None = None
    """Id of the agreement under which the custodian holds this copy."""
    tags: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()
    """Resources that this one depends on at a distance."""


def digest(resource: Mapping[str, Any], context: ResourceContext) -> Facts:
    """Facts of one FHIR R4 resource. A resource that cannot be read has no patient, so no one is given it."""
    kind = resource.get("resourceType") if isinstance(resource, Mapping) else None
    if not isinstance(kind, str) or not kind:
        return _unreadable(context)
    walk = _Walk(context)
    meta = resource.get("meta")
    if not walk.over(resource, kind) or (meta is not None and not isinstance(meta, Mapping)):
        return _unreadable(context)
    security = meta.get("security") if meta else None
    if walk.root_labels:
        security = [
            *(security if isinstance(security, list) else [security] if security else []),
            *walk.root_labels,
        ]
    dated, start, end = clinical_interval(resource)
    principal, text_only = _principal(resource)
    id_ = resource.get("id")
    ref = f"{kind}/{id_}" if isinstance(id_, str) else None
    return Facts(
        type=kind,
        ref=ref,
        custodian=context.custodian,
        patients=_patients(resource, kind, ref, context),
        labels=labels_from_security(security, tags=context.tags, labelled=context.labelled),
        dated=dated,
        start=start,
        end=end,
        text_only=text_only,
        principal=principal,
        codes=frozenset(walk.codes),
        references=frozenset(walk.references),
        authors=_authors(resource, context),
        ancestors=frozenset(plain_reference(item) for item in context.ancestors),
        profiles=_profiles(meta),
        received_under=context.received_under,
        paths=walk.paths,
        elements=tuple(walk.elements),
    )


def _unreadable(context: ResourceContext) -> Facts:
    labels = labels_from_security(None, tags=context.tags, labelled=False)
    return Facts("", None, context.custodian, (), labels, False, None, None, True)


class _Walk:
    """One pass over a resource: codes, references, paths present, elements with labels of their own."""

    def __init__(self, context: ResourceContext) -> None:
        self.tags = context.tags
        self.codes: set[str] = set()
        self.references: set[str] = set()
        self.paths: dict[str, int] = {}
        self.elements: list[Element] = []
        self.root_labels: list[Any] = []

    def over(self, resource: Mapping[str, Any], kind: str) -> bool:
        """False if it is nested deeper than any resource is."""
        self.root_labels = _inline_labels(resource)
        return self._members(resource, kind, kind, 0)

    def _members(self, node: Mapping[str, Any], path: str, place: str, depth: int) -> bool:
        if depth > _DEEPEST:
            return False
        paths = self.paths
        for key, value in node.items():
            if not isinstance(key, str):
                return False
            name = key[1:] if key[:1] == "_" else key
            under = f"{path}.{name}"
            listed = isinstance(value, list)
            many = len(value) if listed else 1
            if paths.get(under, 0) < many or not many:
                paths[under] = max(paths.get(under, 0), many)
            if isinstance(value, str):  # most members: nothing is below them
                if key == "reference":
                    self.references.add(plain_reference(value))
                continue
            if name == "meta" and (depth == 0 or "resourceType" in node):
                continue
            if key == "coding":
                self.codes.update(_codings(value))
            nested = listed or isinstance(value, (dict, Mapping))
            if nested and not self._value(value, under, f"{place}.{name}", depth + 1):
                return False
        return True

    def _value(self, value: Any, path: str, place: str, depth: int) -> bool:
        if not isinstance(value, list):
            self._labelled(value, place)
            return self._members(value, path, place, depth)
        for index, item in enumerate(value):
            if isinstance(item, (dict, Mapping)):
                self._labelled(item, f"{place}[{index}]")
                if not self._members(item, path, f"{place}[{index}]", depth):
                    return False
            elif isinstance(item, list):
                return False  # FHIR JSON has no arrays of arrays
        return True

    def _labelled(self, node: Mapping[str, Any], place: str) -> None:
        labels = _inline_labels(node) if "extension" in node else []
        meta = node.get("meta") if "resourceType" in node else None
        security = meta.get("security") if isinstance(meta, Mapping) else None
        if security is not None:
            labels = [*labels, *(security if isinstance(security, list) else [security])]
        if labels:
            self.elements.append(Element(place, labels_from_security(labels, tags=self.tags)))


def _inline_labels(node: Mapping[str, Any]) -> list[Any]:
    extensions = node.get("extension")
    if not isinstance(extensions, list):
        return []
    return [
        extension.get("valueCoding")
        for extension in extensions
        if isinstance(extension, Mapping) and extension.get("url") == INLINE_LABEL
    ]


def code_key(coding: Any) -> str | None:
    """`system|code` with the system's one name; None without a code."""
    if not isinstance(coding, Mapping) or not isinstance(coding.get("code"), str) or not coding["code"]:
        return None
    system = coding.get("system")
    return f"{system_name(system) if isinstance(system, str) else ''}|{coding['code']}"


def _codings(value: Any) -> list[str]:
    return [key for item in value if (key := code_key(item))] if isinstance(value, list) else []


def _principal(resource: Mapping[str, Any]) -> tuple[frozenset[str], bool]:
    found: set[str] = set()
    text_only = False
    for name in _PRINCIPAL:
        concept = resource.get(name)
        if isinstance(concept, Mapping):
            codes = _codings(concept.get("coding"))
            found.update(codes)
            text_only = text_only or not codes
    return frozenset(found), text_only


def _patients(
    resource: Mapping[str, Any], kind: str, ref: str | None, context: ResourceContext
) -> tuple[str, ...]:
    if context.patients:
        return tuple(dict.fromkeys(plain_reference(item) for item in context.patients))
    for name in ("subject", "patient", "beneficiary"):
        value = resource.get(name)
        if isinstance(value, Mapping) and isinstance(value.get("reference"), str):
            return (plain_reference(value["reference"]),)
    return (ref,) if kind == "Patient" and ref else ()


def _authors(resource: Mapping[str, Any], context: ResourceContext) -> frozenset[str]:
    found = {plain_reference(item) for item in context.authors}
    walk = _Walk(context)
    for name in _AUTHORS:
        value = resource.get(name)
        if isinstance(value, (Mapping, list)):
            walk._value(value, name, name, 1)
    return frozenset(found | walk.references)


def _profiles(meta: Any) -> frozenset[str]:
    listed = meta.get("profile") if isinstance(meta, Mapping) else None
    items = listed if isinstance(listed, list) else []
    return frozenset(item.partition("|")[0] for item in items if isinstance(item, str))


def clinical_interval(resource: Mapping[str, Any]) -> tuple[bool, Micros | None, Micros | None]:
    """`(dated, start, end)` by the precedence of consent.md 2; None is unbounded."""
    for name in _PERIODS:
        if resource.get(name) is not None:
            return _from_period(resource[name])
    onset, abatement = resource.get("onsetDateTime"), resource.get("abatementDateTime")
    if onset is not None and abatement is not None:
        return _from_period({"start": onset, "end": abatement})
    for name in _POINTS:
        if resource.get(name) is not None:
            return _from_period({"start": resource[name], "end": resource[name]})
    return False, None, None


def _from_period(value: Any) -> tuple[bool, Micros | None, Micros | None]:
    if not isinstance(value, Mapping):
        return False, None, None
    ends: list[Micros | None] = []
    for name, last in (("start", 0), ("end", 1)):
        given = value.get(name)
        span = interval(given) if isinstance(given, str) else None
        if given is not None and span is None:
            return False, None, None
        ends.append(span[last] if span else None)
    start, end = ends
    backwards = start is not None and end is not None and start > end
    if backwards or (start is None and end is None):
        return False, None, None
    return True, start, end
