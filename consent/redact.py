"""Elements that must not go: which they are, whether they may be missing, and their removal (consent.md
11).
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from consent.facts import Facts
from consent.vocabulary import OBSERVATION_VALUE

DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
REDACTED = {"system": OBSERVATION_VALUE, "code": "REDACTED"}
_INDEX = re.compile(r"\[(\d+)\]")
_STEP = re.compile(r"([A-Za-z]+)(?:\[(\d+|x)\])?\Z")


def present(facts: Facts, paths: Iterable[str]) -> set[str]:
    """Of the paths that rules list, those of this type that the resource has (`value[x]` as it is named)."""
    found: set[str] = set()
    for path in paths:
        if not path.startswith(f"{facts.type}."):
            continue
        stem = path.removesuffix("[x]")
        if stem != path:
            last = stem.count(".")
            found |= {item for item in facts.paths if item.startswith(stem) and item.count(".") == last}
            continue
        most = facts.paths.get(_INDEX.sub("", path), 0)
        asked = _INDEX.search(path.rpartition(".")[2])
        if most and (asked is None or int(asked.group(1)) < most):
            found.add(path)
    return found


def outermost(paths: Iterable[str]) -> set[str]:
    """Without those that lie inside another; inside a contained resource the whole of it goes."""
    whole = {re.sub(r"(\.contained\[\d+\]).*", r"\1", path) for path in paths}
    return {path for path in whole if not any(path.startswith((f"{other}.", f"{other}[")) for other in whole)}


@lru_cache(maxsize=1)
def _needed() -> Mapping[str, frozenset[str]]:
    """Per type the paths with min >= 1 or a modifier, without the type: a generated table of FHIR 4.0.1."""
    table = json.loads((resources.files("consent") / "needed.json").read_bytes())
    return {kind: frozenset(listed.split()) for kind, listed in table.items()}


@lru_cache(maxsize=4096)
def breaks_resource(kind: str, path: str) -> bool:
    """Whether this element is mandatory or a modifier, so that the resource cannot go without it."""
    listed = _needed().get(kind)
    if listed is None:
        return True
    inner = _INDEX.sub("", path).removeprefix(f"{kind}.")
    if inner in listed or inner.rpartition(".")[2] in ("modifierExtension", "implicitRules"):
        return True
    return any(
        inner.startswith(stem)
        and inner[len(stem) : len(stem) + 1].isupper()
        and "." not in inner[len(stem) :]
        for stem in (item.removesuffix("[x]") for item in listed if item.endswith("[x]"))
    )


def redact(resource: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """A copy without these elements, each marked as masked; narrative dropped; `REDACTED` in `meta.security`.

    A path without index means every occurrence. What was given stays untouched. No path: the same content.
    """
    listed = sorted(paths)
    copy: dict[str, Any] = _copy(resource)
    if not listed:
        return copy
    for path in sorted(listed, key=_deepest_last_index_first, reverse=True):
        _remove([copy], path.split(".")[1:])
    copy.pop("text", None)
    meta = copy.get("meta")
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    held = meta.get("security")
    security = list(held) if isinstance(held, list) else []
    if REDACTED not in security:
        security.append(dict(REDACTED))
    copy["meta"] = meta | {"security": security}
    return copy


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _deepest_last_index_first(path: str) -> list[tuple[str, int]]:
    """So that taking one out of an array does not move one that is still to go."""
    steps = [_STEP.match(step) for step in path.split(".")]
    return [
        (step.group(1), int(step.group(2)) if (step.group(2) or "").isdigit() else -1)
        for step in steps
        if step
    ]


def _remove(nodes: list[Any], steps: list[str]) -> None:
    found = _STEP.match(steps[0])
    if not found:
        return
    name, index = found.group(1), found.group(2)
    holders = [node for node in nodes if isinstance(node, dict)]
    if len(steps) == 1:
        for node in holders:
            _mask(node, name, int(index) if index and index.isdigit() else None)
        return
    below: list[Any] = []
    for node in holders:
        value = node.get(name)
        items = value if isinstance(value, list) else [value]
        below += items if index is None else items[int(index) : int(index) + 1]
    _remove(below, steps[1:])


def _mask(node: dict[str, Any], name: str, index: int | None) -> None:
    """Put `masked` in the element's place. Arrays keep one masked entry where an entry was taken."""
    value = node.get(name, node.get(f"_{name}"))
    if value is None:
        return
    masked = {"extension": [{"url": DATA_ABSENT, "valueCode": "masked"}]}
    if name in ("contained", "extension"):
        _drop(node, name, index)
    elif isinstance(value, list) and index is not None:
        _mask_one(node, name, index, masked)
    else:
        complex_ = isinstance(value, dict) and name in node
        many = isinstance(value, list)
        held = isinstance(value[0], dict) if many and value and name in node else complex_
        node.pop(name, None)
        node.pop(f"_{name}", None)
        node[name if held else f"_{name}"] = [masked] if many else masked


def _drop(node: dict[str, Any], name: str, index: int | None) -> None:
    if index is not None and isinstance(node.get(name), list):
        del node[name][index : index + 1]
        if node[name]:
            return
    node.pop(name, None)


def _mask_one(node: dict[str, Any], name: str, index: int, masked: dict[str, Any]) -> None:
    values, siblings = node.get(name), node.get(f"_{name}")
    if isinstance(values, list) and index < len(values) and isinstance(values[index], dict):
        values[index] = masked
        return
    length = max(len(item) for item in (values, siblings) if isinstance(item, list))
    beside = siblings if isinstance(siblings, list) else []
    beside = beside + [None] * (length - len(beside))
    if index < length:
        beside[index] = masked
        if isinstance(values, list) and index < len(values):
            values[index] = None
        node[f"_{name}"] = beside
