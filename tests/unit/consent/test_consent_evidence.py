"""What is beside the rule of a consent: the form that it rests on, and an end that is set later."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import pytest

from consent.evidence import attachment_from_bytes
from consent.fhir import admit, consent_document, document_to_bytes, ending
from consent.lint import WITHOUT_RIGHT, cautions_of_consent

THEN = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"she said yes", "text/plain; charset=utf-8"),
        (b"a\x00b", "application/octet-stream"),
        (b"\xfe\xfe", "application/octet-stream"),
    ],
)
def test_a_form_is_kept_whole_and_told_by_its_bytes(data: bytes, kind: str) -> None:
    """The bytes come back; the hash is FHIR's SHA-1."""
    held = attachment_from_bytes(data)
    assert (held["contentType"], b64decode(held["data"]), held["size"]) == (kind, data, len(data))
    assert len(b64decode(held["hash"])) == 20


def test_a_consent_with_a_form_is_admitted_and_decides_the_same(world: Any) -> None:
    """Decisions never read it."""
    plain, proven = (
        admit(document_to_bytes(consent_document(
            id="c1", patient=world.patient, at=world.at.replace(year=2025), permit=["TREAT"], evidence=form)))
        for form in (None, attachment_from_bytes(b"x"))
    )  # fmt: skip
    assert plain == proven
    assert cautions_of_consent(proven) == ()
    assert WITHOUT_RIGHT.path == "Consent.performer"


def test_a_consent_that_ends_later_holds_until_then_and_is_silent_after(world: Any) -> None:
    """Permitted at that instant, not after it, and an older permit does not come back."""
    older = world.consent({"type": "permit"}, id="c0", dateTime="2024-01-01")
    held = world.consent({"type": "permit"})
    ended = ending(held, world.at)
    assert ending(ended, THEN) == ended
    for consents, at, effect in (
        ((held,), THEN, "permit"),
        ((ended,), world.at, "permit"),
        ((ended,), THEN, "deny"),
        ((older, ended), THEN, "deny"),
    ):
        scene = world.scene.but(consents=consents, asking={"at": at})
        assert scene.decide().effect == effect
