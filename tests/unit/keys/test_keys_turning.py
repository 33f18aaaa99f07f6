"""A KEK that is being replaced: from the first step to the last everything opens, and in the end under the new."""

import os
from pathlib import Path
from typing import Any

import pytest

from keys.errors import KeyFault
from keys.store.file import FileKeyStore, FileSecretStore
from keys.store.turning import Turn, TurningWrapper, read_turn, turn_path, write_turn
from keys.store.wrapper import create_kek_file, wrapper_from

ENVIRON = {"WORDS": "correct horse battery", "MORE": "staple and the rest"}


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Two KEK files and two passphrases."""
    for name in ("one", "two", "three"):
        create_kek_file(tmp_path / name)
    return {name: f"file:{tmp_path / name}" for name in ("one", "two", "three")} | {
        "words": "passphrase:WORDS", "more": "passphrase:MORE",
    }  # fmt: skip


@pytest.fixture
def turning(tmp_path: Path) -> Any:
    """The wrapper of a setting over one state folder."""
    return lambda setting: TurningWrapper(setting, tmp_path, lambda one: wrapper_from(one, environ=ENVIRON))


@pytest.mark.parametrize(
    ("old", "new"), [("one", "two"), ("one", "words"), ("words", "one"), ("words", "more")]
)
def test_both_open_while_a_turn_is_on(
    tmp_path: Path, settings: Any, turning: Any, old: str, new: str
) -> None:
    """Before, during and after: what was wrapped opens, whichever of the two the configuration names."""
    first = turning(settings[old])
    before = first.wrap(b"plain", b"place")
    write_turn(turn_path(tmp_path), Turn(settings[old], settings[new], False))
    during = first.wrap(b"plain", b"place")  # a process that was there before takes part from its next use on
    for named in (old, new):
        opened = turning(settings[named])
        assert {opened.unwrap(one, b"place") for one in (before, during)} == {b"plain"}
        assert opened.turned(during, b"place") is None
        assert (
            wrapper_from(settings[new], environ=ENVIRON).unwrap(opened.turned(before, b"place"), b"place")
            == b"plain"
        )
        with pytest.raises(KeyFault):
            opened.unwrap(before, b"elsewhere")
    with pytest.raises(KeyFault):
        turning(settings["three"])


def test_a_process_follows_one_turn_after_another(tmp_path: Path, settings: Any, turning: Any) -> None:
    """Whoever took part in a turn knows its outcome, and takes part in the next one without a restart."""
    there = turning(settings["one"])
    for old, new in (("one", "two"), ("two", "three")):
        for done in (False, True):
            write_turn(turn_path(tmp_path), Turn(settings[old], settings[new], done))
            wrapped = there.wrap(b"plain", b"place")
    assert wrapper_from(settings["three"]).unwrap(wrapped, b"place") == b"plain"
    assert there.unwrap(wrapped, b"place") == b"plain"
    with pytest.raises(KeyFault):
        turning(settings["one"])  # one that starts now must name the present KEK


def test_the_old_kek_is_needed_until_it_is_done_and_no_longer(
    tmp_path: Path, settings: Any, turning: Any
) -> None:
    """After the last step the old one may be destroyed, whichever the configuration still names."""
    wrapped = turning(settings["one"]).wrap(b"plain", b"place")
    write_turn(turn_path(tmp_path), Turn(settings["one"], settings["two"], False))
    anew = turning(settings["one"]).turned(wrapped, b"place")
    write_turn(turn_path(tmp_path), Turn(settings["one"], settings["two"], True))
    (tmp_path / "one").unlink()
    for named in ("one", "two"):
        opened = turning(settings[named])
        assert opened.unwrap(anew, b"place") == b"plain"
        with pytest.raises(KeyFault):
            opened.unwrap(wrapped, b"place")


def test_keys_and_secrets_are_turned_once(tmp_path: Path, settings: Any, turning: Any) -> None:
    """Each item once; a second pass finds nothing; the new KEK alone opens all."""
    old, folder = turning(settings["one"]), tmp_path / "keys"
    store, secrets = FileKeyStore(folder, old), FileSecretStore(tmp_path / "secrets", old)
    kids = [store.create("sig", "Ed25519", nbf=0, exp=9) for _ in range(3)]
    store.retire(kids[0], at=1)
    value = secrets.secret("id_key")
    write_turn(turn_path(tmp_path), Turn(settings["one"], settings["two"], False))
    new = wrapper_from(settings["two"])
    assert [FileKeyStore(folder, old).rewrap(new) for _ in range(2)] == [3, 0]
    assert [FileSecretStore(tmp_path / "secrets", old).rewrap(new) for _ in range(2)] == [1, 0]
    FileKeyStore(folder, new).check()
    assert FileSecretStore(tmp_path / "secrets", new).secret("id_key") == value
    assert store.sign(kids[1], b"x")


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"done":1,"new":"a","old":"b","v":1}', b'{"done":true,"new":7,"old":"b","v":1}']
)
def test_an_altered_note_is_a_fault(tmp_path: Path, settings: Any, turning: Any, data: bytes) -> None:
    """It decides what opens everything: nothing is guessed, and a note that others may read is refused too."""
    write_turn(turn_path(tmp_path), Turn(settings["one"], settings["two"], False))
    turn_path(tmp_path).write_bytes(data)
    with pytest.raises(KeyFault):
        turning(settings["one"])
    write_turn(turn_path(tmp_path), Turn(settings["one"], settings["two"], True))
    assert read_turn(turn_path(tmp_path)) == Turn(settings["one"], settings["two"], True)
    os.chmod(turn_path(tmp_path), 0o644)
    with pytest.raises(KeyFault):
        turning(settings["one"])
