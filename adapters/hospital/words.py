"""A meaning written out where a code is expected."""

from collections.abc import Mapping

from adapters.terminology.tables import Concept


def concept_in_words(rows: Mapping[tuple[str, str], Concept], code: str) -> Concept | None:
    """A sender that writes the meaning (`Female`, `SEVERE`) where its table has a code."""
    word = code.casefold()
    return next((c for c in rows.values() if c.code and word in (c.code, c.display.casefold())), None)
