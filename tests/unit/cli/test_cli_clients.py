"""`carepact client`: registered, shown, disabled; public keys only."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from keys.jwk import jwk_from_seed

KEY = ECKey.generate_key("P-384", {"kid": "es"})


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    """A client's public key set."""
    path = tmp_path / "ward.jwks.json"
    path.write_text(json.dumps({"keys": [KEY.as_dict(private=False)]}), "utf-8")
    return path


def add(home: Any, jwks: Path, *more: str) -> Any:
    options = ("--org", home.peer, "--jwks", str(jwks), "--scope", "system/Patient.rs", "--purpose", "TREAT")
    return home("client", "add", "ward", *options, "--reason", "contract", "--json", *more)


def test_a_client_is_registered_and_listed(home: Any, jwks: Path) -> None:
    """What was said is what is kept, and the change has its leaf."""
    made = add(home, jwks, "--role", "doctor", "--may", "emergency")
    assert made.code == 0, made.err
    row = home("client", "list", "--json").rows[0]
    assert (row["id"], row["organisation"], row["sealed"]) == ("ward", home.peer, "off")
    assert (row["may"], row["roles"], row["status"]) == (["emergency"], ["doctor"], "enabled")
    assert home("audit", "verify", "--json").json["leaves"] == 1


def test_an_encryption_key_makes_answers_sealed(home: Any, jwks: Path, tmp_path: Path) -> None:
    """With `--enc-jwk` answers are offered sealed, and the key has an end."""
    enc = tmp_path / "enc.json"
    enc.write_text(json.dumps(dict(jwk_from_seed("HPKE-9-KE", bytes(32)))), "utf-8")
    assert add(home, jwks, "--enc-jwk", str(enc), "--days", "30").json["sealed"] == "offered"
    kept = home("client", "show", "ward", "--json").json["enc"][0]
    assert kept["exp"] - kept["nbf"] == 30 * 86_400
    assert "HPKE-9-KE" in home("client", "show", "ward").out


def test_a_client_is_disabled_and_enabled(home: Any, jwks: Path) -> None:
    """Both are leaves; an id that nobody has is not available, one that is taken a conflict."""
    add(home, jwks)
    assert home("client", "disable", "ward", "--reason", "stolen").code == 0
    assert home("client", "show", "ward", "--json").json["status"] == "disabled"
    assert home("client", "enable", "ward", "--reason", "found").code == 0
    assert add(home, jwks).code == 5
    assert home("client", "disable", "nobody", "--reason", "x").code == 4
    assert home("client", "show", "nobody").code == 4
    assert home("audit", "verify", "--json").json["leaves"] == 3


def test_an_unknown_organisation_is_named(home: Any, jwks: Path) -> None:
    """The client is kept, with a warning that no agreement will cover it."""
    said = add(home, jwks, "--org", "far.example")
    assert said.code == 0
    assert "far.example" in said.err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--scope", "user/Patient.r"), "scope"),
        (("--purpose", "fun"), "purpose"),
        (("--may", "everything"), "record-consent"),
        (("--sealed", "required"), "encryption key"),
        (("--jwks", "nowhere.json"), "--jwks"),
    ],
)
def test_what_would_never_work_is_not_registered(
    home: Any, jwks: Path, more: tuple[str, ...], says: str
) -> None:
    """A registration that could not be granted is refused with its field, and nothing is kept."""
    refused = add(home, jwks, *more)
    assert refused.code == 2
    assert says in refused.err
    assert home("client", "list", "--json").out == ""


def test_a_private_key_is_never_taken(home: Any, jwks: Path) -> None:
    """A file with a private key is refused: it has no business here."""
    jwks.write_text(json.dumps({"keys": [KEY.as_dict(private=True)]}), "utf-8")
    refused = add(home, jwks)
    assert refused.code == 2
    assert "private" in refused.err
