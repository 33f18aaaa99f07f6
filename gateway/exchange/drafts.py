"""From a file to the draft of a what-if: read as strictly as if it were recorded, taken as if in force."""

from collections.abc import Callable, Set
from dataclasses import replace

from consent.agreement import Statement, agreement_from_bytes
from consent.fhir import admit
from consent.floor import floor_from_bytes
from consent.interface import StoredConsent
from consent.record import ALWAYS, consent_from_stored
from gateway.exchange.replay import Draft
from gateway.exchange.source_rules import source_rules_from_bytes


def draft_of_consent(document: bytes, subject: str, id: str | None, resolves: Callable[[str], bool]) -> Draft:
    """A Consent about this person in the place of the one with its id. Raises `Uncomputable`."""
    view = admit(document, resolves=resolves, subject=subject)
    return Draft(consents=(replace(view, id=id or view.id or "draft", known=ALWAYS),))


def draft_of_withdrawal(stored: StoredConsent) -> Draft:
    """A consent as if it had been withdrawn."""
    return Draft(consents=(replace(consent_from_stored(stored), status="inactive", known=ALWAYS),))


def draft_of_agreement(document: bytes) -> Draft:
    """An agreement as if both sides had signed it long ago. Raises `Uncomputable`."""
    agreement = agreement_from_bytes(document)
    signed = tuple(
        Statement(org, "sign", ALWAYS) for org in sorted(agreement.providers | agreement.recipients)
    )
    return Draft(agreements=(replace(agreement, statements=signed, start=ALWAYS),))


def draft_of_source_rules(document: bytes, custodians: Set[str]) -> Draft:
    """A file of source rules as if it had been followed. Raises `SourceRulesRefused`."""
    return Draft(source_rules=source_rules_from_bytes(document, custodians).rules)


def draft_of_pack(document: bytes) -> Draft:
    """A pack of the law as if it had been in effect. Raises `Uncomputable`."""
    return Draft(floor=replace(floor_from_bytes(document), start=None))
