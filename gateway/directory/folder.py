"""A federation's member list as a folder: what verified last, served to others as it lies there.

    <folder>/current -> g-<n>/     one generation, replaced as a whole: `metadata/…`, `targets/…`
    <folder>/root.json             the pinned `1.root.json`

1. A generation is written whole, synced, and then named by one rename: a crash leaves the old one.
2. Reading begins at the pinned root and verifies everything again; what expired is judged at use.
3. A failed refresh keeps the old generation and says so in `fault`; it never loosens anything.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from gateway.directory.interface import DirectoryRefused
from gateway.directory.members import Members, read_bounded
from keys.errors import TrustRefused
from keys.federation.advance import Advanced, TrustState, begin
from keys.federation.metadata import LIMITS
from keys.federation.repository import advance_over

MAX_FILE = 4 * 1024 * 1024
MAX_FILES = 20_000
_CURRENT = "current"


class FederationFolder:
    """The list of one folder, as `MembersFile` for a file. The first read may raise `DirectoryRefused`."""

    def __init__(self, folder: Path, root: Path, sha256: str) -> None:
        self._folder = folder
        self._first = pinned_root(root, sha256)
        self.fault: str | None = None
        """Why the last reload was not taken, or None. A constant text."""
        self._generation = ""
        self._held = self._read()
        self._before = self._held
        self._members = _members(self._held)

    @property
    def current(self) -> Members:
        return self._members

    @property
    def advanced(self) -> Advanced:
        """What it was read from: state, federation and registry."""
        return self._held

    def file(self, path: str) -> bytes | None:
        """A file of it by path, as mirrors serve it; of the list before too: somebody may be half through."""
        return self._held.state.files.get(path) or self._before.state.files.get(path)

    def adopt(self, generation: str, found: Advanced) -> None:
        """Take what this very process verified and stored under that name, without reading it again."""
        if found.trust.version >= self._held.trust.version:
            self._generation = generation
            self._take(found)

    def _take(self, found: Advanced) -> None:
        self._before, self._held, self._members = self._held, found, _members(found)
        self.fault = None

    def reload(self) -> bool:
        """Look whether somebody named another generation; whether the list changed."""
        try:
            if self._name() == self._generation:
                return False
            found = self._read()
        except DirectoryRefused as refused:
            self.fault = str(refused)
            return False
        if found.trust.version < self._held.trust.version:
            self.fault = "the member list went back to an older version"
            return False
        self._take(found)
        return True

    def _name(self) -> str:
        try:
            return os.readlink(self._folder / _CURRENT)
        except OSError:
            raise DirectoryRefused("no member list yet: carepact directory refresh") from None

    def _read(self) -> Advanced:
        name, files = self._stored()
        try:
            advanced = advance_over(files, self._first, None)
        except TrustRefused as refused:
            raise DirectoryRefused(f"the stored member list: {refused}") from None
        self._generation = name
        return advanced

    def _stored(self) -> tuple[str, dict[str, bytes]]:
        """The current generation; if it was replaced while it was read, the next one."""
        while True:
            name = self._name()
            try:
                return name, files_from_folder(self._folder / name)
            except DirectoryRefused:
                if self._name() == name:
                    raise


def _members(held: Advanced) -> Members:
    stamp = held.state.files["metadata/timestamp.json"]
    return Members(held.trust, hashlib.sha256(stamp).hexdigest())


def pinned_root(root: Path, sha256: str) -> TrustState:
    """The beginning of trust. Raises `DirectoryRefused` where the file is not the one that was pinned."""
    try:
        return begin(read_bounded(root, LIMITS["root"]), sha256)
    except TrustRefused:
        raise DirectoryRefused("directory.root is not the root of directory.root_sha256") from None


def files_from_folder(folder: Path) -> dict[str, bytes]:
    """Every file of a repository by its path. Raises `DirectoryRefused`; links are not followed."""
    found: dict[str, bytes] = {}
    for part in ("metadata", "targets"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_symlink() or not path.is_file() or path.name.startswith("."):
                continue
            data = read_bounded(path, MAX_FILE)
            if len(data) > MAX_FILE or len(found) >= MAX_FILES:
                raise DirectoryRefused("a directory folder is larger than any federation's")
            found[path.relative_to(folder).as_posix()] = data
    return found


def store_files(folder: Path, files: Mapping[str, bytes], entropy: bytes) -> str:
    """Make these files the current generation (1) and return its name. Raises `DirectoryRefused`.

    The generation before stays, for whoever is reading it.
    """
    generation = f"g-{entropy.hex()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = os.readlink(folder / _CURRENT) if (folder / _CURRENT).is_symlink() else ""
        write_files(folder / generation, files)
        link = folder / f".{generation}"
        link.symlink_to(generation)
        link.replace(folder / _CURRENT)
        _sync(folder)
        for old in folder.glob("g-*"):
            if old.name not in (generation, before):
                shutil.rmtree(old, ignore_errors=True)
    except OSError:
        raise DirectoryRefused("the member list cannot be written") from None
    return generation


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files by path below a folder, each replaced whole; `timestamp.json` last, since it names all others."""
    for path, data in sorted(files.items(), key=lambda item: (item[0].endswith("timestamp.json"), item[0])):
        place = folder / path
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}.tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
