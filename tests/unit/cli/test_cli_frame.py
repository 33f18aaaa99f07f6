"""The frame of the command line: fast to start, readable help, no traceback, the same words in a pipe."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

NOUNS = (
    "demo", "sandbox", "serve", "exchange", "consent", "agreement", "client", "audit", "source", "directory",
    "keys", "db", "doctor",
)  # fmt: skip
HEAVY = ("sqlalchemy", "starlette", "httpx", "cryptography", "fhir", "lxml", "structlog")


def carepact(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The real command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_starts_fast() -> None:
    """`carepact --help` answers within half a second; the best of three, on a busy machine."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        assert carepact("--help").returncode == 0
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.5


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_loads_nothing_heavy_for_its_help(noun: str) -> None:
    """No database, server, client or cryptographic library is imported to show a help page."""
    code = (
        "import sys; from gateway.cli.app import run; code = run([sys.argv[1], '--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr);"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, noun], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert done.stderr.strip().endswith("[]")


def test_bare_carepact_shows_its_help_once() -> None:
    """Without a command the help is shown, once, with exit 2."""
    said = carepact()
    assert said.returncode == 2
    assert (said.stdout + said.stderr).count("Usage:") == 1
    assert "carepact demo" in said.stderr


@pytest.mark.parametrize("noun", ["keys", "agreement", "client", "consent", "directory"])
def test_the_first_help_names_every_verb(noun: str) -> None:
    """`carepact --help` says of these nouns all that they can do."""
    line = (
        carepact("--help")
        .stdout.replace("\n             ", " ")
        .partition(f"\n  {noun}")[2]
        .partition("\n")[0]
    )
    verbs = carepact(noun, "--help").stdout.partition("Commands:")[2].partition("\n\n")[0]
    for verb in (row.split()[0] for row in verbs.splitlines() if row[:2] == "  " and row[2] != " "):
        assert verb in line


@pytest.mark.parametrize("noun", NOUNS)
def test_help_has_an_example_and_is_plain(noun: str) -> None:
    """Every noun's help shows how it is used, in plain text, and offers nothing of the shell's completion."""
    said = carepact(noun, "--help").stdout
    assert "carepact" in said.partition("Options:")[2] or noun == "doctor"
    assert "╭" not in said
    assert "install-completion" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("consent", "nonsense"),
        ("consent", "grant"),
        ("consent", "show"),
        ("agreement", "sign", "D1", "--version", "one", "--reason", "x"),
        ("exchange", "list", "--limit", "-1"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(arguments: tuple[str, ...]) -> None:
    """The parser's refusal names what is wrong; never a traceback."""
    done = carepact(*arguments)
    assert done.returncode == 2
    assert "carepact:" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_configuration_names_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a node the command says how to get one, with exit 9."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAREPACT_SANDBOX", str(tmp_path / "none"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    done = carepact("consent", "show", "c-1")
    assert done.returncode == 9
    assert "sandbox up" in done.stderr


def test_a_file_that_cannot_be_written_is_named(home: Any, tmp_path: Path) -> None:
    """`--out` into nowhere is refused with the option; what was stored stays stored."""
    parties = ("--provider", home.me, "--recipient", home.peer, "--reason", "x")
    said = home("agreement", "new", "D1", *parties, "--out", str(tmp_path / "no" / "where.json"))
    assert said.code == 2
    assert "--out" in said.err
    assert home("agreement", "show", "D1").code == 0
