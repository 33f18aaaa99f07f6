"""L3, one provision of a FHIR Consent: what it says and what it matches (consent.md 6).

Elements are AND'd, values of one element OR'd, each false, unknown or true. In a permit the unknown counts as
false, in a deny as true (`tree.py`). *Request side*: period, actor, action, purpose. *Data side*: class,
code,
securityLabel, dataPeriod, data.
"""

from dataclasses import dataclass

from consent.directory import Directory
from consent.facts import Facts
from consent.instants import Micros
from consent.vocabulary import (
    EMERGENCY_PURPOSES,
    LADDER,
    RESTRICTED,
    purpose_under,
    sensitivity_under,
)

F, U, T = 0, 1, 2
"""AND is the least, OR the greatest."""

Period = tuple[Micros | None, Micros | None]


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is recipient (no role, IRCP, PRCP, GRANTEE), custodian (CST) or other; reference `Type/id`."""

    kind: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """Values of one coded element; `unknown`: something is listed that the vocabulary does not have."""

    codes: frozenset[str]
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """`levels` are indexes into the ladder."""

    levels: frozenset[int]
    sensitivities: frozenset[str]
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Provision:
    """One node; None means that the element is not stated. `type` is `permit` or `deny`."""

    type: str
    path: str
    period: Period | None = None
    actors: tuple[Actor, ...] | None = None
    actions: Listed | None = None
    purposes: Listed | None = None
    classes: Listed | None = None
    codes: Listed | None = None
    labels: LabelFilter | None = None
    data_period: Period | None = None
    data: tuple[tuple[str, str | None], ...] | None = None
    children: tuple["Provision", ...] = ()

    @property
    def names_emergency(self) -> bool:
        return self.purposes is not None and not EMERGENCY_PURPOSES.isdisjoint(self.purposes.codes)

    @property
    def has_data_side(self) -> bool:
        stated = (self.classes, self.codes, self.labels, self.data_period, self.data)
        return any(item is not None for item in stated)

    def stated(self) -> list[str]:
        """What this node and those it inherits from list, `element=value`, sorted; ids and codes only."""
        found = [f"actor={actor.reference or '?'}" for actor in self.actors or ()]
        for name, listed in (
            ("action", self.actions), ("purpose", self.purposes),
            ("class", self.classes), ("code", self.codes),
        ):  # fmt: skip
            found += [f"{name}={code}" for code in listed.codes] if listed else []
        if self.labels:
            found += [f"securityLabel={LADDER[level]}" for level in self.labels.levels]
            found += [f"securityLabel={code}" for code in self.labels.sensitivities]
        found += [f"data={reference or '?'}" for _, reference in self.data or ()]
        found += ["dataPeriod"] if self.data_period else []
        return sorted(found)


@dataclass(frozen=True, slots=True)
class Asked:
    """The request side of a question, folded. `chain`, `custodian_chain`: nearest first."""

    at: Micros
    purpose: str
    action: str
    org: str
    chain: tuple[str, ...]
    custodian_chain: tuple[str, ...]
    practitioner: str | None
    roles: tuple[str, ...]
    directory: Directory


def request_side(rule: Provision, asked: Asked) -> int:
    """The least of what its elements say: the first that is false settles it."""
    if rule.period is not None and not inside(asked.at, rule.period):
        return F
    answer = T
    if rule.purposes is not None and not purpose_under(asked.purpose, rule.purposes.codes):
        if not rule.purposes.unknown:
            return F
        answer = U
    if rule.actions is not None and not _acts(asked.action, rule.actions.codes):
        if not rule.actions.unknown:
            return F
        answer = U
    return answer if rule.actors is None else min(answer, actors_match(rule.actors, asked))


def _acts(action: str, listed: frozenset[str]) -> bool:
    return action in listed or (action == "disclose" and "access" in listed)


def inside(at: Micros, period: Period) -> bool:
    """Both ends belong to it; None is unbounded."""
    return (period[0] is None or period[0] <= at) and (period[1] is None or at <= period[1])


def actors_match(actors: tuple[Actor, ...], asked: Asked) -> int:
    """Recipients, custodians and other roles are elements of their own: each kind listed must match."""
    best: dict[str, int] = {}
    for actor in actors:
        best[actor.kind] = max(best.get(actor.kind, F), _actor(actor.kind, actor.reference, asked))
    return min(best.values(), default=T)


def _actor(kind: str, reference: str | None, asked: Asked) -> int:
    if kind == "other" or reference is None:
        return U
    type_, _, id_ = reference.partition("/")
    if kind == "custodian":
        return (T if id_ in asked.custodian_chain else F) if type_ == "Organization" else U
    if type_ == "Organization":
        return T if id_ in asked.chain else F
    if type_ in ("Patient", "RelatedPerson"):
        return F  # persons acting in their own right never come here (person.py)
    if type_ == "PractitionerRole":
        return T if id_ in asked.roles else F if asked.roles else U
    if type_ == "Practitioner":
        return _practitioners((id_,), asked)
    if type_ in ("Group", "CareTeam"):
        members = asked.directory.groups.get(id_)
        return U if members is None else _practitioners(members, asked)
    return U


def _practitioners(listed: tuple[str, ...], asked: Asked) -> int:
    """A request that names nobody could be any listed colleague, or one whose place nobody knows."""
    if asked.practitioner is not None:
        return T if asked.practitioner in listed else F
    for practitioner in listed:
        places = asked.directory.practitioner_orgs.get(practitioner)
        if not places or any(asked.directory.related(place, asked.org) for place in places):
            return U
    return F


def data_side(rule: Provision, facts: Facts, permit: bool) -> int:
    """The data side of one rule; it matches a resource alone if none is stated."""
    answer = T
    if rule.classes is not None:
        listed = facts.type in rule.classes.codes or not rule.classes.codes.isdisjoint(facts.profiles)
        answer = T if listed else U if rule.classes.unknown else F
    if rule.labels is not None:
        answer = min(answer, (_labels_covered if permit else _labels_touched)(rule.labels, facts))
    if rule.data_period is not None:
        answer = min(answer, _dates(rule.data_period, facts, permit))
    if rule.codes is not None:
        answer = min(answer, _codes(rule.codes, facts, permit))
    if rule.data is not None:
        answer = min(answer, max(_data(meaning, reference, facts) for meaning, reference in rule.data))
    return answer


def _labels_covered(listed: LabelFilter, facts: Facts) -> int:
    """Permit: confidentiality within, and every sensitivity covered; an unknown label adds nothing."""
    if not listed.levels and not listed.sensitivities:
        return F
    highest = max(listed.levels) if listed.levels else RESTRICTED
    if facts.labels.confidentiality > highest:
        return F
    found = facts.labels.sensitivities
    if listed.sensitivities and not found:
        return F
    covered = all(sensitivity_under(code, listed.sensitivities) for code in found)
    return T if covered or not listed.sensitivities else F


def _labels_touched(listed: LabelFilter, facts: Facts) -> int:
    """Deny: confidentiality at or above the lowest, or any sensitivity listed."""
    if listed.levels and facts.labels.confidentiality >= min(listed.levels):
        return T
    if any(sensitivity_under(code, listed.sensitivities) for code in facts.labels.sensitivities):
        return T
    return U if listed.unknown else F


def _dates(period: Period, facts: Facts, permit: bool) -> int:
    """Permit: the clinical interval lies within; deny: it overlaps. Undated is unknown."""
    if not facts.dated:
        return U
    first, last = period
    if permit:
        starts = first is None or (facts.start is not None and first <= facts.start)
        ends = last is None or (facts.end is not None and facts.end <= last)
        return T if starts and ends else F
    apart = (last is not None and facts.start is not None and facts.start > last) or (
        first is not None and facts.end is not None and facts.end < first
    )
    return F if apart else T


def _codes(listed: Listed, facts: Facts, permit: bool) -> int:
    """Permit: a principal code is listed; deny: any code. Text alone, on either side, is unknown."""
    if not listed.codes.isdisjoint(facts.principal if permit else facts.codes):
        return T
    return U if listed.unknown or facts.text_only else F


def _data(meaning: str, reference: str | None, facts: Facts) -> int:
    if reference is None:
        return U
    if meaning == "authoredby":
        return U if not facts.authors else T if reference in facts.authors else F
    same = facts.ref == reference
    refers = reference in facts.references
    if meaning == "instance":
        return T if same else F if facts.ref else U
    if meaning == "related":
        return T if same or refers else F if facts.ref else U
    if meaning == "dependents":
        return T if refers or reference in facts.ancestors else F
    return U
