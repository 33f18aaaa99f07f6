"""Who is one person among Patients that share identifiers or that their source merged. Pure.

1. Certain matches (match.py) join, however far; so does a merge that a source says of two records of its own.
2. A group in which any two are vetoed is no group. A record that its source replaced describes nobody any
   more: it vetoes nothing while the merge stands, and what it matched, the one in its place does.
3. Where a merge made such a group, the merges in it do not count: what other sources say of two people
   contradicts them, and a person must decide. Each of what is still vetoed stands alone.

So the result depends on who is there, never on who came first.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from gateway.records.features import Features
from gateway.records.match import NO_CONTRADICTION, compare

Pair = tuple[str, str]


def partition(people: Mapping[str, Features], *, allow_test_patients: bool = False) -> list[list[str]]:
    """Groups of Patients that are one person each. `people`: by `Patient/id`, in a stable order."""
    names = list(people)
    merged = [pair for pair in _pairs(names) if _is_merged(people, *pair)]
    away = {one for pair in merged for one in pair if people[one].replaced}
    told = {one: replace(people[one], replaced=False) if one in away else people[one] for one in names}
    certain: list[Pair] = []
    vetoed: list[Pair] = []
    for i, one in enumerate(names):
        for other in names[:i]:
            found = compare(told[one], told[other], allow_test_patients=allow_test_patients)
            if found.grade == "certain":
                certain.append((one, other))
            elif found.veto and found.veto not in NO_CONTRADICTION:
                vetoed.append((one, other))
    if not merged:
        return _unbroken(names, certain, vetoed)
    speaking = [pair for pair in vetoed if not away & set(pair)]
    groups: list[list[str]] = []
    for group in _joined(names, [*certain, *merged]):
        if _broken(group, speaking):
            groups += _unbroken(group, certain, vetoed)
        else:
            groups.append(group)
    return sorted(groups, key=lambda group: names.index(group[0]))


def _pairs(names: list[str]) -> Iterable[Pair]:
    return ((one, other) for i, one in enumerate(names) for other in names[:i])


def _is_merged(people: Mapping[str, Features], one: str, other: str) -> bool:
    """Both are records of the same source, and either says so."""
    a, b = people[one], people[other]
    return a.source == b.source and (other in a.merged or one in b.merged)


def _unbroken(names: list[str], joins: Iterable[Pair], vetoed: Collection[Pair]) -> list[list[str]]:
    """Groups by these joins; a broken one falls apart into its members."""
    groups: list[list[str]] = []
    for group in _joined(names, joins):
        groups += [[one] for one in group] if _broken(group, vetoed) else [group]
    return groups


def _joined(names: list[str], joins: Iterable[Pair]) -> list[list[str]]:
    """Members in the order of `names`, groups in that of their first member."""
    label = {name: name for name in names}
    for one, other in joins:
        if one in label and other in label and label[one] != label[other]:
            old, new = label[one], label[other]
            label = {name: new if to == old else to for name, to in label.items()}
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(label[name], []).append(name)
    return list(groups.values())


def _broken(group: Collection[str], vetoed: Iterable[Pair]) -> bool:
    return any(one in group and other in group for one, other in vetoed)
