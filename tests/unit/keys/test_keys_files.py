"""Keys as files, and where the KEK comes from (envelope.md 12)."""

import os

import pytest

from keys.errors import KeyFault
from keys.store.file import FileKeyStore
from keys.store.wrapper import PassphraseWrapper, create_kek_file, wrapper_from
from keys.syntax import b64u

NBF, EXP = 1_767_225_600, 1_798_761_600


@pytest.fixture
def folder(tmp_path, wrapper):
    """A folder with one key in it."""
    FileKeyStore(tmp_path / "keys", wrapper).create("sig", "Ed25519", nbf=NBF, exp=EXP)
    return tmp_path / "keys"


def test_modes_are_private_and_nothing_else_is_left(folder):
    """One 0600 file in a 0700 folder; no temporary file stays; the header shows no seed."""
    (path,) = folder.iterdir()
    assert path.suffix == ".cpk" and path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700 and path.read_bytes()[:4] == b"CPK1"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o700])
def test_an_exposed_key_file_refuses_to_start(folder, wrapper, mode):
    """ENV-19: any mode but 0600."""
    next(folder.iterdir()).chmod(mode)
    with pytest.raises(KeyFault):
        FileKeyStore(folder, wrapper)


def test_an_exposed_folder_refuses_to_start(folder, wrapper):
    """ENV-19: any mode of the folder but 0700."""
    folder.chmod(0o755)
    with pytest.raises(KeyFault):
        FileKeyStore(folder, wrapper)


def test_a_link_in_place_of_a_key_refuses_to_start(folder, wrapper, tmp_path):
    """A symbolic link is never followed to a key."""
    path = next(folder.iterdir())
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFault):
        FileKeyStore(folder, wrapper)


def test_a_key_under_another_name_refuses_to_start(folder, wrapper):
    """A file that was renamed to another kid is not that key."""
    path = next(folder.iterdir())
    path.rename(path.with_name("A" * 43 + ".cpk"))
    with pytest.raises(KeyFault):
        FileKeyStore(folder, wrapper)


@pytest.mark.parametrize(
    "damage", [lambda d: d.replace(b'"sig"', b'"log"'), lambda d: d[:-1] + b"\0", lambda d: b""]
)
def test_an_altered_file_refuses_to_start(folder, wrapper, damage):
    """ENV-19: changed use, changed seed, emptied file: found before anything is signed."""
    path = next(folder.iterdir())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(KeyFault):
        FileKeyStore(folder, wrapper)


def test_kek_from_a_file(tmp_path):
    """32 bytes, 0600, made once and never overwritten."""
    path = tmp_path / "node" / "kek"
    create_kek_file(path)
    first = wrapper_from(f"file:{path}")
    assert wrapper_from(f"file:{path}").unwrap(first.wrap(b"x", b"aad"), b"aad") == b"x"
    with pytest.raises(KeyFault):
        create_kek_file(path)
    path.chmod(0o644)
    with pytest.raises(KeyFault):
        wrapper_from(f"file:{path}")


def test_kek_from_the_environment():
    """b64u of 32 bytes under the named variable."""
    environ = {"KEK": b64u(bytes(range(32)))}
    wrapper = wrapper_from("env:KEK", environ=environ)
    assert wrapper.unwrap(wrapper.wrap(b"x", b""), b"") == b"x" and wrapper.kdf == "none"


def test_kek_from_a_passphrase():
    """Argon2id: another passphrase opens nothing; a restart with the same one opens all."""
    environ = {"P": "correct horse battery", "Q": "correct horse batterz"}
    wrapped = wrapper_from("passphrase:P", environ=environ).wrap(b"x", b"aad")
    again = wrapper_from("passphrase:P", environ=environ)
    assert again.unwrap(wrapped, b"aad") == b"x" and "m=65536,t=3,p=4" in again.kdf
    for setting, aad in (("passphrase:Q", b"aad"), ("passphrase:P", b"other")):
        with pytest.raises(KeyFault):
            wrapper_from(setting, environ=environ).unwrap(wrapped, aad)
    with pytest.raises(KeyFault):
        again.unwrap(b"short", b"aad")


def test_passphrase_is_derived_once_for_a_store():
    """All that one node wraps shares a salt: start-up costs one derivation, not one for each key."""
    wrapper = PassphraseWrapper(b"correct horse battery", os.urandom)
    first, second = wrapper.wrap(b"a", b""), wrapper.wrap(b"b", b"")
    assert first[:16] == second[:16] and first[16:28] != second[16:28]


@pytest.mark.parametrize(
    "setting",
    ["", "file:", "file:/nowhere/kek", "env:ABSENT", "env:SHORT", "passphrase:SHORT", "vault:x", "plain"],
)
def test_an_unusable_kek_is_a_fault(setting):
    """Absent, short, malformed or unknown: one clear `KeyFault`, never a traceback of another kind."""
    with pytest.raises(KeyFault):
        wrapper_from(setting, environ={"SHORT": "short"})
