"""Two statements of one message that have one key: the same fact, more of it, or a fact of its own."""

from collections.abc import Mapping
from typing import Any

from adapters.hospital.defects import WrongPatient
from adapters.interface import JSON

SHARED = frozenset({"Patient", "Encounter", "Practitioner", "Organization", "Location"})
"""There is one of each however often it is named: what is said later fills in what is not known."""
TOLD = frozenset({"Patient", "Encounter"})
"""Of these a contradiction is a line of the ledger; the others differ in how a name is spelled."""
_UNITED: Mapping[str, frozenset[str]] = {"RelatedPerson": frozenset({"address", "telecom", "relationship"})}
_OWNERS = ("subject", "patient")


def is_apart(known: JSON, said: JSON) -> bool:
    """Whether both cannot be one fact. Raises WrongPatient if what is known is somebody else's."""
    if _is_strangers(known, said):
        raise WrongPatient
    return _contradicts(known, said)


def _contradicts(known: JSON, said: JSON) -> bool:
    """Whether an element of both has another value; a list that only says more does not contradict."""
    united = _UNITED.get(str(said.get("resourceType")), frozenset())
    return any(
        name not in ("id", "contained") and name not in united and not _agree(known[name], value)
        for name, value in said.items()
        if name in known
    )


def _is_strangers(known: JSON, said: JSON) -> bool:
    """Whether both say whose they are and it is not the same patient. A relative may be two patients'."""
    if said["resourceType"] == "RelatedPerson":
        return False
    return any(
        name in known and known[name].get("reference") != said[name].get("reference")
        for name in _OWNERS
        if name in said
    )


def fill_in(known: JSON, said: JSON) -> None:
    """Add to `known` what it did not say, and to its lists the items that are not there."""
    shared = said["resourceType"] in SHARED
    for name, value in said.items():
        if isinstance(value, list) and name in known and (name == "contained" or not shared):
            known[name] += [one for one in value if one not in known[name]]
        else:
            known.setdefault(name, value)


def _agree(known: Any, said: Any) -> bool:
    if isinstance(known, list) and isinstance(said, list):
        less, more = sorted((known, said), key=len)
        return all(one in more for one in less)
    return bool(known == said)
