"""A second opinion on what our mappings make: FHIR models look at the first messages of each mapping.

The boundary check of adapters/ sees everything; it is ours, though, and so is a mistake in it. The models of
fhir.resources (R4B, the same as R4 for what we write) are somebody else's. Slow, so they see the first 200
messages of each source and mapping hash, then every hundredth (normalisation.md 1, rule 12). Counted in the
process: after a start, they look again.
"""

import threading
from collections import Counter
from collections.abc import Iterable

from gateway.records.interface import JSON

FIRST = 200
THEN_EVERY = 100


class ShapeSampling:
    """Which messages are looked at, and what is wrong with their resources."""

    def __init__(self, first: int = FIRST, then_every: int = THEN_EVERY) -> None:
        self._first = first
        self._then_every = then_every
        self._seen: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def misshapen(self, source: str, mapping: str, resources: Iterable[JSON]) -> str | None:
        """Type of the first resource that its model refuses, if this message is one that is looked at."""
        with self._lock:
            number = self._seen[source, mapping]
            self._seen[source, mapping] += 1
        if number >= self._first and (number - self._first + 1) % self._then_every:
            return None
        return next((str(one["resourceType"]) for one in resources if not is_well_shaped(one)), None)


def is_well_shaped(resource: JSON) -> bool:
    """Whether the R4B model of its type takes this resource; a type that R4B does not have is not judged."""
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    try:
        model = get_fhir_model_class(resource["resourceType"])
    except (KeyError, ValueError):
        return True
    try:
        model.model_validate(resource)
    except (ValidationError, ValueError, ArithmeticError, TypeError):
        return False
    return True
