"""Files that a mock serves exactly as they are, and by which identifiers their people can be asked for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from gateway.sandbox.mocks.jsontext import decode_json
from gateway.sandbox.mocks.kinds import name_kind, narrowed, read_file

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_NHS_OID = "2.16.840.1.113883.2.1.4.1"
_HEADER = re.compile(rb"MSH[^A-Za-z0-9\s]")
_OID = re.compile(r"[0-2](\.[0-9]+)+\Z")
_ENVELOPES = (b"FHS", b"BHS", b"BTS", b"FTS")


@dataclass(frozen=True, slots=True)
class GivenFile:
    """One file. `parts`: what is sent, each unchanged; `identifiers`: (system, value) found inside;
    `refused`: why it is nobody's record, else None; `skipped`: lines that belong to no message."""

    name: str
    parts: tuple[bytes, ...]
    identifiers: tuple[tuple[str, str], ...] = ()
    refused: str | None = None
    skipped: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "parts": len(self.parts),
            "identifiers": [{"system": system, "value": value} for system, value in self.identifiers],
            "refused": self.refused,
        }


def given_bundle(path: Path) -> GivenFile:
    """A FHIR STU3 Bundle with a Patient. Its identifiers are those of the Patient, as they stand there."""
    body = read_file(path)
    if isinstance(body, str):
        return GivenFile(path.name, (), refused=body)
    try:
        bundle = decode_json(body)
    except ValueError:
        return GivenFile(path.name, (), refused=_otherwise(body, "not JSON", own="a FHIR"))
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return GivenFile(path.name, (), refused=_otherwise(body, "not a FHIR Bundle"))
    found = tuple(dict.fromkeys(_patient_identifiers(bundle)))
    if not found:
        return GivenFile(path.name, (body,), refused="no Patient with an identifier")
    return GivenFile(path.name, (body,), found)


def _patient_identifiers(bundle: dict[str, Any]) -> Iterable[tuple[str, str]]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
            continue
        identifiers = resource.get("identifier")
        for item in identifiers if isinstance(identifiers, list) else ():
            if isinstance(item, dict) and isinstance(item.get("value"), str):
                yield str(item.get("system", "")), item["value"]


def given_document(path: Path) -> GivenFile:
    """A CDA document. Its identifiers: the ids of recordTarget, NHS numbers by system, others by OID."""
    body = read_file(path)
    if isinstance(body, str):
        return GivenFile(path.name, (), refused=body)
    try:
        root, ids = _record_target_ids(body)
    except (expat.ExpatError, ValueError, LookupError):
        return GivenFile(path.name, (), refused=_otherwise(body, "not well-formed XML", own="a CDA"))
    if root != "ClinicalDocument":
        return GivenFile(path.name, (), refused=_otherwise(body, "not a CDA document", own="a CDA"))
    found = tuple(dict.fromkeys(one for ii in ids for one in _identifiers_from_ii(*ii)))
    if not found:
        return GivenFile(path.name, (body,), refused="no patient identifier under an OID or UUID")
    return GivenFile(path.name, (body,), found)


def _record_target_ids(body: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Name of the root element, and root and extension of every id of recordTarget/patientRole.

    Without namespaces on purpose: public files forget to declare `xsi` and `sdtc`.
    """
    path: list[str] = []
    ids: list[tuple[str, str]] = []
    first: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name.rpartition(":")[2])
        if len(path) == 1:
            first.append(path[0])
        if path[1:] == ["recordTarget", "patientRole", "id"] and attributes.get("root"):
            ids.append((attributes["root"].strip(), attributes.get("extension", "").strip()))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: path.pop()
    parser.Parse(body, True)
    return first[0], ids


def _identifiers_from_ii(root: str, extension: str) -> Iterable[tuple[str, str]]:
    """How an II may be asked for: an NHS number by its FHIR system and by its OID; a bare root is a URI."""
    if root == _NHS_OID and extension:
        yield NHS_NUMBER, extension.replace(" ", "")
    if not _OID.match(root) and "-" not in root:
        return
    uri = f"urn:uuid:{root.lower()}" if "-" in root else f"urn:oid:{root}"
    yield (uri, extension) if extension else ("urn:ietf:rfc:3986", uri)


def given_messages(path: Path) -> GivenFile:
    """HL7 v2 messages, one or many, with or without batch and MLLP framing: each from its MSH to its end."""
    body = read_file(path)
    if isinstance(body, str):
        return GivenFile(path.name, (), refused=body)
    before, *parts = _split_messages(narrowed(body))
    if not parts:
        return GivenFile(path.name, (), refused=_otherwise(body, "no MSH segment", own="HL7"))
    found = tuple(dict.fromkeys(item for part in parts for item in _identifiers_from_message(part)))
    skipped = sum(1 for line in re.split(rb"[\r\n]+", before) if line.strip())
    return GivenFile(path.name, tuple(parts), found, skipped=skipped)


def _otherwise(body: bytes, reason: str, own: str = "") -> str:
    """Why a file is refused: what it is instead, if its first bytes say so, else `reason`.

    `own`: how the words for the right kind begin, which would be no reason.
    """
    words = name_kind(body)
    return reason if words is None or (own and words.startswith(own)) else words


def _split_messages(body: bytes) -> Iterable[bytes]:
    """What stands before the first message, then each message."""
    before: list[bytes] = []
    message: list[bytes] = before
    # MLLP framing of a recorded file is not part of the messages, and would end ours too early.
    for line in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n|$)", body.replace(b"\x1c\r", b"").replace(b"\x1c", b"")):
        bare = line.lstrip(b"\x0b \t")
        if bare[:3] in _ENVELOPES:
            continue
        if _HEADER.match(bare):
            yield b"".join(message)
            message = [bare]
        else:
            message.append(line)
    yield b"".join(message)


def _identifiers_from_message(message: bytes) -> Iterable[tuple[str, str]]:
    """PID-3 of a message: (assigning authority as written, value)."""
    field, component, repeat = (message[at : at + 1].decode("latin-1") or "|" for at in (3, 4, 5))
    for line in re.split(r"[\r\n]+", message.decode("utf-8", "replace")):
        fields = line.split(field)
        if fields[0] == "PID" and len(fields) > 3:
            for repetition in fields[3].split(repeat):
                parts = repetition.split(component)
                if parts[0]:
                    yield (parts[3] if len(parts) > 3 else ""), parts[0]
