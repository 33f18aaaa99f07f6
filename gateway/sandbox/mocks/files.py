"""Files that a mock serves exactly as they are, and by which identifiers their people can be asked for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from gateway.sandbox.mocks.jsontext import decode_json

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_NHS_OID = "2.16.840.1.113883.2.1.4.1"
_ENVELOPES = (b"FHS", b"BHS", b"BTS", b"FTS")


@dataclass(frozen=True, slots=True)
class GivenFile:
    """One file. `parts`: what is sent, each unchanged; `identifiers`: (system, value) found inside;
    `refused`: why it is nobody's record, else None."""

    name: str
    parts: tuple[bytes, ...]
    identifiers: tuple[tuple[str, str], ...] = ()
    refused: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "parts": len(self.parts),
            "identifiers": [{"system": system, "value": value} for system, value in self.identifiers],
            "refused": self.refused,
        }


def read_bytes(path: Path) -> bytes | None:
    """The bytes of a file, None if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def given_bundle(path: Path) -> GivenFile:
    """A FHIR STU3 Bundle with a Patient. Its identifiers are those of the Patient, as they stand there."""
    body = read_bytes(path)
    if body is None:
        return GivenFile(path.name, (), refused="the file cannot be read")
    try:
        bundle = decode_json(body)
    except ValueError:
        return GivenFile(path.name, (), refused="not JSON")
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return GivenFile(path.name, (), refused="not a FHIR Bundle")
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
    body = read_bytes(path)
    if body is None:
        return GivenFile(path.name, (), refused="the file cannot be read")
    try:
        root, ids = _record_target_ids(body)
    except expat.ExpatError:
        return GivenFile(path.name, (), refused="not well-formed XML")
    if root != "ClinicalDocument":
        return GivenFile(path.name, (), refused="not a CDA document")
    found = tuple(dict.fromkeys(_identifier_from_ii(*ii) for ii in ids))
    if not found:
        return GivenFile(path.name, (body,), refused="no patient identifier")
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


def _identifier_from_ii(root: str, extension: str) -> tuple[str, str]:
    if root == _NHS_OID and extension:
        return NHS_NUMBER, extension.replace(" ", "")
    uri = f"urn:uuid:{root.lower()}" if "-" in root else f"urn:oid:{root}"
    return (uri, extension) if extension else ("urn:ietf:rfc:3986", uri)


def given_messages(path: Path) -> GivenFile:
    """HL7 v2 messages, one or many, with or without batch and MLLP framing: each from its MSH to its end."""
    body = read_bytes(path)
    if body is None:
        return GivenFile(path.name, (), refused="the file cannot be read")
    parts = tuple(_split_messages(body))
    if not parts:
        return GivenFile(path.name, (), refused="no MSH segment")
    found = tuple(dict.fromkeys(item for part in parts for item in _identifiers_from_message(part)))
    return GivenFile(path.name, parts, found)


def _split_messages(body: bytes) -> Iterable[bytes]:
    message: list[bytes] = []
    # MLLP framing of a recorded file is not part of the messages, and would end ours too early.
    bare_body = body.removeprefix(b"\xef\xbb\xbf").replace(b"\x1c\r", b"").replace(b"\x1c", b"")
    for line in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n|$)", bare_body):
        bare = line.lstrip(b"\x0b \t")
        if bare[:3] in _ENVELOPES:
            continue
        if bare[:3] == b"MSH" and len(bare) > 8:
            if message:
                yield b"".join(message)
            message = [bare]
        elif message:
            message.append(line)
    if message:
        yield b"".join(message)


def _identifiers_from_message(message: bytes) -> Iterable[tuple[str, str]]:
    """PID-3 of a message: (assigning authority as written, value)."""
    field, component, repeat = (message[at : at + 1].decode("latin-1") for at in (3, 4, 5))
    for line in re.split(r"[\r\n]+", message.decode("utf-8", "replace")):
        fields = line.split(field)
        if fields[0] == "PID" and len(fields) > 3:
            for repetition in fields[3].split(repeat):
                parts = repetition.split(component)
                if parts[0]:
                    yield (parts[3] if len(parts) > 3 else ""), parts[0]
