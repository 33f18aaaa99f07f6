"""Which resource of the input becomes which id, and where a reference leads (normalisation.md 1, 2 and 3).

Every id is made anew from type and original id: ids of two sources never meet, an illegal one costs nothing.
"""

from hashlib import sha256
from typing import Any

from adapters import codec, identity
from adapters.fhir_r4.record import Entry
from adapters.interface import Source
from adapters.reading import as_list


class Identities:
    """Ids and references of one input; knows only resources that will be there."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ids: dict[int, str] = {}
        self._targets: dict[str, str] = {}
        self.unkeyed: list[dict[str, Any]] = []
        """Resources whose id rests on their content: a correction of one cannot find it."""

    def add(self, entry: Entry) -> None:
        """Give a resource its id: by its own, else by its first identifier or its content."""
        key = entry.name
        if key is None:
            key = _content_key(entry)
            self.unkeyed.append(entry.resource)
        reference = f"{entry.type}/{self.made(entry.type, key)}"
        self._ids[id(entry.resource)] = reference.partition("/")[2]
        if entry.full_url:
            self._targets.setdefault(entry.full_url, reference)
        if entry.name is not None:
            self._targets.setdefault(entry.name, reference)

    def add_older(self, entry: Entry, newer: Entry) -> None:
        """A superseded version that had an address of its own: references to it mean the newer one."""
        if entry.full_url and self.knows(newer.resource):
            self._targets.setdefault(entry.full_url, f"{newer.type}/{self.of(newer.resource)}")

    def add_patient(self, words: str) -> str:
        """Id of a Patient that the input speaks of and does not hold."""
        made = self.made("Patient", f"Patient/{words.rpartition('/')[2]}")
        self._targets.setdefault(words, f"Patient/{made}")
        return made

    def made(self, type: str, key: str) -> str:
        """The id of a business key (rule 2)."""
        source = self._source
        return identity.resource_id(source.id_key, type, source.custodian, source.id, key)

    def of(self, resource: dict[str, Any]) -> str:
        return self._ids[id(resource)]

    def knows(self, resource: dict[str, Any]) -> bool:
        return id(resource) in self._ids

    def resolve(self, words: str) -> str | None:
        """The relative reference that this one means inside the input, or None."""
        found = self._targets.get(words)
        if found is None and "/_history/" in words:
            found = self._targets.get(words.partition("/_history/")[0])
        return found


def _content_key(entry: Entry) -> str:
    digest = sha256(codec.encode(entry.resource)).hexdigest()
    for identifier in as_list(entry.resource.get("identifier")):
        if isinstance(identifier, dict) and identifier.get("system") and identifier.get("value"):
            return f"{entry.type}|{identifier['system']}|{identifier['value']}|{digest}"
    return f"{entry.type}|{digest}"
