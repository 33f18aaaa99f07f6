"""The node's register file: organisations, practitioners, groups, proxies, patient flags (consent.md 1).

JSON of the keys `org_parent practitioner_orgs groups proxies patient_flags` (and `births`, where a node has
no patient index), read strictly by consent/; and two maps that turn what a token proves into directory ids:
`practitioners` and `people`, identifier `system|value` -> id. A node without a file has an empty register.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from adapters.codec import BadJSON, decode
from consent.directory import Directory as ConsentDirectory
from consent.directory import directory_from_json
from consent.errors import Uncomputable
from gateway.directory.interface import DirectoryRefused, Register
from gateway.directory.members import read_bounded

MAX_BYTES = 64 * 1024 * 1024

EMPTY = Register(ConsentDirectory())


def register_from_bytes(data: bytes) -> Register:
    """Read a register. Raises `DirectoryRefused` with the path of the element that is wrong."""
    if len(data) > MAX_BYTES:
        raise DirectoryRefused("the register is larger than 64 MiB")
    try:
        document = decode(data)
    except BadJSON:
        raise DirectoryRefused("the register is not strict JSON") from None
    if not isinstance(document, dict):
        raise DirectoryRefused("the register is not an object")
    own = {name: document.pop(name, {}) for name in ("practitioners", "people")}
    try:
        directory = directory_from_json(document)
    except Uncomputable as refused:
        raise DirectoryRefused(f"the register: {refused}") from None
    _require_no_cycle(directory)
    return Register(
        directory,
        practitioners=_identifiers(own["practitioners"], "practitioners"),
        people=_identifiers(own["people"], "people"),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def register_from_file(path: Path | None) -> Register:
    """The register of a file; without one, the empty register."""
    return EMPTY if path is None else register_from_bytes(read_bounded(path, MAX_BYTES))


def _identifiers(value: Any, name: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise DirectoryRefused(f"the register: {name} is not an object")
    for identifier, target in value.items():
        system, bar, number = identifier.partition("|")
        if not (system and bar and number and isinstance(target, str) and target):
            raise DirectoryRefused(f"the register: {name} maps system|value to an id")
    return MappingProxyType(dict(value))


def _require_no_cycle(directory: ConsentDirectory) -> None:
    """An organisation above itself would be under everybody: such a tree is refused as a whole."""
    for start in directory.org_parent:
        if directory.org_parent.get(directory.chain(start)[-1]) is not None:
            raise DirectoryRefused("the register: org_parent has a cycle")
