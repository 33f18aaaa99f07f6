"""L2, the sharing agreement between organisations: its document, and its standing from signed statements.

One JSON file is one version; both sides sign its exact bytes. Status is derived from verified statements and
never read from a file. Field meanings follow R6 `Permission` (consent.md 5).
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from consent.errors import Uncomputable
from consent.instants import DAY, Micros, micros
from consent.interface import StoredAgreement
from consent.shape import boolean, confidentiality, identifier, integer, members, moment, period, text, texts
from consent.vocabulary import ACTIONS, OBLIGATIONS, PURPOSE_UP, RESTRICTED

ONWARD = ("none", "consent", "same-terms")
STATEMENT_ACTIONS = ("sign", "suspend", "resume", "terminate")


@dataclass(frozen=True, slots=True)
class Term:
    """What the parties exchange. `max_confidentiality`: place in `vocabulary.LADDER`; empty means any."""

    id: str
    purposes: frozenset[str]
    actions: frozenset[str] = frozenset(("access", "disclose"))
    roles: frozenset[str] = frozenset()
    data_classes: frozenset[str] = frozenset()
    exclude_sensitivity: frozenset[str] = frozenset()
    max_confidentiality: int = RESTRICTED
    lookback_days: int | None = None
    elements_redacted: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """A good signed statement: the key belonged to `org` and was live at `at`."""

    org: str
    action: str
    at: Micros
    effective: Micros | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the statements made until an instant add up to."""

    signed: frozenset[str]
    suspended: bool
    terminated: Micros | None


@dataclass(frozen=True, slots=True)
class SharingAgreement:
    """One version with its statements. Dates in microseconds UTC, ends inclusive."""

    id: str
    version: int
    providers: frozenset[str]
    recipients: frozenset[str]
    terms: tuple[Term, ...]
    start: Micros
    end: Micros | None = None
    review_due: Micros | None = None
    """End of the day on which it is due."""
    review_grace_days: int = 30
    emergency: bool = False
    records_consent: bool = False
    onward: str = "none"
    sha256: str = ""
    statements: tuple[Statement, ...] = ()
    title: str = ""

    @property
    def ref(self) -> str:
        return f"{self.id}@{self.version}"

    def standing(self, at: Micros) -> Standing:
        """Either side suspends alone and at once; resuming needs every signatory; terminating needs one.

        Statements of organisations that are no party count for nothing.
        """
        parties = self.providers | self.recipients
        made = [item for item in self.statements if item.at <= at and item.org in parties]
        signed = frozenset([item.org for item in made if item.action == "sign"])
        if len(signed) == len(made):
            return Standing(signed, False, None)
        stops = [item.at for item in made if item.action == "suspend"]
        resumed = {item.org for item in made if stops and item.action == "resume" and item.at > max(stops)}
        ends = [max(item.at, item.effective or item.at) for item in made if item.action == "terminate"]
        return Standing(signed, bool(stops) and not resumed >= signed, min(ends, default=None))

    def in_force(self, at: Micros) -> bool:
        """Both sides signed, and nothing has stopped it: the version of this id that counts."""
        now = self.standing(at)
        both = bool(now.signed & self.providers) and bool(now.signed & self.recipients)
        ended = now.terminated is not None and now.terminated <= at
        return both and not now.suspended and not ended and self.start <= at and not self.expired(at)

    def expired(self, at: Micros) -> bool:
        return self.end is not None and self.end < at

    def overdue(self, at: Micros) -> bool:
        return self.review_due is not None and self.review_due + self.review_grace_days * DAY < at


def counting(agreements: Sequence[SharingAgreement], at: Micros) -> tuple[SharingAgreement, ...]:
    """Per id the newest version in force; if none is, the newest. Sorted by id."""
    best: dict[str, SharingAgreement] = {}
    for item in sorted(agreements, key=lambda item: (item.id, item.version)):
        held = best.get(item.id)
        if held is None or item.in_force(at) or not held.in_force(at):
            best[item.id] = item
    return tuple(best[id_] for id_ in sorted(best))


def agreement_status(
    agreement: SharingAgreement, at: Micros, *, versions: Sequence[SharingAgreement] = (), sent: bool = False
) -> str:
    """draft, proposed, half-signed, active, suspended, terminated, expired or superseded (consent.md 5).

    `versions`: the others of its id. `sent`: it was proposed to the other side.
    """
    now = agreement.standing(at)
    if now.terminated is not None and now.terminated <= at:
        return "terminated"
    if any(
        item.version > agreement.version and item.in_force(at) for item in versions if item.id == agreement.id
    ):
        return "superseded"
    if agreement.expired(at):
        return "expired"
    if not now.signed:
        return "proposed" if sent else "draft"
    if not (now.signed & agreement.providers and now.signed & agreement.recipients):
        return "half-signed"
    return "suspended" if now.suspended else "active"


