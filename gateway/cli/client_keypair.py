"""`carepact client keypair`: what a health system needs to be registered, made in a folder of its own."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.options import JsonOption
from gateway.cli.output import emit_json, say
from gateway.errors import Problem

DAY = 86_400
_EARLIER = 60
"""Seconds before now from which a new key counts: clocks of two machines differ."""


def keypair(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder; it becomes readable by you alone.")],
    days: Annotated[int, typer.Option(min=1, max=3650, help="Life of the key for sealed answers.")] = 365,
    as_json: JsonOption = False,
) -> None:
    """Make the keys of a health system: one to ask with, one that answers are sealed to.

    Stays there: signing.jwk, kek and keys/ (private). Is handed over: jwks.json and enc.jwk (public).
    """
    from gateway.bootstrap import system_clock

    _make_folder(folder)
    try:
        row = _make(folder, int(system_clock().timestamp()), days)
    except OSError:
        raise Problem("no_store", expression="FOLDER", hint="not all of it could be written there") from None
    if as_json:
        emit_json(row)
        return
    say(f"{folder}/jwks.json and {folder}/enc.jwk are public: hand them to the node's operator")
    say(f"{folder}/signing.jwk, {folder}/kek and {folder}/keys are private: they stay here")
    public = f"--jwks {folder}/jwks.json --enc-jwk {folder}/enc.jwk --days {days}"
    may = "--scope 'system/*.rs' --purpose TREAT --role doctor"
    say(f"next, at the node: carepact client add ID --org ORGANISATION {public} {may} --reason …")
    say(
        f"then, here: carepact exchange pull --url URL --client-id ID --key {folder}/signing.jwk "
        f"--keys {folder}/keys --member NODE --members members.json --patient 'SYSTEM|VALUE'"
    )
    say("  in a federation --root-sha256 FINGERPRINT, in the place of --members members.json")


def _make_folder(folder: Path) -> None:
    """Keys are never made beside something else: an older key would be lost or mixed up."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Problem("invalid", expression="FOLDER", hint="this folder is not empty: name a new one")
        folder.chmod(0o700)
    except OSError:
        raise Problem("invalid", expression="FOLDER", hint="no folder can be made there") from None


def _make(folder: Path, now: int, days: int) -> dict[str, Any]:
    from joserfc.jwk import ECKey

    from keys.store.file import FileKeyStore
    from keys.store.wrapper import create_kek_file, wrapper_from

    signing = ECKey.generate_key("P-384", {"alg": "ES384", "use": "sig"}, auto_kid=True)
    _write(folder / "signing.jwk", signing.as_dict(private=True), 0o600)
    _write(folder / "jwks.json", {"keys": [signing.as_dict(private=False)]}, 0o644)
    create_kek_file(folder / "kek")
    store = FileKeyStore(folder / "keys", wrapper_from(f"file:{folder / 'kek'}"))
    kid = store.create("enc", "HPKE-9-KE", nbf=now - _EARLIER, exp=now + days * DAY)
    (sealing,) = (key for key in store.public() if key.kid == kid)
    _write(folder / "enc.jwk", dict(sealing.jwk), 0o644)
    return {"folder": str(folder), "kid": str(signing.kid), "enc": kid, "days": days}


def _write(path: Path, value: Any, mode: int) -> None:
    """A new file with its mode from the start: nobody reads a private key before it is hidden."""
    import os

    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(value, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
