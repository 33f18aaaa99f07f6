"""What a consent rests on: the signed form as scanned, inside of the Consent that it proves (consent.md 14).

It lies with the document, sealed under the patient's key; decisions never read it.
"""

import hashlib
from base64 import b64encode
from typing import Any

MAX_EVIDENCE = 1024 * 1024
"""Bytes of one file: every later version of the consent carries it too."""
_KINDS = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


def attachment_from_bytes(data: bytes) -> dict[str, Any]:
    """A FHIR R4 Attachment of the bytes: type by what they are, size, and SHA-1 as FHIR says."""
    return {
        "contentType": _kind(data),
        "data": b64encode(data).decode(),
        "size": len(data),
        "hash": b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
    }


def _kind(data: bytes) -> str:
    for start, kind in _KINDS:
        if data.startswith(start):
            return kind
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain; charset=utf-8" if "\x00" not in text else "application/octet-stream"