@lru_cache(maxsize=4096)
def agreement_from_stored(stored: StoredAgreement) -> SharingAgreement:
    """A stored version with its verified statements. Raises `Uncomputable`, also if the ids do not agree.

    Remembered by all that is stored: every exchange reads every agreement of the node.
    """
    statements = tuple(
        Statement(item.org, item.action, micros(item.at), micros(item.effective) if item.effective else None)
        for item in stored.statements
    )
    agreement = agreement_from_bytes(stored.document, statements)
    if (agreement.id, agreement.version) != (stored.id, stored.version):
        raise Uncomputable("agreement.id", "is not the id and version that it is stored under")
    return agreement


def agreement_from_bytes(document: bytes, statements: tuple[Statement, ...] = ()) -> SharingAgreement:
    """Strict reading of one agreement file. Raises `Uncomputable` with the member's path."""
    try:
        value = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise Uncomputable("agreement", "is no JSON") from error
    return agreement_from_json(value, statements, sha256=hashlib.sha256(document).hexdigest())


_REQUIRED = ("id", "version", "providers", "recipients", "effective", "terms")
_MEMBERS = (
    *_REQUIRED,
    *(
        "supersedes title controllers jurisdiction lawful_basis dpia review_due review_grace_days emergency "
        "records_consent onward retention deletion_on_termination incident contacts transparency_notice"
    ).split(),
)


def agreement_from_json(
    value: Any, statements: tuple[Statement, ...] = (), *, sha256: str = ""
) -> SharingAgreement:
    """The document of consent.md 5. Raises `Uncomputable`."""
    found = members(value, "agreement", _MEMBERS, _REQUIRED)
    start, end = period(found["effective"], "agreement.effective")
    if start is None:
        raise Uncomputable("agreement.effective.start", "is required")
    if not isinstance(found["terms"], list) or not found["terms"]:
        raise Uncomputable("agreement.terms", "must be an array with at least one term")
    onward = found.get("onward", "none")
    if onward not in ONWARD:
        raise Uncomputable("agreement.onward", "is not in the vocabulary")
    grace = integer(found.get("review_grace_days", 30), "agreement.review_grace_days", 0, 3650)
    return SharingAgreement(
        id=identifier(found["id"], "agreement.id"),
        version=integer(found["version"], "agreement.version", 1, 10**6),
        providers=_parties(found["providers"], "agreement.providers"),
        recipients=_parties(found["recipients"], "agreement.recipients"),
        terms=tuple(term_from_json(item, place) for place, item in enumerate(found["terms"])),
        start=start,
        end=end,
        review_due=moment(found["review_due"], "agreement.review_due", end=True)
        if "review_due" in found
        else None,
        review_grace_days=grace,
        emergency=boolean(found.get("emergency", False), "agreement.emergency"),
        records_consent=boolean(found.get("records_consent", False), "agreement.records_consent"),
        onward=onward,
        sha256=sha256,
        statements=statements,
        title=text(found["title"], "agreement.title") if "title" in found else "",
    )


_TERM = """purposes id actions roles data_classes exclude_sensitivity max_confidentiality lookback_days
    elements_redacted obligations""".split()
ELEMENT = re.compile(r"[A-Z][A-Za-z]+(\.[A-Za-z]+(\[x\]|\[\d+\])?)+\Z")


def term_from_json(value: Any, place: int) -> Term:
    """One term; its id is `t<place + 1>` if it has none."""
    path = f"agreement.terms[{place}]"
    found = members(value, path, _TERM, ("purposes",))
    lookback = found.get("lookback_days")
    elements = texts(found.get("elements_redacted", []), f"{path}.elements_redacted")
    ceiling = found.get("max_confidentiality", "R")
    excluded = texts(found.get("exclude_sensitivity", []), f"{path}.exclude_sensitivity")
    if not all(ELEMENT.match(item) for item in elements):
        raise Uncomputable(f"{path}.elements_redacted", "must be element paths")
    return Term(
        id=text(found["id"], f"{path}.id") if "id" in found else f"t{place + 1}",
        purposes=frozenset(texts(found["purposes"], f"{path}.purposes", PURPOSE_UP)),
        actions=frozenset(texts(found.get("actions", ["access", "disclose"]), f"{path}.actions", ACTIONS)),
        roles=frozenset(texts(found.get("roles", []), f"{path}.roles")),
        data_classes=frozenset(texts(found.get("data_classes", []), f"{path}.data_classes")),
        exclude_sensitivity=frozenset(excluded),
        max_confidentiality=confidentiality(ceiling, f"{path}.max_confidentiality"),
        lookback_days=None if lookback is None else integer(lookback, f"{path}.lookback_days", 0, 10**5),
        elements_redacted=elements,
        obligations=texts(found.get("obligations", []), f"{path}.obligations", OBLIGATIONS),
    )


def _parties(value: Any, path: str) -> frozenset[str]:
    found = texts(value, path)
    if not found:
        raise Uncomputable(path, "must name an organisation")
    return frozenset(found)
