"""A section or an entry without its document: taken by `carepact normalise` only, never into a record.

Its subject is a stub that says so, its ledger has `failed`/`fragment`, and its batch is quarantined.
"""

from typing import Any

from adapters.specialist.markup import find_all, local
from adapters.specialist.record import Record
from adapters.specialist.sections.acts import Place, act_of
from adapters.specialist.sections.body import act_resources, entry_resources, section
from adapters.specialist.sections.kept import keep
from adapters.specialist.tree import ACTS

JSON = dict[str, Any]


def sections_from_fragment(record: Record) -> list[JSON]:
    """Sections of the fragment; entries and acts alone are added, anything else is kept as it came."""
    root = record.doc.root
    if local(root) == "section":
        return [section(record, root)]
    found = find_all(root, "section") or find_all(root, "component/section")
    found = found or find_all(root, "structuredBody/component/section")
    if found:
        return [section(record, s) for s in found]
    place = Place(root, "", 1)
    if local(root) in ACTS:
        act_resources(record, root, place)
    elif act_of(root) is not None:
        entry_resources(record, root, place)
    elif local(root) != "recordTarget":
        keep(record, root, place)
    return []
