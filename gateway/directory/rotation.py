"""Changing the root: the desk writes a draft, holders sign it elsewhere, the desk publishes what holds.

    <desk>/root-<N>.json               the draft, handed from holder to holder
    <desk>/holders/<n>.r<N>/           keys of a holder who replaces another: to be taken offline
    <desk>/operator.next, publisher.next    keys that come into use when the root does

1. The draft changes nothing. 2. `finish` verifies both thresholds; then keys in waiting come into use, and
the root is written with the operator's role, snapshot and timestamp signed anew under it.
3. Whatever stops it between: the same `finish` again goes on from there; until then nothing is published.
"""

from collections.abc import Iterable
from pathlib import Path

from securesystemslib.signer import SSlibKey

from gateway.directory.desk import Desk, make_pair
from gateway.directory.interface import DirectoryRefused
from keys.errors import TrustRefused, UnknownKey
from keys.federation.author import Pair, finished_root
from keys.federation.metadata import bytes_from_metadata
from keys.federation.rotation import Replaced, next_root, root_from_bytes, signed_root
from keys.federation.signer import pair_from_store
from keys.interface import Entropy
from keys.store.file import FileKeyStore
from keys.store.wrapper import wrapper_from

_ROLES = ("operator", "publisher")


def start(desk: Desk, replace: Iterable[str], publishers: Iterable[str], now: int) -> Path:
    """Write the unsigned next root.

    `replace`: holder numbers, `operator`, `publisher`. `publishers`: members that sign timestamps too.
    Raises `DirectoryRefused`; a draft that is there is never written over.
    """
    repository, named = desk.repository(), set(replace)
    root = repository.root().signed
    path = desk.folder / f"root-{root.version + 1}.json"
    if path.exists():
        raise DirectoryRefused(f"{path.name} is there already: finish it, or remove it")
    numbers = {str(number) for number in range(1, len(root.roles["root"].keyids) // 2 + 1)}
    if not named <= numbers | set(_ROLES):
        raise DirectoryRefused("no such holder: its number, operator or publisher")
    stampers = [_stamper(repository.pairs(), id) for id in publishers]
    replaced = Replaced(
        {int(name): _new_holder(desk, name, root.version + 1, now) for name in sorted(named & numbers)},
        _waiting(desk, "operator", now) if "operator" in named else None,
        _waiting(desk, "publisher", now)[0] if "publisher" in named else None,
        stampers,
    )
    try:
        path.write_bytes(bytes_from_metadata(next_root(root, replaced, now)))
    except TrustRefused:
        raise DirectoryRefused("more publishers than a root may have") from None
    except OSError:
        raise DirectoryRefused("the desk cannot be written") from None
    return path


def sign(data: bytes, folder: Path, entropy: Entropy, now: int) -> bytes:
    """The draft with the signatures of the holder whose keys are in `folder`. Raises `DirectoryRefused`."""
    if not (folder / "kek").exists():
        raise DirectoryRefused("no holder's keys there")
    store = FileKeyStore(folder / "keys", wrapper_from(f"file:{folder / 'kek'}"), entropy)
    try:
        return signed_root(data, pair_from_store(store, at=now))
    except (TrustRefused, UnknownKey):
        raise DirectoryRefused("not a draft of a root, or no live pair of keys there") from None


def require_finishable(desk: Desk, data: bytes) -> int:
    """Both thresholds signed the next version, or it is published already. Raises `DirectoryRefused`."""
    repository = desk.repository()
    try:
        root = root_from_bytes(data)
        if repository.files.get(_name(root.signed.version)) != data:
            finished_root(root, repository.root())
    except TrustRefused as refused:
        if refused.reason == "signature":
            raise DirectoryRefused(
                "signatures are missing: the old and the new threshold must sign"
            ) from None
        raise DirectoryRefused(f"members would refuse this: {refused}") from None
    return root.signed.version


def finish(desk: Desk, data: bytes, now: int) -> int:
    """Publish a root that has its signatures; its version. Raises `DirectoryRefused`."""
    version = require_finishable(desk, data)
    for role in _ROLES:
        _use_waiting(desk, role, version)
    # With the root in the same change, so that what signs under it is what it names.
    desk.sign_anew(now, {_name(version): data})
    return version


def _name(version: int) -> str:
    return f"metadata/{version}.root.json"


def _new_holder(desk: Desk, number: str, version: int, now: int) -> Pair:
    store = desk.new_holder(f"{number}.r{version}", now)
    return _public(store, now)


def _waiting(desk: Desk, role: str, now: int) -> Pair:
    store = desk.store(f"{role}.next")
    make_pair(store, now)
    return _public(store, now)


def _use_waiting(desk: Desk, role: str, version: int) -> None:
    """The old folder is set aside before the new one takes its name; either step may have been done."""
    current, waiting, aside = (
        desk.folder / name for name in (role, f"{role}.next", f"{role}.r{version - 1}")
    )
    if not waiting.exists():
        return
    if current.exists():
        current.rename(aside)
    waiting.rename(current)


def _stamper(pairs: "dict[str, Pair]", id: str) -> SSlibKey:
    if id not in pairs:
        raise DirectoryRefused("a publisher must be a member first")
    return pairs[id][0]


def _public(store: FileKeyStore, now: int) -> Pair:
    first, second = pair_from_store(store, at=now)
    return first.public_key, second.public_key
