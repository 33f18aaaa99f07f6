"""The derived facts of a resource, computed once at ingest and stored beside its bytes (consent.md 2).

A decision reads `Facts` and never the resource. Nothing here raises on data: what cannot be read becomes a
fact
that counts against access (no patient, undated, V). Patients are the source's own references until
`Facts.about` puts the person's index reference in their place, at decision time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent.facts import Facts
from consent.instants import Micros, interval
from consent.labels import labels_from_security
from consent.references import plain_reference
from consent.survey import (
    INLINE_LABEL,
    OBJECT,
    code_key,
    codings,
    inline_labels,
    labelled_elements,
    references_in,
    survey,
)

__all__ = ["INLINE_LABEL", "ResourceContext", "clinical_interval", "code_key", "digest"]
_PERIODS = ("effectivePeriod", "performedPeriod", "period", "onsetPeriod", "occurrencePeriod")
_POINTS = (
    "effectiveDateTime performedDateTime onsetDateTime occurrenceDateTime whenHandedOver "
    "whenPrepared authoredOn recordedDate date issued"
).split()
_PRINCIPAL = ("code", "vaccineCode", "medicationCodeableConcept", "type")
_NONE: frozenset[str] = frozenset()
_AUTHORS = ("author", "performer", "recorder", "requester", "asserter")


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
    kind = resource.get("resourceType") if isinstance(resource, OBJECT) else None
    if not isinstance(kind, str) or not kind:
        return _unreadable(context)
    found = survey(resource, kind)
    meta = resource.get("meta")
    if found is None or (meta is not None and not isinstance(meta, OBJECT)):
        return _unreadable(context)
    security = meta.get("security") if meta else None
    if "extension" in resource and (inline := inline_labels(resource)):
        security = [*(security if isinstance(security, list) else [security] if security else []), *inline]
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
        codes=frozenset(found.codes),
        references=frozenset(found.references),
        authors=_authors(resource, context),
        ancestors=_plain(context.ancestors),
        profiles=_profiles(meta),
        received_under=context.received_under,
        paths=found.paths,
        elements=tuple(labelled_elements(resource, kind, context.tags)) if found.labelled else (),
    )


def _unreadable(context: ResourceContext) -> Facts:
    labels = labels_from_security(None, tags=context.tags, labelled=False)
    return Facts("", None, context.custodian, (), labels, False, None, None, True)


def _principal(resource: Mapping[str, Any]) -> tuple[frozenset[str], bool]:
    found: set[str] = set()
    text_only = False
    for name in _PRINCIPAL:
        concept = resource.get(name)
        if isinstance(concept, OBJECT):
            codes = codings(concept.get("coding"))
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
        if isinstance(value, OBJECT) and isinstance(value.get("reference"), str):
            return (plain_reference(value["reference"]),)
    return (ref,) if kind == "Patient" and ref else ()


def _authors(resource: Mapping[str, Any], context: ResourceContext) -> frozenset[str]:
    found = set(_plain(context.authors))
    for name in _AUTHORS:
        value = resource.get(name)
        if value is not None:
            found.update(references_in(value))
    return frozenset(found)


def _plain(references: tuple[str, ...]) -> frozenset[str]:
    return frozenset(plain_reference(item) for item in references) if references else _NONE


def _profiles(meta: Any) -> frozenset[str]:
    listed = meta.get("profile") if isinstance(meta, OBJECT) else None
    items = listed if isinstance(listed, list) else ()
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
    if not isinstance(value, OBJECT):
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
