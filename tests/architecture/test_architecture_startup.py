"""A command starts with what it needs: `--help` loads no database, no cryptography, no FHIR models."""

import subprocess
import sys
import textwrap

import pytest

HEAVY = (
    "sqlalchemy",
    "alembic",
    "cryptography",
    "fhir",
    "starlette",
    "uvicorn",
    "httpx",
    "joserfc",
    "pydantic",
    "lxml",
)


def loaded(*arguments):
    """Top-level modules that one command line loads, and how it ended."""
    program = textwrap.dedent(
        f"""
        import io, sys
        from contextlib import redirect_stderr, redirect_stdout
        from gateway.__main__ import main
        sys.argv = ["carepact", *{list(arguments)!r}]
        out = io.StringIO()
        code = 0
        with redirect_stdout(out), redirect_stderr(out):
            try:
                code = main() or 0
            except SystemExit as done:
                code = done.code or 0
        print(code, len(out.getvalue()), *sorted({{name.partition(".")[0] for name in sys.modules}}))
        """
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    code, written, *names = run.stdout.split()
    return int(code), int(written), set(names)


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--version",)], ids=["help", "h", "version"])
def test_help_loads_nothing_heavy(arguments):
    """`carepact --help` prints, ends with 0, and imports none of the heavy libraries."""
    code, written, names = loaded(*arguments)
    assert code == 0
    assert written > 5
    assert names.isdisjoint(HEAVY), sorted(names & set(HEAVY))


def test_help_of_a_noun_needs_no_database_and_no_cryptography():
    """The help of every command is read without a node: nothing that opens one is imported."""
    for noun in ("demo", "serve", "consent"):
        code, written, names = loaded(noun, "--help")
        assert code == 0
        assert written > 50
        heavy = {"sqlalchemy", "cryptography", "fhir", "uvicorn"} & names
        assert not heavy, (noun, sorted(heavy))


def test_the_scan_sees_what_is_loaded():
    """The same measure of a command that does open a node finds those libraries: it can fail."""
    _, _, names = loaded(
        "consent", "list", "--patient", "patient_with_full_record", "--config", "/nowhere.toml"
    )
    assert "gateway" in names
    program = "import sys, gateway.bootstrap; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert {"sqlalchemy", "cryptography"} <= set(run.stdout.split())
