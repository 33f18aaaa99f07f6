"""References compared as `Type/id`, without base URL and without `/_history/…`."""

import re
from functools import lru_cache

_TYPED = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,128})(?:/_history/[^/]+)?/?\Z")


@lru_cache(maxsize=8192)
def plain_reference(reference: str) -> str:
    """`https://x/fhir/Observation/o1/_history/3` to `Observation/o1`; `urn:…` and `#…` stay as they are."""
    if reference.startswith(("#", "urn:")):
        return reference
    found = _TYPED.match(reference)
    return found.group(1) if found else reference


def typed(kind: str, id_or_reference: str) -> str:
    """A directory id (`gp-north`) as reference (`Organization/gp-north`)."""
    return id_or_reference if "/" in id_or_reference else f"{kind}/{id_or_reference}"
