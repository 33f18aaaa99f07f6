"""`carepact keys rewrap`: everything that the KEK wraps, under another KEK (envelope.md 12).

1. The new KEK is at hand, and the leaf is written. 2. `kek.turn` is noted: from now on the whole node, other
processes too, opens under both. 3. Key files, secrets, the federation desk's keys, the keys of patients and
originals, item by item. 4. Again, until a pass finds nothing under the old one. 5. `kek.turn` says `done`.
Stopped or killed anywhere, the node runs on, and the same command finishes the work.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.act import act_now
from gateway.errors import Problem
from keys.errors import KeyFault

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.bootstrap import Runtime
    from keys.interface import KeyWrapper
    from keys.store.turning import Turn

MOST_PASSES = 20


def wrapper_of(setting: str, entropy: Any) -> "KeyWrapper":
    """The new KEK; a file that is not there is made. Raises `invalid`."""
    from keys.store.wrapper import create_kek_file, wrapper_from

    kind, _, where = setting.partition(":")
    if kind in ("file", "exec") and not Path(where).is_absolute():
        raise Problem(
            "invalid", expression="--kek", hint="an absolute path, as the configuration will name it"
        )
    try:
        if kind == "file" and not Path(where).exists():
            create_kek_file(Path(where), entropy)
        made = wrapper_from(setting, entropy=entropy)
        if made.unwrap(made.wrap(b"carepact", b"trial"), b"trial") != b"carepact":
            raise KeyFault("it does not give back what it wrapped")
    except (KeyFault, OSError) as fault:
        raise Problem("invalid", expression="--kek", hint=str(fault)) from None
    return made


async def rewrapped(node: "Runtime", setting: str, reason: str, dry_run: bool) -> dict[str, Any]:
    """Everything under the KEK of this setting. How many items of each kind were turned."""
    act = act_now(node, reason)
    old = _old(node, setting)
    if dry_run:
        return {"kek": setting, "done": False, "dry_run": True, **dict.fromkeys(_KINDS, 0)}
    new = wrapper_of(setting, node.entropy)
    from gateway.cli.keys_life import log_key

    detail = {"action": "rewrap", "kek": new.kek}
    await node.database.write(lambda connection: log_key(connection, node, act, detail))
    _note(node, old, setting, done=False)
    counts = dict.fromkeys(_KINDS, 0)
    for _ in range(MOST_PASSES):
        found = await _pass(node, new)
        for kind, number in found.items():
            counts[kind] += number
        if not any(found.values()):
            _note(node, old, setting, done=True)
            return {"kek": setting, "done": True, "dry_run": False, **counts}
    raise Problem("unavailable", hint="other processes go on wrapping under the old KEK: restart them, again")


_KINDS = ("keys", "secrets", "data_keys")


async def _pass(node: "Runtime", new: "KeyWrapper") -> dict[str, int]:
    return {
        "keys": sum(_rewrapped_folder(node, folder, new) for folder in key_folders(node.settings.node.state)),
        "secrets": _rewrapped_secrets(node, new),
        "data_keys": await _rewrapped_rows(node),
    }


def key_folders(state: Path) -> Iterator[Path]:
    """Folders of keys under the node's KEK: its own and its federation desk's.

    A holder's folder has a KEK file beside it: it is carried away, and is nobody else's.
    """
    yield state / "keys"
    for folder in sorted({path.parent for path in (state / "federation").rglob("*.cpk")}):
        if not (folder.parent / "kek").exists():
            yield folder


def _rewrapped_folder(node: "Runtime", folder: Path, new: "KeyWrapper") -> int:
    from keys.store.file import FileKeyStore

    return FileKeyStore(folder, node.wrapper).rewrap(new)


def _rewrapped_secrets(node: "Runtime", new: "KeyWrapper") -> int:
    from keys.store.file import FileSecretStore

    return FileSecretStore(node.settings.node.state / "secrets", node.wrapper, node.entropy).rewrap(new)


async def _rewrapped_rows(node: "Runtime") -> int:
    from gateway.records.rewrapping import rewrap_page

    total, after = 0, ""

    def page(connection: "Connection") -> tuple[str | None, int]:
        return rewrap_page(connection, after, node.wrapper.turned)

    while True:
        last, turned = await node.database.write(page)
        total += turned
        if last is None:
            return total
        after = last


def _old(node: "Runtime", setting: str) -> str:
    """The KEK that is left. A turn under way is finished before another is begun. Raises `conflict`."""
    turn, named = _turn(node), node.settings.kek
    if turn is not None and not turn.done:
        if turn.new != setting:
            raise Problem("conflict", hint=f"first finish the one under way: keys rewrap --kek {turn.new}")
        return turn.old
    if turn is not None and turn.new != named:
        if turn.new == setting:
            return turn.old
        raise Problem("conflict", hint=f"first name the present KEK in the configuration: {turn.new}")
    if setting == named:
        raise Problem("conflict", expression="--kek", hint="this is the KEK already")
    return named


def _turn(node: "Runtime") -> "Turn | None":
    from keys.store.turning import read_turn, turn_path

    return read_turn(turn_path(node.settings.node.state))


def _note(node: "Runtime", old: str, new: str, *, done: bool) -> None:
    from keys.store.turning import Turn, turn_path, write_turn

    write_turn(turn_path(node.settings.node.state), Turn(old, new, done))
