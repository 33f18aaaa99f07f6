"""One pass over a resource: its codes, references, and the elements that are there (consent.md 2).

Nearly every resource has no label inside of it, so the pass keeps no positions: only where it met something
that may bear one, `labelled_elements` goes over the resource again and says where.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from consent.facts import Element
from consent.labels import labels_from_security
from consent.references import plain_reference
from consent.vocabulary import system_name

INLINE_LABEL = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"
OBJECT = (dict, Mapping)
"""What a JSON object may be; `dict` first: nearly always it is one, and that is told at once."""
_DEEPEST = 80
_Waiting = list[tuple[Mapping[str, Any], str, int]]


class Survey(NamedTuple):
    """`paths`: every element present, without indexes, and the most occurrences that one array of it has."""

    codes: set[str]
    references: set[str]
    paths: dict[str, int]
    labelled: bool
    """Something inside may have labels of its own."""


def survey(resource: Mapping[str, Any], kind: str) -> Survey | None:
    """What one resource contains; None if it is nested deeper than any resource is, or is no JSON."""
    found = Survey(set(), set(), {}, False)
    waiting: _Waiting = [(resource, kind, 0)]
    labelled = False
    while waiting:
        node, path, depth = waiting.pop()
        whole = "resourceType" in node  # the resource, or one that it contains
        labelled = labelled or (depth > 0 and (whole or "extension" in node))
        if depth > _DEEPEST or not _members(node, path, depth + 1, whole, found, waiting):
            return None
    return found._replace(labelled=True) if labelled else found


def _members(
    node: Mapping[str, Any], path: str, depth: int, whole: bool, found: Survey, waiting: _Waiting
) -> bool:
    """Note the members of one object; those that have members themselves wait. False if it is no JSON."""
    codes, references, paths, _ = found
    for key, value in node.items():
        if not isinstance(key, str):
            return False
        name = key[1:] if key[:1] == "_" else key
        under = f"{path}.{name}"
        if isinstance(value, str):  # most members: nothing is below them
            if not paths.get(under):
                paths[under] = 1
            if key == "reference":
                references.add(plain_reference(value))
            continue
        listed = isinstance(value, list)
        many = len(value) if listed else 1
        if paths.get(under, -1) < many:
            paths[under] = many
        if name == "meta" and whole:
            continue
        if not listed:
            if isinstance(value, OBJECT):
                waiting.append((value, under, depth))
            continue
        if key == "coding":
            codes.update(codings(value))
        for item in value:
            if isinstance(item, OBJECT):
                waiting.append((item, under, depth))
            elif isinstance(item, list):
                return False  # FHIR JSON has no arrays of arrays
    return True


def references_in(value: Any) -> Iterator[str]:
    """Every reference in a part of a resource that `survey` read, as `Type/id`."""
    if isinstance(value, list):
        for item in value:
            yield from references_in(item)
    elif isinstance(value, OBJECT):
        whole = "resourceType" in value
        for key, item in value.items():
            if key == "reference" and isinstance(item, str):
                yield plain_reference(item)
            elif not isinstance(item, str) and not (whole and key in ("meta", "_meta")):
                yield from references_in(item)


def labelled_elements(node: Mapping[str, Any], place: str, tags: tuple[str, ...]) -> Iterator[Element]:
    """The elements and contained resources with labels of their own, of a resource that `survey` read."""
    for key, value in node.items():
        name = key[1:] if key[:1] == "_" else key
        if name == "meta" and "resourceType" in node:
            continue
        if isinstance(value, list):
            inside = [(item, f"{place}.{name}[{index}]") for index, item in enumerate(value)]
        else:
            inside = [(value, f"{place}.{name}")]
        for item, where in inside:
            if isinstance(item, OBJECT):
                labels = _own_labels(item)
                if labels:
                    yield Element(where, labels_from_security(labels, tags=tags))
                yield from labelled_elements(item, where, tags)


def _own_labels(node: Mapping[str, Any]) -> list[Any]:
    labels = inline_labels(node)
    meta = node.get("meta") if "resourceType" in node else None
    security = meta.get("security") if isinstance(meta, OBJECT) else None
    if security is not None:
        labels = [*labels, *(security if isinstance(security, list) else [security])]
    return labels


def inline_labels(node: Mapping[str, Any]) -> list[Any]:
    """The codings of the inline labels that an object bears."""
    extensions = node.get("extension")
    if not isinstance(extensions, list):
        return []
    return [
        extension.get("valueCoding")
        for extension in extensions
        if isinstance(extension, OBJECT) and extension.get("url") == INLINE_LABEL
    ]


def code_key(coding: Any) -> str | None:
    """`system|code` with the system's one name; None without a code."""
    if not isinstance(coding, OBJECT):
        return None
    code, system = coding.get("code"), coding.get("system")
    if not isinstance(code, str) or not code:
        return None
    return f"{system_name(system) if isinstance(system, str) else ''}|{code}"


def codings(value: Any) -> list[str]:
    """The keys of those codings of a list that have a code."""
    return [key for item in value if (key := code_key(item))] if isinstance(value, list) else []
