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
    """Nobody of that name is known: refused with the place to look, and nothing is kept."""
    said = add(home, jwks, "--org", "far.example")
    assert said.code == 2
    assert "--org" in said.err
    assert "carepact directory list" in said.err
    assert home("client", "list", "--json").out == ""


def test_a_keypair_is_registered_as_it_is_made(home: Any, carepact: Any, tmp_path: Path) -> None:
    """What `keypair` makes `add` takes; the private files are their owner's alone, the public ones public."""
    folder = tmp_path / "ward"
    made = carepact("client", "keypair", str(folder), "--days", "30")
    assert made.code == 0, made.err
    assert "carepact client add" in made.out
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    assert modes["ward"] == modes["keys"] == 0o700
    assert modes["signing.jwk"] == modes["kek"] == 0o600
    public = (folder / "jwks.json").read_text() + (folder / "enc.jwk").read_text()
    assert json.loads((folder / "signing.jwk").read_text())["d"] not in public
    assert not {"d", "priv"} & json.loads((folder / "enc.jwk").read_text()).keys()
    added = add(home, folder / "jwks.json", "--enc-jwk", str(folder / "enc.jwk"), "--sealed", "required")
    assert added.code == 0, added.err
    assert added.json["sealed"] == "required"


def test_a_keypair_is_never_made_beside_something(carepact: Any, tmp_path: Path) -> None:
    """A folder that holds anything is refused and left as it is."""
    (tmp_path / "old").write_text("kept")
    assert carepact("client", "keypair", str(tmp_path)).code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert carepact("client", "keypair", str(tmp_path / "old")).code == 2


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
