"""The patient index: tokens instead of identifiers, links by the certain rule over the whole neighbourhood.

1. identifiers become tokens, HMAC-SHA-256(index_key, system ‖ US ‖ value); nobody else works on them now
   (tokens of blocks, `tokens.py`, stand beside them and link nobody);
2. the neighbourhood: everybody who shares a token, and whoever shares one with those;
3. `kinship.partition` says who is one person: a function of who is there, not of who came first;
4. a known person belongs to the group that has its oldest link; persons of one group are joined to the oldest
   (a pointer: taken back when the group breaks), and a group without one gets a new person;
5. a person registered by identifier alone is adopted by the first group that has that identifier.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from adapters.identity import check_digit_holds, is_national
from adapters.interface import Identifier
from adapters.times import instant
from gateway.errors import Problem
from gateway.records.interface import JSON, AmbiguousPatient, KeyErased, Link, Resolved
from gateway.records.kinship import partition
from gateway.records.match import Features, Named, features_from_patient, is_placeholder, links
from gateway.records.rows import IndexRows, LinkRow, PersonRow, person_id
from gateway.records.tokens import block_tokens_of, token_of, tokens_of
from gateway.records.vault import Vault
from keys.interface import Entropy

NEIGHBOURS = 64  # more people on one chain of identifiers: they identify nobody, nothing is linked
_FEATURES = msgspec.json.Decoder(Features)
_Neighbours = tuple[dict[str, LinkRow], dict[str, PersonRow]]


@dataclass(slots=True)
class _Group:
    patients: list[str]
    persons: list[PersonRow]
    registered: bool = False

    @property
    def reason(self) -> str:
        if len(self.patients) > 1:
            return "certain"
        return "registered" if self.registered else "alone"

    @property
    def oldest(self) -> PersonRow | None:
        return min(self.persons, key=lambda row: (row.made, row.id), default=None)


class Index:
    """`PatientIndex` over any `IndexRows`."""

    def __init__(
        self, rows: IndexRows, vault: Vault, key: bytes, entropy: Entropy, *, allow_test_patients: bool
    ) -> None:
        """`key`: 32-byte `index_key`. `allow_test_patients`: numbers of a test range may link records."""
        self._rows = rows
        self._vault = vault
        self._key = key
        self._entropy = entropy
        self._allow_test = allow_test_patients

    def resolve(self, identifiers: Sequence[Identifier]) -> Resolved:
        owners = self._rows.owners(self._token(i) for i in identifiers if not is_placeholder(i))
        persons = set(self._persons_of(owners).values())
        if len(persons) > 1:
            return Resolved("ambiguous")
        return Resolved("person", persons.pop()) if persons else Resolved("none")

    def register(self, identifier: Identifier, *, at: datetime) -> str:
        if is_placeholder(identifier) or check_digit_holds(identifier.system, identifier.value) is False:
            raise Problem("invalid", expression="identifier", hint="the check digit is wrong")
        token = self._token(identifier)
        self._rows.lock((token,))
        found = self.resolve((identifier,))
        if found.state == "ambiguous":
            raise AmbiguousPatient
        if found.person:
            return found.person
        person = person_id(self._entropy)
        document = msgspec.json.encode([Named(identifier.system, identifier.value)])
        sealed = self._vault.seal(person, document, b"person\0" + person.encode())
        self._rows.save_person(PersonRow(person, instant(at), None, sealed))
        self._rows.set_tokens(person, (token,))
        return person

    def link(self, patient: JSON, *, custodian: str, source: str, at: datetime) -> Link:
        ref = f"Patient/{patient['id']}"
        features = features_from_patient(patient, custodian=custodian, source=source)
        tokens = tokens_of(self._key, features)
        self._rows.lock(tokens)
        rows, groups = self._plan(ref, features, tokens)
        since = rows[ref].at if ref in rows else instant(at)
        for group in groups:
            person = self._settle(group, rows, ref, features, since)
            if ref in group.patients:
                found = Link(ref, person, group.reason, custodian, source, since)
        self._rows.set_tokens(ref, (*tokens, *block_tokens_of(self._key, features)))
        return found

    def preview(self, patient: JSON, *, custodian: str, source: str) -> str | None:
        ref = f"Patient/{patient['id']}"
        features = features_from_patient(patient, custodian=custodian, source=source)
        _, groups = self._plan(ref, features, tokens_of(self._key, features))
        mine = next(group for group in groups if ref in group.patients)
        return mine.oldest.id if mine.oldest else None

    def person_of(self, patient: str) -> str | None:
        return self._persons_of((patient,)).get(patient)

    def links(self, person: str) -> tuple[Link, ...]:
        rows = self._rows.links_to(self.persons(person))
        now = self._persons_of(row.patient for row in rows)
        return tuple(Link(r.patient, now[r.patient], r.reason, r.custodian, r.source, r.at) for r in rows)

    def aliases(self, person: str) -> Mapping[str, str]:
        same = self.persons(person)
        current = same[0]
        found = {row.patient: current for row in self._rows.links_to(same)}
        return found | dict.fromkeys(same[1:], current)

    def identifiers(self, person: str) -> tuple[Identifier, ...]:
        same = self.persons(person)
        rows = self._rows.links_to(same)
        found = [named.identifier for row in rows for named in self.features_of(row).identifiers]
        for row in self._rows.persons(same).values():
            found += [named.identifier for named in self._registered(row)]
        return tuple(dict.fromkeys(found))

    def births(self, person: str) -> frozenset[str]:
        """Every birth date that a linked source states, in its own words."""
        stated = (self.features_of(row).birth for row in self._rows.links_to(self.persons(person)))
        return frozenset(birth for birth in stated if birth)

    def _plan(
        self, ref: str, features: Features, tokens: Sequence[bytes]
    ) -> tuple[dict[str, LinkRow], list[_Group]]:
        """Steps 2 to 5, without writing: links that are there, and the groups as they should be."""
        known, bare = self._neighbourhood(ref, features, tokens)
        people = {row.patient: self.features_of(row) for row in known.values()} | {ref: features}
        order = sorted(people, key=lambda p: (known[p].at if p in known else "~", p))
        if len(people) > NEIGHBOURS:
            order = [ref]
            known = {p: row for p, row in known.items() if p == ref}
            bare = {}
        members = partition({p: people[p] for p in order}, allow_test_patients=self._allow_test)
        groups = [_Group(group, []) for group in members]
        of = {patient: group for group in groups for patient in group.patients}
        persons = self._rows.persons({row.person for row in known.values()})
        claimed: set[str] = set()
        for patient in order:
            row = known.get(patient)
            if row and row.person not in claimed:
                claimed.add(row.person)
                of[patient].persons.append(persons[row.person])
        for person in bare.values():
            wanted = {named.identifier for named in self._registered(person)}
            adopter = next((of[p] for p in order if wanted & self._adopting(people[p])), None)
            if adopter is not None:
                adopter.persons.append(person)
                adopter.registered = True
        return known, groups

    def _neighbourhood(self, ref: str, features: Features, tokens: Sequence[bytes]) -> _Neighbours:
        """Links of all on the chain of shared identifiers and merges; registered persons without one."""
        seen: set[bytes] = set(tokens)
        owners = self._rows.owners(seen) | {ref} | features.merged
        rows: dict[str, LinkRow] = {}
        while len(rows) <= NEIGHBOURS:
            found = self._rows.links_of(owners - rows.keys())
            if not found:
                break
            rows |= found
            same = [person for row in found.values() for person in self.persons(row.person)]
            rows |= {row.patient: row for row in self._rows.links_to(same)}
            people = [self.features_of(row) for row in rows.values()]
            more = {token for one in people for token in tokens_of(self._key, one)} - seen
            seen, owners = seen | more, owners.union(self._rows.owners(more), *(p.merged for p in people))
        alone = self._rows.persons(owners)
        linked = {row.person for row in self._rows.links_to(alone)}
        return rows, {id: person for id, person in alone.items() if id not in linked}

    def _settle(
        self, group: _Group, rows: Mapping[str, LinkRow], ref: str, features: Features, at: str
    ) -> str:
        """Write what the plan says of one group, as far as it is not so already. Its person."""
        person = group.oldest or PersonRow(person_id(self._entropy), at)
        for other in group.persons or [person]:
            joined = None if other.id == person.id else person.id
            if other.joined != joined or not group.persons:
                self._rows.save_person(replace(other, joined=joined))
        own = {other.id for other in group.persons} | {person.id}
        for patient in group.patients:
            row = rows.get(patient)
            to = row.person if row and row.person in own else person.id
            if patient == ref:
                self._rows.save_link(self._sealed_link(ref, to, group.reason, features, at, person.id))
            elif row and (row.person, row.reason) != (to, group.reason):
                self._rows.save_link(replace(row, person=to, reason=group.reason))
        return person.id

    def _sealed_link(
        self, ref: str, person: str, reason: str, features: Features, at: str, key: str
    ) -> LinkRow:
        custodian, _, source = features.source.partition("\x1f")
        sealed = self._vault.seal(key, msgspec.json.encode(features), b"link\0" + ref.encode())
        return LinkRow(ref, person, reason, custodian, source, at, key, sealed)

    def features_of(self, row: LinkRow) -> Features:
        """What a record said when it was linked; nothing once its person was erased."""
        try:
            plain = self._vault.open(row.key, row.sealed, b"link\0" + row.patient.encode())
        except KeyErased:
            return Features("", (), frozenset(), frozenset(), "")
        return _FEATURES.decode(plain)

    def _registered(self, row: PersonRow) -> list[Named]:
        if row.sealed is None:
            return []
        plain = self._vault.open(row.id, row.sealed, b"person\0" + row.id.encode())
        return msgspec.json.decode(plain, type=list[Named])

    def _adopting(self, features: Features) -> set[Identifier]:
        """Identifiers by which a registered person is adopted: sound national ones, or an authority's."""
        return {
            named.identifier
            for named in features.identifiers
            if not is_placeholder(named.identifier)
            and named.live
            and (not is_national(named.system) or links(named, allow_test_patients=self._allow_test))
        }

    def _persons_of(self, owners: Iterable[str]) -> dict[str, str]:
        """Owner (source Patient or person) to the person that it is now."""
        owners = tuple(owners)
        found = {patient: row.person for patient, row in self._rows.links_of(owners).items()}
        rows = self._rows.persons({*owners, *found.values()})
        found |= {owner: owner for owner in owners if owner in rows and owner not in found}
        return {owner: rows[person].joined or person for owner, person in found.items()}

    def persons(self, person: str) -> tuple[str, ...]:
        """The person that it is now, then all that were joined to it."""
        row = self._rows.persons((person,)).get(person)
        current = (row.joined if row else None) or person
        return (current, *self._rows.joined_to(current))

    def _token(self, identifier: Identifier) -> bytes:
        return token_of(self._key, identifier)
