"""One version of a patient's Consent as the engine sees it: a view; the bytes that were received stay the
record.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from consent.instants import Micros, interval, micros
from consent.interface import StoredConsent
from consent.notes import Fault, Notes
from consent.provision import Provision
from consent.reading import names_emergency, provision_from_json
from consent.tree import Settled, settle
from consent.vocabulary import ACT_CODE

ALWAYS: Micros = -(2**62)
"""Known since ever: a consent without `meta.lastUpdated`."""
_1900: Micros = -2_208_988_800_000_000
_STATUSES = frozenset(("draft", "proposed", "active", "rejected", "inactive", "entered-in-error"))
_CONSENT = (
    "resourceType id meta language text contained identifier status scope category patient dateTime "
    "performer organization sourceAttachment sourceReference policy policyRule verification provision"
).split()
_BASES = {"OPTIN": "permit", "OPTOUT": "deny"}
DEFAULT_SCOPE = "patient-privacy"


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What a decision reads. `faults` that break make it uncomputable: it denies whatever its `root` says."""

    id: str | None
    version: int
    known: Micros
    patient: str | None
    status: str
    scopes: frozenset[str]
    organizations: frozenset[str]
    """Ids of the custodians that it is for; empty means any. `?` is one that could not be read."""
    policies: frozenset[str]
    given: Micros | None
    """`dateTime`, 1900 if absent; None if unreadable, so that it neither supersedes nor is superseded."""
    given_until: Micros | None
    """The end of a `dateTime` that names a day, month or year; else the same instant."""
    performers: tuple[str | None, ...]
    """Empty if none is stated; the patient as named in the document stands as the patient."""
    recorder: str | None
    """The other member that recorded it; None if it was recorded here."""
    root: Provision
    faults: tuple[Fault, ...] = ()
    emergency: bool = False
    """Some purpose of it names an emergency: decides how strongly an uncomputable one denies."""

    uncomputable: Fault | None = field(init=False, compare=False, repr=False)
    """The first fault that breaks."""
    tree: Settled | None = field(init=False, compare=False, repr=False)
    """The root as decisions read it; None if it is uncomputable."""

    def __post_init__(self) -> None:
        """What follows from root and faults alone is made once, not for each question."""
        fault = next((fault for fault in self.faults if fault.breaks), None)
        object.__setattr__(self, "uncomputable", fault)
        object.__setattr__(self, "tree", settle(self.root) if fault is None else None)

    @property
    def ref(self) -> str:
        return f"{self.id or ''}/_history/{self.version}"


def consent_from_stored(stored: StoredConsent, *, own: Collection[str] = ()) -> ConsentView:
    """A stored version. `own`: organisations of this node; a consent that another recorded is a member's.

    Never raises: a document that cannot be read is a view that denies.
    """
    try:
        value = json.loads(stored.document)
    except (ValueError, RecursionError):
        value = None
    recorder = None if not own or stored.recorder in own else stored.recorder
    return consent_from_json(
        value,
        id=stored.id,
        version=stored.version,
        patient=stored.subject,
        known=micros(stored.recorded),
        recorder=recorder,
    )


def consent_from_json(
    value: Any,
    *,
    id: str | None = None,
    version: int = 0,
    patient: str | None = None,
    known: Micros | None = None,
    recorder: str | None = None,
) -> ConsentView:
    """A FHIR R4 Consent. What is given here (by the registry) counts, not what the document says of
    itself.
    """
    notes = Notes()
    document = notes.members(value, "Consent", _CONSENT)
    if document.get("resourceType") != "Consent":
        notes.breaks("Consent.resourceType", "is no Consent")
    named = _patient(document, patient is not None, notes)
    subject = patient or named
    if subject is None:
        notes.breaks("Consent.patient", "names nobody")
    given = _given(document, notes)
    return ConsentView(
        id=id or notes.text(document, "id", "Consent"),
        version=version,
        known=_known(document, notes) if known is None else known,
        patient=subject,
        status=_status(document, notes),
        scopes=_scopes(document, notes),
        organizations=_organizations(document, notes),
        policies=_policies(document, notes),
        given=given[0] if given else None,
        given_until=given[1] if given else None,
        performers=_performers(document, named, subject, notes),
        recorder=recorder,
        root=_root(document, notes),
        faults=tuple(notes.faults),
        emergency=names_emergency(document),
    )


