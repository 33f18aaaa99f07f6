"""Who else might be this patient: graded for a person to decide, never linked (normalisation.md 9b.2).

1. whom to compare: everybody who shares an identifier or a block with any record of the patient; a block that
   more than `MOST_IN_BLOCK` share finds nobody;
2. each is graded against each record of the patient, and the best grade of each other person counts;
3. what is no match, or certainly not one, is left out; the same patient is no candidate of herself.
Reads only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.interface import Identifier
from gateway.records.features import Features
from gateway.records.index import Index
from gateway.records.rows import IndexRows, LinkRow
from gateway.records.score import Scored, grade
from gateway.records.tokens import block_tokens_of, token_of, tokens_of

MOST_IN_BLOCK = 500
_ORDER = {"certain": 0, "probable": 1, "possible": 2}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another person, and the record of hers that is most alike."""

    person: str
    patient: str
    custodian: str
    source: str
    scored: Scored


class Candidates:
    """Of one unit of work, over the same rows as the index."""

    def __init__(self, rows: IndexRows, index: Index, key: bytes, *, allow_test_patients: bool) -> None:
        self._rows = rows
        self._index = index
        self._key = key
        self._allow_test = allow_test_patients

    def persons_with(self, identifier: Identifier) -> tuple[str, ...]:
        """Everybody who bears it: several where the index calls it ambiguous."""
        owners = self._rows.owners((token_of(self._key, identifier),))
        found = {self._index.person_of(owner) for owner in owners}
        return tuple(sorted(person for person in found if person))

    def of_person(self, person: str, *, count: int = 5) -> tuple[Candidate, ...]:
        """The most alike first."""
        own = self._index.persons(person)
        mine = [self._index.features_of(row) for row in self._rows.links_to(own)]
        best: dict[str, Candidate] = {}
        for row in self._others(mine).values():
            other = self._index.person_of(row.patient)
            if other is None or other in own:
                continue
            for features in mine:
                found = self._candidate(other, row, features)
                if found and (other not in best or _place(found) < _place(best[other])):
                    best[other] = found
        return tuple(sorted(best.values(), key=_place)[:count])

    def _candidate(self, person: str, row: LinkRow, features: Features) -> Candidate | None:
        scored = grade(features, self._index.features_of(row), allow_test_patients=self._allow_test)
        if scored.grade not in _ORDER:
            return None
        return Candidate(person, row.patient, row.custodian, row.source, scored)

    def _others(self, mine: Iterable[Features]) -> Mapping[str, LinkRow]:
        owners: set[str] = set()
        tokens = {t for one in mine for t in (*tokens_of(self._key, one), *block_tokens_of(self._key, one))}
        for token in tokens:
            found = self._rows.owners((token,))
            owners |= found if len(found) <= MOST_IN_BLOCK else set()
        return self._rows.links_of(owners)


def _place(one: Candidate) -> tuple[int, float, str, str]:
    return (_ORDER[one.scored.grade or ""], -one.scored.score, one.person, one.patient)
