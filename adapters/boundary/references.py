"""Where a literal reference may lead (references 2.3; ref-1)."""

import re
from functools import lru_cache

from adapters.boundary.defect import Contained, Defect, Found
from adapters.boundary.table import resource_types

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


@lru_cache(maxsize=1024)
def relative_type(words: str) -> str | None:
    """The type of a plain `Type/id`, as most references are; None for any other form."""
    kind, _, id = words.partition("/")
    return kind if kind in resource_types() and _ID.match(id) else None


def reference_defect(words: str, targets: frozenset[str] | None, ids: Contained) -> Found:
    """None if a reference may stand. `targets`: types that it may lead to, None: any."""
    if words.startswith("#"):
        if words == "#":
            return None
        kind = ids.get(words[1:])
        if kind is None:
            return [Defect("ref-1", "bad-reference")]
        return _target(kind, targets)
    parts = words.partition("/_history/")[0].split("/")
    if len(parts) == 2 and ":" not in words:
        if parts[0] not in resource_types() or not _ID.match(parts[1]):
            return [Defect("reference", "bad-reference")]
        return _target(parts[0], targets)
    if len(parts) < 2:
        return None if ":" in words or "?" in words else [Defect("reference", "bad-reference")]
    return _target(parts[-2], targets) if parts[-2] in resource_types() else None


def _target(kind: str, targets: frozenset[str] | None) -> Found:
    return None if targets is None or kind in targets else [Defect("target", "bad-reference")]
