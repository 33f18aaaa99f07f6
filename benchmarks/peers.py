"""Other converters beside ours: each in an environment of its own, over the same files, in CPU time."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import Result

PACKAGES = (
    "hl7v2-fhir-bridge==0.1.0",
    "brightohir==2.1.2",
    "python-fhir-converter==0.3.0",
    "ccda-to-fhir==0.3",
)


def timed(work: Callable[[], Any], rounds: int) -> float:
    """Median CPU seconds of a round, after one that does not count."""
    work()
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return median(seconds)


def missing(goal: str) -> Result:
    """The line of a goal whose peer is not at hand."""
    return Result(goal, "not measured: the peer could not be installed or did not run here")


def peer(python: Path | None, name: str, bodies: Sequence[bytes], rounds: int) -> dict[str, Any] | None:
    """Median seconds and counts of a peer over these bodies; None where it does not run."""
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for number, body in enumerate(bodies):
            (Path(folder) / f"{number:06d}").write_bytes(body)
        script = Path(__file__).with_name("normalise_peers.py")
        command = [str(python), str(script), name, folder, str(rounds)]
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        ended = subprocess.run(command, capture_output=True, text=True, env=env)
    if ended.returncode:
        return None
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said | {"seconds": median(said["seconds"])}


def environment() -> Path | None:
    """The interpreter of the peers' environment, made on first use under the cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "carepact" / "peers-normalise"
    python = cache / "bin" / "python"
    try:
        installed = cache / "installed"
        if not installed.exists() or installed.read_text() != "\n".join(PACKAGES):
            subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True, capture_output=True)
            install = [
                str(python),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *PACKAGES,
            ]
            subprocess.run(install, check=True, capture_output=True, timeout=900)
            installed.write_text("\n".join(PACKAGES))
    except (OSError, subprocess.SubprocessError):
        return None
    return python
