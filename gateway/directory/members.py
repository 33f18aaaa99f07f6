"""The node's own members file as an immutable `TrustList`, reloaded when its bytes change.

1. The file as a whole must be readable; a bad member record disables that member only (`TrustList.disabled`).
2. A reload takes effect only if its version rises: an older or altered file of the same version is refused.
3. A failed reload keeps the old list and says so in `fault`; it never loosens anything.
4. Expiry is judged at use (`require_fresh`): after it nothing is sealed or opened, and there is no grace.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gateway.directory.interface import DirectoryRefused
from keys.errors import KeyRefused
from keys.trust import TrustList, trust_list_from_json

MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Members:
    """A trust list and the hex SHA-256 of the file it came from."""

    trust: TrustList
    sha256: str


def members_from_bytes(data: bytes) -> Members:
    """Read a members file. Raises `DirectoryRefused`."""
    if len(data) > MAX_BYTES:
        raise DirectoryRefused("the members file is larger than 16 MiB")
    try:
        return Members(trust_list_from_json(data), hashlib.sha256(data).hexdigest())
    except KeyRefused:
        raise DirectoryRefused("not a members file") from None


def read_bounded(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a file. Raises `DirectoryRefused` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError:
        raise DirectoryRefused("a file of the directory is not there: carepact doctor") from None
    except OSError:
        raise DirectoryRefused("a directory file cannot be read") from None


class MembersFile:
    """The list of one file; `current` is what last verified. The first read may raise `DirectoryRefused`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members = members_from_bytes(read_bounded(path, MAX_BYTES))
        self.fault: str | None = None
        """Why the last reload was not taken, or None. A constant text."""

    @property
    def current(self) -> Members:
        return self._members

    def reload(self) -> bool:
        """Read the file again; whether the list changed."""
        try:
            data = read_bounded(self._path, MAX_BYTES)
            if hashlib.sha256(data).hexdigest() == self._members.sha256:
                # Every exchange comes here several times: keys are parsed and tried when bytes changed only.
                self.fault = None
                return False
            found = members_from_bytes(data)
        except DirectoryRefused as refused:
            self.fault = str(refused)
            return False
        self.fault = None
        if found.trust.federation != self._members.trust.federation:
            self.fault = "the members file is of another federation"
        elif found.trust.version <= self._members.trust.version:
            self.fault = "the members file changed without a higher version"
        else:
            self._members = found
        return self.fault is None
