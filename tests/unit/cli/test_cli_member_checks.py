"""What the doctor says about the list of members leads to somebody who can help."""

import re
from pathlib import Path
from typing import Any

from gateway.cli.member_checks import repair_of_members
from gateway.config import load

CONFIGURATION = """
[node]
id = "north.example"
public_url = "https://north.example"
state = "state"

[directory]
members = "members.json"

[floor]
pack = "floor.json"
"""


def _settings(folder: Path, directory: str = 'members = "members.json"') -> Any:
    file = folder / "carepact.toml"
    file.write_text(CONFIGURATION.replace('members = "members.json"', directory))
    return load(file)


def test_before_the_first_start_the_members_file_is_no_defect(tmp_path: Path) -> None:
    """`serve` makes it; a file that is missing beside existing keys has to be put back."""
    settings = _settings(tmp_path)
    assert repair_of_members(settings) == "carepact serve makes it"
    (settings.node.state / "keys").mkdir(parents=True)
    assert repair_of_members(settings) == "carepact serve makes it"
    (settings.node.state / "keys" / "one.cpk").write_bytes(b"")
    assert re.match(r"repair .*members\.json", repair_of_members(settings))


def test_who_can_renew_a_federations_list(tmp_path: Path) -> None:
    """Where the federation is published the step is to publish; elsewhere to refresh, then to ask for that."""
    settings = _settings(tmp_path, f'root = "root.json"\nroot_sha256 = "{"0" * 64}"')
    assert repair_of_members(settings).startswith("carepact directory refresh; if nothing newer")
    first = tmp_path / "state" / "federation" / "repository" / "metadata" / "1.root.json"
    first.parent.mkdir(parents=True)
    first.write_text("{}")
    assert repair_of_members(settings) == "carepact directory publish --reason …"
