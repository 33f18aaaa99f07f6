"""What is known of organisations, people and rights at an instant: the engine's own small value
(consent.md 1).

Members come from the trust list, births from the patient index, the rest from the node's register file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from consent.errors import Uncomputable
from consent.instants import Micros, datetime_from_micros, instant_text
from consent.references import plain_reference
from consent.shape import boolean, members, moment, period, text, texts

UNNAMED = ""
"""In `blocked`: a user whom the register does not know."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A right to act for a patient. `period` in microseconds, end inclusive, None unbounded."""

    proxy: str
    patient: str
    kind: str
    rights: frozenset[str]
    verified: bool
    start: Micros | None = None
    end: Micros | None = None
    exclude_labels: frozenset[str] | None = None

    def current(self, right: str, at: Micros) -> bool:
        """Verified, with this right, inside its period; age is judged apart."""
        inside = (self.start is None or self.start <= at) and (self.end is None or at <= self.end)
        return self.verified and right in self.rights and inside


@dataclass(frozen=True, slots=True)
class Directory:
    """Frozen for one decision; ids without type prefix, but patients and persons as references."""

    org_parent: Mapping[str, str] = field(default_factory=dict)
    practitioner_orgs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    births: Mapping[str, str] = field(default_factory=dict)
    proxies: tuple[Proxy, ...] = ()
    patient_flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    """Practitioners who may not break the glass: a review blocks them. `UNNAMED` is the one who asks."""

    def chain(self, org: str) -> tuple[str, ...]:
        """The organisation, its parent, and so on; a cycle ends where it closes."""
        found = [org]
        while (parent := self.org_parent.get(found[-1])) is not None and parent not in found:
            found.append(parent)
        return tuple(found)

    def under(self, org: str, above: str) -> bool:
        return above in self.chain(org)

    def related(self, org: str, other: str) -> bool:
        """One is the other, or above or below it."""
        return self.under(org, other) or self.under(other, org)


KINDS = frozenset(("parental", "lpa", "deputy", "delegate"))
RIGHTS = frozenset(("view", "consent", "manage"))
MEMBERS = ("org_parent", "practitioner_orgs", "groups", "births", "proxies", "patient_flags")


def directory_from_json(value: Any) -> Directory:
    """The register file: JSON of these keys as in the fixtures of `cases/`. Raises `Uncomputable`."""
    found = members(value, "directory", MEMBERS)
    births = _table(found.get("births", {}), "directory.births")
    for birth in births.values():
        moment(birth, "directory.births")
    return Directory(
        org_parent={key: text(item, "directory.org_parent") for key, item in _table(
            found.get("org_parent", {}), "directory.org_parent").items()},
        practitioner_orgs=_lists(found.get("practitioner_orgs", {}), "directory.practitioner_orgs"),
        groups=_lists(found.get("groups", {}), "directory.groups"),
        births={plain_reference(key): item for key, item in births.items()},
        proxies=tuple(
            proxy_from_json(item, f"directory.proxies[{place}]")
            for place, item in enumerate(_array(found.get("proxies", []), "directory.proxies"))
        ),
        patient_flags={
            plain_reference(key): item
            for key, item in _lists(found.get("patient_flags", {}), "directory.patient_flags").items()
        },
    )  # fmt: skip


def directory_to_json(directory: Directory) -> dict[str, Any]:
    """The register's JSON back: `directory_from_json` of it is equal to the directory, `blocked` left out."""
    return {
        "org_parent": dict(directory.org_parent),
        "practitioner_orgs": {key: list(item) for key, item in directory.practitioner_orgs.items()},
        "groups": {key: list(item) for key, item in directory.groups.items()},
        "births": dict(directory.births),
        "proxies": [_proxy_to_json(item) for item in directory.proxies],
        "patient_flags": {key: list(item) for key, item in directory.patient_flags.items()},
    }


def _proxy_to_json(right: Proxy) -> dict[str, Any]:
    ends = {"start": right.start, "end": right.end}
    period = {side: instant_text(datetime_from_micros(at)) for side, at in ends.items() if at is not None}
    labels = right.exclude_labels
    return {
        "proxy": right.proxy,
        "patient": right.patient,
        "kind": right.kind,
        "rights": sorted(right.rights),
        "verified": right.verified,
        **({"period": period} if period else {}),
        **({} if labels is None else {"exclude_labels": sorted(labels)}),
    }


def proxy_from_json(value: Any, path: str) -> Proxy:
    """`{proxy, patient, kind, rights, verified, period?, exclude_labels?}`."""
    known = ("proxy", "patient", "kind", "rights", "verified", "period", "exclude_labels")
    found = members(value, path, known, known[:5])
    if text(found["kind"], f"{path}.kind") not in KINDS:
        raise Uncomputable(f"{path}.kind", "is not in the vocabulary")
    start, end = period(found.get("period", {}), f"{path}.period")
    labels = found.get("exclude_labels")
    return Proxy(
        proxy=plain_reference(text(found["proxy"], f"{path}.proxy")),
        patient=plain_reference(text(found["patient"], f"{path}.patient")),
        kind=found["kind"],
        rights=frozenset(texts(found["rights"], f"{path}.rights", RIGHTS)),
        verified=boolean(found["verified"], f"{path}.verified"),
        start=start,
        end=end,
        exclude_labels=None if labels is None else frozenset(texts(labels, f"{path}.exclude_labels")),
    )


def _table(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Uncomputable(path, "must be an object")
    return value


def _array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise Uncomputable(path, "must be an array")
    return value


def _lists(value: Any, path: str) -> dict[str, tuple[str, ...]]:
    return {key: texts(item, path) for key, item in _table(value, path).items()}