def _patient(document: Mapping[str, Any], known: bool, notes: Notes) -> str | None:
    """Whom the document names; `known`: the node says who it is, so an identifier alone is enough."""
    named = document.get("patient")
    if known and isinstance(named, Mapping) and "identifier" in named and "reference" not in named:
        return None
    if "patient" not in document:
        notes.refuses("Consent.patient", "is missing")
        return None
    return notes.reference(document["patient"], "Consent.patient")


def _known(document: Mapping[str, Any], notes: Notes) -> Micros:
    meta = document.get("meta")
    updated = meta.get("lastUpdated") if isinstance(meta, Mapping) else None
    if meta is not None and not isinstance(meta, Mapping):
        notes.breaks("Consent.meta", "must be an object")
    if updated is None:
        return ALWAYS
    span = interval(updated) if isinstance(updated, str) else None
    if span is None:
        notes.breaks("Consent.meta.lastUpdated", "is no instant")
        return ALWAYS
    return span[0]


def _status(document: Mapping[str, Any], notes: Notes) -> str:
    status = document.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        notes.breaks("Consent.status", "is no status")
        return "active"
    return status


def _scopes(document: Mapping[str, Any], notes: Notes) -> frozenset[str]:
    if "scope" not in document:
        return frozenset((DEFAULT_SCOPE,))
    codes = frozenset(code for _, code in notes.concept(document["scope"], "Consent.scope") if code)
    if not codes:
        notes.breaks("Consent.scope", "has no code")
        return frozenset((DEFAULT_SCOPE,))
    if codes - {DEFAULT_SCOPE, "research", "treatment", "adr"}:
        notes.refuses("Consent.scope", "is a scope that is not computed")
    return codes


def _organizations(document: Mapping[str, Any], notes: Notes) -> frozenset[str]:
    found = set()
    for path, item in notes.items(document, "organization", "Consent") or []:
        reference = notes.reference(item, path)
        if reference is None or not reference.startswith("Organization/"):
            notes.breaks(path, "is no organisation of the directory")
            reference = "Organization/?"
        found.add(reference.partition("/")[2])
    return frozenset(found)


def _policies(document: Mapping[str, Any], notes: Notes) -> frozenset[str]:
    found = set()
    for path, item in notes.items(document, "policy", "Consent") or []:
        policy = notes.members(item, path, ("authority", "uri"))
        uri = notes.text(policy, "uri", path)
        if uri:
            found.add(uri)
    return frozenset(found)


def _given(document: Mapping[str, Any], notes: Notes) -> tuple[Micros, Micros] | None:
    written = notes.text(document, "dateTime", "Consent")
    if "dateTime" not in document:
        notes.refuses("Consent.dateTime", "is missing")
        return _1900, _1900
    span = interval(written) if written else None
    if span is None:
        notes.breaks("Consent.dateTime", "is no date")
    return span


def _performers(
    document: Mapping[str, Any], named: str | None, subject: str | None, notes: Notes
) -> tuple[str | None, ...]:
    items = notes.items(document, "performer", "Consent") or []
    found = [notes.reference(item, path) for path, item in items]
    return tuple(
        subject if reference is not None and reference == named else reference for reference in found
    )


def _root(document: Mapping[str, Any], notes: Notes) -> Provision:
    base = _base(document, notes)
    if "provision" in document:
        return provision_from_json(document["provision"], "Consent.provision", base, notes)
    if base is None:
        notes.breaks("Consent.provision", "is missing, and no policy rule says what holds")
    return Provision(base or "deny", "provision")


def _base(document: Mapping[str, Any], notes: Notes) -> str | None:
    if "policyRule" not in document:
        return None
    codings = notes.concept(document["policyRule"], "Consent.policyRule")
    found = {_BASES.get(code) if system in ("", ACT_CODE) else None for system, code in codings}
    return found.pop() if len(found) == 1 else None
