"""What one document becomes while it is read: resources by id, labels, assumptions, who is meant.

Ids are deterministic (normalisation.md 1, rule 2), references relative, and a mark of confidentiality lies
on everything that stands under it (rule 8).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from lxml import etree

from adapters.identity import meta_source, resource_id
from adapters.interface import Source
from adapters.specialist.marks import marks_by_entry
from adapters.specialist.markup import Element, find, find_all, peek
from adapters.specialist.narrative import Narratives
from adapters.specialist.reader import Document
from adapters.specialist.strays import strays_by_act

JSON = dict[str, Any]
KEPT = "urn:carepact:kept"
NOBODYS = frozenset("Organization Practitioner PractitionerRole Location Medication Substance Device".split())
"""Types that are about no patient: one resource for all documents."""

_BARE = frozenset(("templateId", "id", "statusCode", "code"))


class Record:
    """Builds the resources of one document. `offset` is that of the document's effectiveTime."""

    def __init__(self, doc: Document, source: Source, intake: str, offset: str | None) -> None:
        self.doc = doc
        self.source = source
        self.owner = (source.custodian, source.id)
        self.offset = offset
        self.narratives = Narratives(doc)
        self.meta_source = meta_source(source.custodian, source.id, intake)
        self.labels: list[JSON] = []
        self.all_labels: list[JSON] = []
        self.subject: JSON = {}
        self.patient: JSON = {}
        self.document_key = ""
        self.document_time = ""
        self.document_author: JSON = {}
        self.language = ""
        self.zones = 0
        self.failed_units = 0
        self._resources: dict[str, JSON] = {}
        self._assumed: set[str] = set()
        self._begun = 0
        self._links: list[tuple[JSON, Element, str]] = []
        self._ids = Counter([_own_id(e) for e in doc.acts if not is_pointer(e)])
        self._roots = Counter([peek(e, "root") for e in doc.ids])
        self._marks = marks_by_entry(doc)
        self._strays = strays_by_act(doc.acts)
        self._named: dict[tuple[str, str], str] = {}
        self._keys: Counter[str] = Counter()

    # -- resources

    def identify(self, resource_type: str, key: str) -> str:
        known = self._named.get((resource_type, key))
        if known is None:
            owner = self.source
            known = resource_id(owner.id_key, resource_type, owner.custodian, owner.id, key)
            self._named[resource_type, key] = known
        return known

    def reference(self, resource_type: str, key: str) -> str:
        """What is about a patient is keyed within the patient: an id that a source gave to the acts of two
        people (templates do) must not put the one's into the other's record."""
        if resource_type != "Patient" and resource_type not in NOBODYS and self.subject:
            key = f"{self.subject['reference']}\x1e{key}"
        return f"{resource_type}/{self.identify(resource_type, key)}"

    @contextmanager
    def under(self, labels: list[JSON]) -> Iterator[None]:
        """Labels that lie on all that is added meanwhile, and on the document that holds it."""
        before = self.labels
        if not labels:
            yield
            return
        self.labels = unique([*before, *labels])
        self.all_labels = unique([*self.all_labels, *labels])
        try:
            yield
        finally:
            self.labels = before

    def known(self, reference: str) -> JSON | None:
        return self._resources.get(reference)

    def add(self, resource: JSON, key: str, labels: Iterable[JSON] = (), *, person: bool = False) -> JSON:
        """Gives a resource its id and meta; returns a Reference to it. `person`: bears no tags of others."""
        kind = resource.pop("resourceType")
        reference = self.reference(kind, key)
        if not person and reference in self._resources:
            # Two acts that claim one id: both are kept, the second by its ordinal.
            self._keys[reference] += 1
            key = f"{key}\x1e{self._keys[reference]}"
            reference = self.reference(kind, key)
        meta: JSON = {"source": self.meta_source}
        security = unique([*labels, *self.labels])
        if security:
            meta["security"] = security
        if not person and self._assumed:
            meta["tag"] = [{"system": "urn:carepact:assumed", "code": c} for c in sorted(self._assumed)]
            self._assumed.clear()
        head = {"resourceType": kind, "id": reference.partition("/")[2], "meta": meta}
        if self.language and "text" in resource:
            head["language"] = self.language
        self._resources[reference] = head | resource
        return {"reference": reference}

    def resources(self) -> list[JSON]:
        """Patients first, then by first appearance."""
        found = list(self._resources.values())
        return sorted(found, key=lambda r: r["resourceType"] != "Patient")

    def tag(self, resource_type: str, system: str, code: str) -> None:
        """Tags every resource of a type."""
        for resource in self._resources.values():
            if resource["resourceType"] == resource_type:
                tags = resource["meta"].setdefault("tag", [])
                if {"system": system, "code": code} not in tags:
                    tags.append({"system": system, "code": code})

    # -- links between entries

    def link(self, resource_type: str, pointer: Element) -> JSON | None:
        """Reference to what another entry becomes, known by the id that a bare act repeats; None without id.

        Which entries there are shows at the end: `settle_links` makes a dead one logical (rule 3).
        """
        root, extension = _own_id(pointer)
        if not root:
            return None
        reference = {"reference": self.reference(resource_type, _id_key(root, extension))}
        self._links.append((reference, pointer, extension or root))
        for one in find_all(pointer, "id"):
            self.doc.get(one, "root"), self.doc.get(one, "extension")
        return reference

    def settle_links(self) -> None:
        for reference, pointer, value in self._links:
            if reference["reference"] not in self._resources:
                self.doc.remark(pointer, "altered", "dangling-reference")
                reference.clear()
                reference["identifier"] = {"system": "urn:carepact:unresolved", "value": value}

    # -- units

    def begin(self) -> None:
        self.doc.begin()
        self._assumed.clear()
        self._begun = len(self._resources)

    def commit(self) -> None:
        self.doc.commit()
        self._assumed.clear()

    def rollback(self) -> None:
        """Forget what the unit made; what it took is open again."""
        self.doc.rollback()
        self._assumed.clear()
        for reference in list(self._resources)[self._begun :]:
            del self._resources[reference]

    def marks_in(self, entry: Element) -> list[Element]:
        """What marks an entry: its confidentiality codes, security observations and masked values."""
        return self._marks.get(entry, [])

    def strays_in(self, act: Element) -> list[Element]:
        """Statements inside an entry's act that are no fact about the patient."""
        return self._strays.get(act, [])

    # -- remarks

    def assume(self, element: Element, reason: str) -> None:
        """A required value that the source does not state (rule 6)."""
        self.doc.remark(element, "assumed", reason)
        self._assumed.add(reason)

    def assume_zone(self, element: Element) -> None:
        self.zones += 1
        self.assume(element, "zone")

    # -- keys and words

    def key(self, act: Element, section: str, ordinal: int) -> str:
        """Business key of an entry (normalisation.md 4, "Keys")."""
        root, extension = _own_id(act)
        telling = extension or "-" in root or self._roots[root] == 1
        if root and telling and self._ids[root, extension] == 1:
            return _id_key(root, extension)
        content = hashlib.sha256(
            etree.tostring(self.doc.raw(act), method="c14n", with_tail=False)
        ).hexdigest()
        return "|".join((self.document_key, section, str(ordinal), content))

    def referred(self, reference: str) -> str | None:
        """Text of the narrative element that `#id` names, markup stripped, white space folded."""
        return self.narratives.text_of(reference)


def unique(items: list[JSON]) -> list[JSON]:
    return items if len(items) < 2 else [item for n, item in enumerate(items) if item not in items[:n]]


def is_pointer(act: Element) -> bool:
    """An act that only repeats the id of another entry (C-CDA Entry Reference, the encounter of a note)."""
    for child in act.children:
        if child.name not in _BARE:
            return False
    return not any(peek(c, "code") for c in find_all(act, "code"))


def own_key(act: Element) -> str:
    """The key that an act's first id makes, unique or not; empty without id."""
    root, extension = _own_id(act)
    return _id_key(root, extension) if root else ""


def _id_key(root: str, extension: str) -> str:
    return f"{root}|{extension}" if extension else root.lower()


def _own_id(act: Element) -> tuple[str, str]:
    """Root and extension of an act's first id; empty if it has none or a null one."""
    for one in find_all(act, "id"):
        root = peek(one, "root")
        if root and not peek(one, "nullFlavor"):
            return root, peek(one, "extension")
    return "", ""


def sdtc(element: Element | None, name: str) -> Element | None:
    """A child in the namespace of the SDTC extensions."""
    return find(element, f"sdtc:{name}")
