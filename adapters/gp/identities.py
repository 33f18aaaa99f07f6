"""Which resource of the input becomes which id, and where a reference leads (normalisation.md 1, 2 and 3).

Every id is rewritten from type and original id: ids of two sources never meet, an illegal one costs nothing.
"""

import hashlib
from typing import Any

from adapters import codec, identity
from adapters.interface import Source
from adapters.reading import as_list


class Identities:
    """Ids and references of one input; knows only resources that will be in the answer."""

    def __init__(self, source: Source, whose: str = "") -> None:
        """`whose`: what the input calls its patient, for Lists that name neither themselves nor her."""
        self._source = source
        self._whose = whose
        self.local_system = identity.local_system(source.custodian, source.id, "id")
        """Where the source's own ids are kept."""
        self._ids: dict[int, str] = {}
        self._targets: dict[str, str] = {}
        self._contained: dict[tuple[int, str], str] = {}
        self._taken: set[str] = set()
        self.patient: str | None = None
        """`Patient/<id>` if the input is about exactly one person."""
        self.identifiers: frozenset[tuple[str, str]] = frozenset()
        """Business identifiers of that person, as they came."""
        self.unkeyed: list[dict[str, Any]] = []
        """Resources whose id rests on their content: a correction of one cannot find it."""
        self._ended: set[int] = set()

    def add(self, resource: dict[str, Any], target: str, full_url: str | None, scope: str = "") -> None:
        """Give a resource its id: by its own, or by its content if it has none or another came with it."""
        kind = str(resource.get("resourceType"))
        original = resource.get("id")
        own = isinstance(original, str) and bool(original)
        name = f"{kind}/{scope}{original}" if own else _list_name(resource, self._whose)
        first = name is None or name not in self._taken
        new = self._new_id(target, name if name is not None and first else _content_key(kind, resource))
        self._ids[id(resource)] = new
        if name is not None and first:
            self._taken.add(name)
            if own and not scope:
                self._targets.setdefault(name, f"{target}/{new}")
        if full_url:
            self._targets.setdefault(full_url, f"{target}/{new}")
        if name is None or not first:
            self.unkeyed.append(resource)

    def add_contained(self, parent: dict[str, Any], resource: dict[str, Any], target: str) -> None:
        """A contained resource that becomes one of its own: found as `#id` from its parent alone."""
        self.add(resource, target, None, f"{parent.get('resourceType')}/{parent.get('id')}#")
        local = resource.get("id")
        if isinstance(local, str):
            self._contained[(id(parent), local.removeprefix("#"))] = f"{target}/{self.of(resource)}"

    def add_patient(self, key: str, words: str | None) -> str:
        """Id of a Patient that the input itself does not hold; `words` are the reference that means it."""
        new = self._new_id("Patient", key)
        if words is not None:
            self._targets.setdefault(words, f"Patient/{new}")
        return new

    def of(self, resource: dict[str, Any]) -> str:
        return self._ids[id(resource)]

    def knows(self, resource: dict[str, Any]) -> bool:
        return id(resource) in self._ids

    def is_patient(self, identifier: Any) -> bool:
        """Whether an identifier (R4 JSON) is one of the person that the input is about."""
        if self.patient is None or not isinstance(identifier, dict):
            return False
        return (identifier.get("system"), identifier.get("value")) in self.identifiers

    def mark_ended(self, resource: dict[str, Any]) -> None:
        self._ended.add(id(resource))

    def is_ended(self, resource: dict[str, Any]) -> bool:
        """Whether the record lists this allergy among the ended ones."""
        return id(resource) in self._ended

    def promoted(self, parent: dict[str, Any], local: str) -> str | None:
        """New reference of a contained resource that was moved out of its parent."""
        return self._contained.get((id(parent), local))

    def named(self, words: str) -> str | None:
        """`resolve` of words that are a resource's own name or address, as nearly all are."""
        return self._targets.get(words)

    def resolve(self, reference: str, within: dict[str, Any]) -> str | None:
        """The relative R4 reference that this one means inside this input, or None."""
        if reference.startswith("#"):
            return self.promoted(within, reference[1:])
        found = self._targets.get(reference)
        if found is None and "/_history/" in reference:
            found = self._targets.get(reference.partition("/_history/")[0])
        return found

    def _new_id(self, target: str, key: str) -> str:
        source = self._source
        return identity.resource_id(source.id_key, target, source.custodian, source.id, key)


def _list_name(resource: dict[str, Any], whose: str) -> str | None:
    """GP Connect sends its Lists without id, one a kind and patient: both are the key of the List."""
    if resource.get("resourceType") != "List" or not isinstance(resource.get("code"), dict):
        return None
    subject = resource.get("subject")
    named = subject.get("reference") if isinstance(subject, dict) else None
    patient = named if isinstance(named, str) and named else whose
    for coding in as_list(resource["code"].get("coding")):
        if isinstance(coding, dict) and isinstance(coding.get("code"), str):
            return f"List|{coding.get('system')}|{coding['code']}|{patient}"
    return None


def _content_key(kind: str, resource: dict[str, Any]) -> str:
    """Key of a resource without an id of its own: its first full identifier, else what it says."""
    for identifier in as_list(resource.get("identifier")):
        if isinstance(identifier, dict) and identifier.get("system") and identifier.get("value"):
            return f"{kind}|{identifier['system']}|{identifier['value']}|{_digest(resource)}"
    return f"{kind}|{_digest(resource)}"


def _digest(resource: dict[str, Any]) -> str:
    return hashlib.sha256(codec.encode(resource)).hexdigest()
