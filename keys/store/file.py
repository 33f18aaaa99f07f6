"""Keys and secrets as files: one each, 0600 in a 0700 folder of the same owner (envelope.md 12).

Written by temporary file, fsync, rename, fsync of the folder. A wrong mode or owner refuses to start.
"""

import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from keys.errors import KeyFault
from keys.interface import Entropy, KeyWrapper, SignerProvider
from keys.store.secrets import ShelfSecretStore
from keys.store.shelf import ShelfKeyStore

MAX_BYTES = 65_536
_SETTLED = 2_000_000_000
"""Nanoseconds."""


class FileShelf:
    """A folder of files of one suffix. Made, 0700, if it is not there."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_private(folder, 0o700)

    def names(self) -> Iterable[str]:
        return tuple(sorted(path.name.removesuffix(self._suffix) for path in self._paths()))

    def read(self, name: str) -> bytes | None:
        path = self._path(name)
        return read_private(path) if path.exists() else None

    def add(self, name: str, data: bytes) -> bool:
        path, temporary = self._path(name), self._written(name, data)
        try:
            os.link(temporary, path)  # unlike a rename it fails if the name is taken
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        self._sync()
        return True

    def replace(self, name: str, data: bytes) -> None:
        replace_private(self._path(name), data)

    def stamp(self) -> int | None:
        """The folder's time of change: files are only ever added or replaced by a rename.

        Within two seconds of a change it tells nothing: another may carry the same time.
        """
        changed = self._folder.stat().st_mtime_ns
        return changed if time.time_ns() - changed > _SETTLED else None

    def _written(self, name: str, data: bytes) -> Path:
        temporary = self._folder / f".{name}.{os.urandom(8).hex()}.tmp"
        write_private_once(temporary, data)
        return temporary

    def _sync(self) -> None:
        _sync(self._folder)

    def _path(self, name: str) -> Path:
        if not name or "/" in name or name.startswith("."):
            raise KeyFault("not a name of a key")
        return self._folder / f"{name}{self._suffix}"

    def _paths(self) -> Iterable[Path]:
        return (path for path in self._folder.iterdir() if path.name.endswith(self._suffix))


class FileKeyStore(ShelfKeyStore):
    """A `KeyStore` over `<kid>.cpk` files; every one is opened once at the start. `KeyFault`."""

    def __init__(
        self,
        folder: Path,
        wrapper: KeyWrapper,
        entropy: Entropy = os.urandom,
        provider: SignerProvider | None = None,
    ) -> None:
        super().__init__(FileShelf(folder, ".cpk"), wrapper, entropy, provider)
        self.check()


class FileSecretStore(ShelfSecretStore):
    """A `SecretStore` over `<name>.secret` files."""

    def __init__(self, folder: Path, wrapper: KeyWrapper, entropy: Entropy = os.urandom) -> None:
        super().__init__(FileShelf(folder, ".secret"), wrapper, entropy)


def require_private(path: Path, mode: int) -> None:
    """`KeyFault` unless the path is ours, of exactly this mode, and no symbolic link."""
    found = path.lstat()
    kind = stat.S_ISDIR if mode == 0o700 else stat.S_ISREG
    if not kind(found.st_mode) or stat.S_IMODE(found.st_mode) != mode or found.st_uid != os.geteuid():
        raise KeyFault("a key file or its folder is not private: want 0600 in 0700, ours, no link")


def read_private(path: Path) -> bytes:
    """The bytes of a 0600 file of ours, at most 64 KiB."""
    require_private(path, 0o600)
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise KeyFault("not a key file")
    return data


def replace_private(path: Path, data: bytes) -> None:
    """A 0600 file put in the place of another, whole or not at all, durable; the last of several wins."""
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    write_private_once(temporary, data)
    temporary.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private_once(path: Path, data: bytes) -> None:
    """A new 0600 file, durable; `KeyFault` if it is there already (a KEK is never overwritten)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFault("this file is here already") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
