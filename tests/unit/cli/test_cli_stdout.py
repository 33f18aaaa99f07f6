"""What becomes of output that nobody can take: said with an exit code, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101000000+0000||ADT^A01|1|P|2.5\rPID|1||4711^^^RXX^MR||Brought-In^Ada||19800101|F\r"


@pytest.mark.parametrize(
    ("where", "code", "says"),
    [
        ("--out - >&-", 2, "stdout is closed"),
        ("--out - >/dev/full", 8, "stdout cannot be written"),
        ("--out made >&-", 0, ""),
        ("--out made --at 0001-01-01T00:00:00+14:00", 2, "--at"),
    ],
)
def test_a_stdout_that_is_closed_or_full(tmp_path, where, code, says):
    """Closed, full, or not wanted; and a clock at the edge of time is refused before a file is read."""
    (tmp_path / "a.hl7").write_bytes(MESSAGE)
    command = f"exec {sys.executable} -m gateway normalise a.hl7 {where}"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False, env=environment
    )
    err = done.stderr.decode()
    assert (done.returncode, says in err, "Traceback" in err) == (code, True, False)
    assert code or (tmp_path / "made" / "a.bundle.json").exists()
