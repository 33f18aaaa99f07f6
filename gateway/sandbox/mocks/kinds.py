"""What a given file is when it is not what its provider serves: said in words, from its first bytes alone."""

import re
from pathlib import Path

MOST_BYTES = 128 * 1024 * 1024
"""A larger file is refused: everything here is read whole."""
_HEAD = 4096
_ELEMENT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_LINES = re.compile(rb"\}[ \t]*\r?\n\{")
_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"{\\rtf", "an RTF text"),
)
_WIDE = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_file(path: Path) -> bytes | str:
    """The bytes of a regular file, or why there are none. A pipe or a device would never end."""
    try:
        if path.is_dir():
            return "a folder, not a file"
        if path.exists() and not path.is_file():
            return "not a regular file"
        if path.stat().st_size > MOST_BYTES:
            return f"larger than {MOST_BYTES >> 20} MiB"
        return path.read_bytes()
    except (OSError, ValueError):
        return "the file cannot be read"


def narrowed(body: bytes) -> bytes:
    """UTF-16 with a byte order mark as UTF-8; anything else as it is, without its mark."""
    for mark, codec in _WIDE:
        if body.startswith(mark):
            return body.decode(codec, "replace").encode("utf-8")
    return body.removeprefix(b"\xef\xbb\xbf")


def name_kind(body: bytes) -> str | None:
    """What these bytes look like and where such a file belongs; None: like nothing that we know."""
    head = narrowed(body[:_HEAD]).lstrip(b"\x0b\x1c \t\r\n")
    if not head:
        return "the file is empty" if not body.strip() else None
    magic = next((words for mark, words in _MAGIC if body.startswith(mark)), None)
    if magic:
        return magic
    if re.match(rb"(MSH|FHS|BHS)[^A-Za-z0-9\s]", head):
        return "HL7 v2 messages: they belong to --hospital"
    if head[:1] == b"<":
        return _name_xml(head)
    if head[:1] == b"{":
        return "several JSON values, one a line" if _LINES.search(body) else _name_json(head)
    return "not a text" if b"\0" in head else None


def _name_xml(head: bytes) -> str | None:
    element = _ELEMENT.search(re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL))
    name = element.group(1) if element else b""
    if name == b"ClinicalDocument":
        return "a CDA document: it belongs to --specialist"
    if b"http://hl7.org/fhir" in head:
        return "FHIR as XML, which is not taken in"
    return "HTML" if name.lower() == b"html" else None


def _name_json(head: bytes) -> str | None:
    found = _TYPE.search(head)
    if found is None:
        return None
    name = found.group(1).decode("ascii")
    return "a FHIR Bundle: it belongs to --gp" if name == "Bundle" else f"a FHIR {name}, not a Bundle"
