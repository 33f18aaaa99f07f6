"""ENV-19: a node whose keys were touched, exposed or are not at hand says so in one line and does not start."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from keys import algorithms, selftest
from keys.errors import KeyFault

START = ("audit", "verify")
Damage = Callable[[Path], None]


def flipped(offset: int) -> Damage:
    """One bit of one byte of a file; negative from its end."""

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[offset] ^= 1
        path.write_bytes(bytes(data))

    return flip


def replaced(old: bytes, new: bytes) -> Damage:
    def put(path: Path) -> None:
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new, 1))

    return put


def mode(bits: int) -> Damage:
    return lambda path: path.chmod(bits)


def given_away(path: Path) -> None:
    """To another account; only root can."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65_534, -1)


def key_file(state: Path) -> Path:
    return next(path for path in sorted((state / "keys").iterdir()) if b'"use":"sig"' in path.read_bytes())


@pytest.mark.parametrize(
    ("where", "damage"),
    [
        pytest.param(key_file, flipped(0), id="magic"),
        pytest.param(key_file, flipped(6), id="header-length"),
        pytest.param(key_file, flipped(40), id="header"),
        pytest.param(key_file, flipped(-20), id="seed"),
        pytest.param(key_file, flipped(-1), id="tag"),
        pytest.param(key_file, replaced(b'"use":"sig"', b'"use":"log"'), id="use"),
        pytest.param(key_file, replaced(b'"exp":1', b'"exp":9'), id="life"),
        pytest.param(key_file, lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(key_file, mode(0o644), id="mode-0644"),
        pytest.param(key_file, mode(0o660), id="mode-0660"),
        pytest.param(key_file, given_away, id="owner"),
        pytest.param(lambda state: state / "keys", mode(0o755), id="folder-0755"),
        pytest.param(lambda state: state / "kek", flipped(3), id="kek"),
        pytest.param(lambda state: state / "kek", mode(0o644), id="kek-0644"),
        pytest.param(lambda state: state / "kek", lambda path: path.unlink(), id="kek-gone"),
        pytest.param(lambda state: state / "secrets" / "index_key.secret", flipped(-1), id="secret"),
        pytest.param(lambda state: state / "secrets" / "index_key.secret", mode(0o640), id="secret-0640"),
    ],
)  # fmt: skip
def test_touched_or_exposed_keys_refuse_to_start(
    home: Any, where: Callable[[Path], Path], damage: Damage
) -> None:
    """Exit 9 and one line that names the matter and no value; restored, the node starts again."""
    assert home(*START).code == 0
    path = where(home.folder / "state")
    before, bits = (path.read_bytes() if path.is_file() else None), stat.S_IMODE(path.stat().st_mode)
    damage(path)
    said = home(*START)
    assert said.code == 9, said.err
    assert said.err.count("\n") == 1 and said.err.startswith("carepact: ")
    if before is not None:
        path.unlink(missing_ok=True)
        path.write_bytes(before)
    path.chmod(bits)
    assert home(*START).code == 0


@pytest.mark.parametrize(
    "setting",
    ["env:CAREPACT_TEST_NO_KEK", "passphrase:CAREPACT_TEST_NO_KEK", "exec:/no/such/program", "vault:x"],
)
def test_a_kek_that_is_not_at_hand_refuses_to_start(
    home: Any, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """One line; nothing is made in its place."""
    assert home(*START).code == 0
    monkeypatch.setenv("CAREPACT_KEYS__KEK", setting)
    said = home(*START)
    assert said.code == 9 and said.err.count("\n") == 1


def test_a_key_that_lives_elsewhere_needs_its_provider(home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`keys.signer` names a program that is not there: the node does not start."""
    monkeypatch.setenv("CAREPACT_KEYS__SIGNER", "exec:/no/such/program")
    said = home(*START)
    assert said.code == 9 and "provider" in said.err


@pytest.mark.parametrize("missing", ["mldsa", "mlkem"])
def test_a_library_without_post_quantum_stops_the_node(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """A build of the library that lacks an algorithm is found at the start, with one line."""
    from keys import kem

    def unsupported(*_: object) -> None:
        raise UnsupportedAlgorithm("not in this build")

    lacking = SimpleNamespace(
        from_seed_bytes=unsupported, from_public_bytes=unsupported, from_private_bytes=unsupported
    )
    module = algorithms if missing == "mldsa" else kem
    names = (
        "MLDSA65PrivateKey",
        "MLDSA65PublicKey",
        "MLDSA44PrivateKey",
        "MLDSA44PublicKey",
        "MLKEM768PrivateKey",
        "MLKEM768PublicKey",
    )
    monkeypatch.setattr(module, missing, SimpleNamespace(**dict.fromkeys(names, lacking)))
    algorithms._verifier.cache_clear()
    kem._parsed.cache_clear()
    with pytest.raises(KeyFault, match="missing from this build"):
        selftest.run()


def test_no_crash_is_written_where_keys_are(home: Any) -> None:
    """Once a node was opened this process leaves no core dump: the limit is the one that also feeds no pipe."""
    import resource

    assert home(*START).code == 0
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] in (0, 1)
