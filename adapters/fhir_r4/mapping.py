"""One R4 resource as it came, with our ids and references: nothing else is changed (normalisation.md 6).

Decimals, unknown extensions and narrative leave as the very values that came. What changes, and is remarked:
id (rule 2), literal references (rule 3), systems that are known OIDs and national numbers that fail their
check digit (rule 4), `meta.source` (rule 5). What R4 has no element for is left to a Basic.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from adapters import identity
from adapters.boundary import defects
from adapters.boundary.table import elements
from adapters.codec import REPEATED
from adapters.fhir_r4.identities import Identities
from adapters.interface import JSON, Source
from adapters.reading import Holder, Reading, Step, keys_under
from adapters.terminology.tables import system_from_oid

UNRESOLVED = "urn:carepact:unresolved"
_OID = "urn:oid:"


@dataclass(slots=True)
class Mapped:
    """A resource on its way: `unknown` are members of the input that R4 does not have."""

    made: JSON
    unknown: list[tuple[Holder, Step]] = field(default_factory=list)


class Mapping:
    """Maps resources of one input."""

    def __init__(self, reading: Reading, ids: Identities, source: Source, anchor: str) -> None:
        self._reading = reading
        self._ids = ids
        self._source = source
        self._meta_source = identity.meta_source(source.custodian, source.id, anchor)
        self._local = identity.local_system(source.custodian, source.id, "id")

    def map(self, raw: JSON, labels: list[JSON], tags: list[JSON]) -> Mapped:
        """`labels` and `tags`: what holds for the whole input, beside the resource's own."""
        unknown = list(self._unknown(raw))
        away = {(id(holder), step) for holder, step in unknown}
        made: JSON = self._copied(raw, away)
        own = raw.get("id")
        if isinstance(own, str) and own and _has_identifiers(raw["resourceType"]):
            named = made.get("identifier")
            listed = named if isinstance(named, list) else []
            made["identifier"] = [*listed, {"system": self._local, "value": own}]
        made = {"resourceType": raw["resourceType"], "id": self._ids.of(raw)} | {
            name: value for name, value in made.items() if name not in ("resourceType", "id", "meta")
        }
        made["meta"] = self._meta(raw.get("meta"), labels, tags, away)
        return Mapped(_in_order(made), unknown)

    def _unknown(self, raw: JSON) -> Iterator[tuple[Holder, Step]]:
        """Members that R4 does not have, where they stand in the input."""
        for defect in defects(raw):
            if defect.rule != "unknown":
                continue
            holder: Any = raw
            for step in defect.path[:-1]:
                holder = holder[step]
            if REPEATED not in str(defect.path[-1]):  # those are in the ledger already
                yield holder, defect.path[-1]

    def _meta(self, raw: Any, labels: list[JSON], tags: list[JSON], away: set[tuple[int, Step]]) -> JSON:
        meta: JSON = self._copied(raw, away) if isinstance(raw, dict) else {}
        if "source" in meta:
            self._reading.account.lose(
                keys_under(raw, "source"),
                "not-mapped",
                "superseded",
                position=self._reading.position(raw, "source"),
            )
        meta["source"] = self._meta_source
        for name, ours in (("security", labels), ("tag", tags)):
            own = meta.get(name, [])
            if isinstance(own, list) and ours:
                meta[name] = [*own, *(one for one in ours if one not in own)]
        return meta

    def _copied(self, value: Any, away: set[tuple[int, Step]]) -> Any:
        """A copy, with references and identifiers as they are here."""
        if isinstance(value, list):
            return [self._copied(one, away) for one in value]
        if not isinstance(value, dict):
            return value
        made = {
            name: self._copied(child, away)
            for name, child in value.items()
            if child is not None and (id(value), name) not in away and REPEATED not in name
        }
        if isinstance(made.get("reference"), str):
            self._refer(value, made)
        if isinstance(made.get("system"), str):
            self._identify(value, made)
        for name in ("url", "valueUrl"):  # an Attachment that is a Binary of the same input
            if isinstance(made.get(name), str) and (found := self._ids.resolve(value[name])):
                made[name] = found
        return made

    def _refer(self, raw: JSON, made: JSON) -> None:
        """Rule 3: relative, and inside the input; else logical, in the words that came."""
        words = raw["reference"]
        if words.startswith("#"):
            return
        found = self._ids.resolve(words)
        if found is not None:
            made["reference"] = found
            return
        del made["reference"]
        made.setdefault("identifier", {"system": UNRESOLVED, "value": words})
        self._remark(raw, "reference", "dangling-reference")

    def _identify(self, raw: JSON, made: JSON) -> None:
        """Rule 4: a known system by its URI; a national number that is none links nobody."""
        system = raw["system"]
        if system.startswith(_OID):
            known = system_from_oid(system.removeprefix(_OID))
            if known != system:
                made["system"] = known
                self._remark(raw, "system", "namespace")
        value = raw.get("value")
        if not isinstance(value, str) or identity.check_digit_holds(made["system"], value) is not False:
            return
        right = identity.national_number(made["system"], value)
        if right is not None:
            made["value"] = right
            self._remark(raw, "value", "number")
            return
        name = made["system"].rstrip("/").rpartition("/")[2]
        made["system"] = identity.local_system(self._source.custodian, self._source.id, name)
        self._remark(raw, "value", "check-digit")

    def _remark(self, holder: JSON, step: str, reason: str) -> None:
        self._reading.account.remark(self._reading.position(holder, step), "altered", reason)


def _has_identifiers(kind: str) -> bool:
    return any(one.name == "identifier" and one.many for one in elements(kind))


def _in_order(made: JSON) -> JSON:
    """First members as the R4 definitions have them; the rest in the order that it came."""
    first = ("resourceType", "id", "meta")
    return {name: made[name] for name in first} | {n: v for n, v in made.items() if n not in first}
