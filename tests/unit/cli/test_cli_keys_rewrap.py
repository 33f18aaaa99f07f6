"""`carepact keys rewrap`: everything under another KEK, and no kill -9 on the way locks the node out."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.app import run

WHY = ("--reason", "new vault")
ROOT = Path(__file__).parents[3]

DRIVER = """
import os, signal, sys
import gateway.records.rewrapping as rows
import keys.store.file as files
from gateway.cli.app import run

left = int(sys.argv[1])

def dying(step):
    def stepping(*arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        done = step(*arguments)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    return stepping

files.replace_private = dying(files.replace_private)
import keys.store.turning as turning
turning.replace_private = files.replace_private
rows.rewrap_page = dying(rows.rewrap_page)
sys.exit(run(sys.argv[2:]))
"""


@pytest.fixture
def filled(admitted: Any) -> Any:
    """A node with keys, secrets, a patient's keys and a ledger."""
    return admitted


def rewrap(folder: Path, step: int) -> int:
    """In a process of its own that is killed before (odd) or after (even) its n-th durable step."""
    kek = f"file:{folder / 'kek-2'}"
    arguments = ["keys", "rewrap", "--kek", kek, *WHY, "--json", "--config", str(folder / "carepact.toml")]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(step), *arguments], capture_output=True, timeout=120, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    return done.returncode


def whole(folder: Path, kek: str | None = None) -> bool:
    """Every key, secret, record and leaf opens; `kek`: as the configuration would name it."""
    if kek is not None:
        config = folder / "carepact.toml"
        text = config.read_text("utf-8").partition("\n[keys]")[0]
        config.write_text(f'{text}\n[keys]\nkek = "{kek}"\n', "utf-8")
    named = ("--config", str(folder / "carepact.toml"))
    return (
        run(("audit", "verify", *named)) == 0
        and run(("patient", "match", "--patient", "https://fhir.nhs.uk/Id/nhs-number|9990000018", *named))
        == 0
    )


def test_everything_is_under_the_new_kek(filled: Any) -> None:
    """Keys, secrets and data keys are counted; the old KEK is gone, the new one named, and all is there."""
    folder, new = filled.folder, f"file:{filled.folder / 'kek-2'}"
    said = filled("keys", "rewrap", "--kek", new, *WHY, "--json").json
    assert said["done"] and said["keys"] == 5 and said["secrets"] >= 2 and said["data_keys"] > 0
    assert whole(folder)
    (folder / "state" / "kek").unlink()
    assert whole(folder, new)
    assert filled("keys", "rewrap", "--kek", new, *WHY).code == 5
    third = f"file:{folder / 'kek-3'}"
    assert filled("keys", "rewrap", "--kek", third, *WHY).code == 0
    (folder / "kek-2").unlink()
    assert whole(folder, third)


def test_a_dry_run_of_a_rewrap_changes_nothing(filled: Any) -> None:
    """No KEK file is made, no note, nothing turned."""
    said = filled(
        "keys", "rewrap", "--kek", f"file:{filled.folder / 'kek-2'}", "--dry-run", *WHY, "--json"
    ).json
    assert not said["done"] and not (filled.folder / "kek-2").exists()
    assert not (filled.folder / "state" / "kek.turn").exists()


def killed_at(filled: Any, folder: Path, step: int) -> bool:
    """Whether the run was killed at that step; in every case all opens, and a second run completes the work."""
    shutil.copytree(filled.folder, folder)
    code, new = rewrap(folder, step), f"file:{folder / 'kek-2'}"
    assert code in (0, -signal.SIGKILL)
    assert whole(folder)
    assert code == 0 or rewrap(folder, 10_000) == 0
    note = json.loads((folder / "state" / "kek.turn").read_bytes())
    assert note["done"] is True
    (folder / "state" / "kek").unlink()
    assert whole(folder, new)
    return code != 0


@pytest.mark.parametrize("step", [1, 2, 5, 9, 14])
def test_killed_on_the_way_the_node_opens_and_the_work_is_finished(
    filled: Any, tmp_path: Path, step: int
) -> None:
    """kill -9 before or after a durable step: all opens, and a second run completes it."""
    assert killed_at(filled, tmp_path / "node", step)


@pytest.mark.soak
def test_killed_at_every_step_the_node_opens(filled: Any, tmp_path: Path) -> None:
    """Each durable step of a run, before and after it, until one run is not killed any more."""
    killed = 0
    while killed_at(filled, tmp_path / f"step-{killed}", killed + 1):
        killed += 1
    assert killed >= 14
