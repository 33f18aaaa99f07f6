"""Keys in a program of their own (`exec:PATH`): they sign and wrap as ours do, and any trouble is a `KeyFault`."""

import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from keys.errors import KeyFault, UnknownKey
from keys.jwk import public_from_jwk
from keys.store.file import FileKeyStore
from keys.store.provider import ProvidedWrapper, Provider, signer_from
from keys.store.wrapper import RawWrapper, wrapper_from

ROOT = Path(__file__).parents[3]
NBF, EXP = 1_000, 2_000


def program(path: Path, body: str) -> Path:
    """An executable of ours."""
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o700)
    return path


def answering(path: Path, code: str) -> Path:
    """A provider whose whole conversation is this Python, for what a broken one would do."""
    script = path.with_suffix(".py")
    script.write_text("import json, sys, time\nfor line in sys.stdin:\n    asked = json.loads(line)\n" + code)
    return program(path, f"exec '{sys.executable}' '{script}'")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The provider of `tools/key_provider.py` with a KEK and two signing keys."""
    folder = tmp_path / "hsm"
    folder.mkdir(mode=0o700)
    (folder / "kek").write_bytes(os.urandom(32))
    (folder / "node-sig.key").write_text(f"Ed25519 {os.urandom(32).hex()}")
    (folder / "old-sig.key").write_text(f"ES256 01{os.urandom(31).hex()}")
    return program(
        tmp_path / "provider", f"exec '{sys.executable}' '{ROOT}/tools/key_provider.py' '{folder}'"
    )


@pytest.fixture
def provider(path: Path) -> Any:
    """Asked and ended."""
    made = Provider(path)
    yield made
    made.close()


def test_a_kek_may_live_elsewhere(path: Path, tmp_path: Path) -> None:
    """Keys are wrapped, opened after a restart, and bound to their place, by a KEK that is never here."""
    store = FileKeyStore(tmp_path / "keys", wrapper_from(f"exec:{path}"))
    kid = store.create("sig", "Ed25519", nbf=NBF, exp=EXP)
    signature = store.sign(kid, b"data")
    again = ProvidedWrapper(Provider(path))
    assert FileKeyStore(tmp_path / "keys", again).sign(kid, b"data") == signature
    assert b'"kek":"exec:software-hsm"' in (tmp_path / "keys" / f"{kid}.cpk").read_bytes()
    wrapped = again.wrap(b"plain", b"place")
    assert again.unwrap(wrapped, b"place") == b"plain"
    with pytest.raises(KeyFault):
        again.unwrap(wrapped, b"other")
    with pytest.raises(KeyFault):
        FileKeyStore(tmp_path / "keys", RawWrapper(os.urandom(32), os.urandom))


@pytest.mark.parametrize(("label", "alg"), [("node-sig", "Ed25519"), ("old-sig", "ES256")])
def test_a_signing_key_may_live_elsewhere(
    provider: Provider, wrapper: Any, tmp_path: Path, label: str, alg: str
) -> None:
    """Enrolled once, it signs like any other, also after a restart; retired, it signs no more."""
    store = FileKeyStore(tmp_path / "keys", wrapper, provider=provider)
    kid = store.enrol("sig", label, nbf=NBF, exp=EXP)
    (public,) = store.public()
    assert (public.kid, public.alg) == (kid, alg) and public_from_jwk(dict(public.jwk), use="sig").kid == kid
    again = FileKeyStore(tmp_path / "keys", wrapper, provider=provider)
    assert len(again.sign(kid, b"data")) == 64
    with pytest.raises(UnknownKey):
        again.open(kid, b"", b"")
    with pytest.raises(KeyFault):
        FileKeyStore(tmp_path / "keys", wrapper).sign(kid, b"data")
    again.rewrap(RawWrapper(os.urandom(32), os.urandom))
    assert len(again.sign(kid, b"more")) == 64
    again.retire(kid, at=NBF + 1)
    with pytest.raises(UnknownKey):
        again.sign(kid, b"data")


def test_enrolment_is_refused_where_the_key_is_not_there_or_not_ours(
    provider: Provider, wrapper: Any, tmp_path: Path
) -> None:
    """No such label, a label that is a path, twice the same key, another use, a KEM use, no provider."""
    store = FileKeyStore(tmp_path / "keys", wrapper, provider=provider)
    store.enrol("sig", "node-sig", nbf=NBF, exp=EXP)
    for use, label in (
        ("sig", "nobody"),
        ("sig", "../kek"),
        ("sig", ""),
        ("sig", "node-sig"),
        ("enc", "node-sig"),
        ("log", "old-sig"),
    ):
        with pytest.raises(KeyFault):
            store.enrol(use, label, nbf=NBF, exp=EXP)
    with pytest.raises(KeyFault):
        FileKeyStore(tmp_path / "other", wrapper).enrol("sig", "node-sig", nbf=NBF, exp=EXP)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("    time.sleep(60)", id="silence"),
        pytest.param("    sys.exit(3)", id="end"),
        pytest.param("    print('not json', flush=True)", id="garbage"),
        pytest.param("    print(json.dumps({'id': asked['id'] + 1, 'plain': ''}), flush=True)", id="another-id"),
        pytest.param("    print(json.dumps({'id': asked['id'], 'error': 'no'}), flush=True)", id="refused"),
        pytest.param("    print(json.dumps({'id': asked['id'], 'plain': 7}), flush=True)", id="another-type"),
        pytest.param("    print('x' * 100000, flush=True)", id="endless-line"),
        pytest.param("    print('x' * 70000, end='', flush=True)", id="no-end-of-line"),
        pytest.param("    a = json.dumps({'id': asked['id'], 'plain': ''}); print(a + chr(10) + a, flush=True)", id="two-lines"),
    ],
)  # fmt: skip
def test_a_provider_that_fails_is_a_fault_in_time(tmp_path: Path, code: str) -> None:
    """Fail closed: whatever it does, within the deadline there is a `KeyFault` and its program is gone."""
    broken = Provider(answering(tmp_path / "broken", code), deadline=2.0)
    start = time.monotonic()
    with pytest.raises(KeyFault):
        broken.ask_bytes("unwrap", "plain", wrapped="", aad="")
    assert time.monotonic() - start < 20
    assert broken._process is None or broken.close() is None


def test_a_provider_that_was_killed_is_started_anew(provider: Provider) -> None:
    """A crash of the program costs one process, not the node."""
    assert provider.public("node-sig")
    assert provider._process is not None
    provider._process.kill()
    provider._process.wait()
    assert provider.public("node-sig")[0] == "Ed25519"


def test_a_faulty_signature_never_leaves(tmp_path: Path, wrapper: Any) -> None:
    """What does not verify under the enrolled key is a fault: nothing wrong is sent in our name."""
    code = (
        "    said = {'alg': 'Ed25519', 'public': 'O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik'} if asked['op'] == 'public' "
        "else {'signature': 'A' * 86}\n    print(json.dumps({'id': asked['id']} | said), flush=True)"
    )
    store = FileKeyStore(tmp_path / "keys", wrapper, provider=Provider(answering(tmp_path / "faulty", code)))
    with pytest.raises(KeyFault, match="does not hold"):
        store.enrol("sig", "x", nbf=NBF, exp=EXP)
    assert store.public() == ()


def test_what_cannot_be_read_back_is_not_stored(tmp_path: Path) -> None:
    """A provider that loses what it wrapped is found at once, before anything depends on it."""
    code = "    print(json.dumps({'id': asked['id'], 'name': 'x', 'wrapped': 'AAAA', 'plain': 'AAAA'}), flush=True)"
    forgetful = ProvidedWrapper(Provider(answering(tmp_path / "forgetful", code)))
    with pytest.raises(KeyFault, match="give back"):
        forgetful.wrap(b"plain", b"place")


def test_only_a_program_of_ours_is_asked(tmp_path: Path) -> None:
    """Not there, relative, no program, or one that others could replace: `KeyFault` before it runs."""
    mine = program(tmp_path / "mine", "exit 0")
    for path, mode in (
        (tmp_path / "none", None),
        (Path("mine"), None),
        (tmp_path, None),
        (mine, 0o600),
        (mine, 0o722),
        (mine, 0o770),
    ):
        if mode is not None:
            mine.chmod(mode)
        with pytest.raises(KeyFault):
            Provider(path)
    assert stat.S_IMODE(mine.stat().st_mode) == 0o770
    for setting in ("file:/x", "exec:", "pkcs11:token"):
        with pytest.raises(KeyFault):
            signer_from(setting)
    assert signer_from("") is None


def test_no_secret_reaches_the_program_but_on_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its arguments and its environment hold nothing of ours: others on the machine could read them."""
    monkeypatch.setenv("CAREPACT_KEK", "secret-of-the-node")
    code = (
        "    import os\n    said = {'name': ('CAREPACT_KEK' in os.environ and 'told') or str(len(sys.argv))}\n"
        "    print(json.dumps({'id': asked['id']} | said), flush=True)"
    )
    assert Provider(answering(tmp_path / "curious", code)).ask("hello")["name"] == "1"
