"""What the register says of the patient of one question: said of the person that she is now, with her birth.

1. The register names a person by whichever of her references the operator had: one of a source, or one that
   was joined to another since. Flags and proxies of any of them are hers.
2. Her birth is what the linked sources state (consent.md 1). Of several the earliest counts: the rights of
   parents end with age, and must hold by each of them. One that is no date disqualifies like an unknown one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from consent.directory import Directory
from consent.instants import interval
from gateway.records.index import Index


def concerns(known: Directory, references: Iterable[str]) -> bool:
    """Whether the register says anything of one of these references."""
    hers = frozenset(references)
    return (
        not hers.isdisjoint(known.patient_flags)
        or not hers.isdisjoint(known.births)
        or any(right.patient in hers or right.proxy in hers for right in known.proxies)
    )


def birth_of(known: Directory, index: Index, person: str) -> str | None:
    """Her birth as sources and register state it; None if none does, or nobody's right depends on it."""
    if not known.proxies:
        return None
    hers = {person, *index.aliases(person)}
    if not any(right.patient in hers for right in known.proxies):
        return None
    stated = {*index.births(person), *(known.births[one] for one in hers & known.births.keys())}
    return min(sorted(stated), key=_first_day, default=None)


def _first_day(birth: str) -> float:
    span = interval(birth)
    return float("-inf") if span is None else span[0]


def directory_about(
    known: Directory, person: str, aliases: Mapping[str, str], birth: str | None
) -> Directory:
    """The register with all that it says of `aliases` said of `person`."""
    if not concerns(known, hers := {person, *aliases}):
        return known

    def now(reference: str) -> str:
        return person if reference in hers else reference

    flags = tuple(sorted({flag for one in hers for flag in known.patient_flags.get(one, ())}))
    others = {one: births for one, births in known.births.items() if one not in hers}
    return replace(
        known,
        proxies=tuple(
            replace(right, patient=now(right.patient), proxy=now(right.proxy)) for right in known.proxies
        ),
        patient_flags={
            **{one: said for one, said in known.patient_flags.items() if one not in hers},
            **({person: flags} if flags else {}),
        },
        births=others if birth is None else {**others, person: birth},
    )
