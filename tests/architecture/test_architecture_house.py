"""The house rules that a machine can hold: sizes, rooms, contracts, words that must not stand here."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "adapters", "consent", "keys")
BUDGET, HARD_STOP = 250, 400
TEXT = {".py", ".md", ".toml", ".csv", ".json", ".yaml", ".yml", ".txt", ".mako", ".cfg", ""}


def tracked():
    """Files of the repository, as git has them; without git, everything under the root but tool folders."""
    run = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = run.stdout.split("\n") if run.returncode == 0 else []
    found = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return found or [
        p for p in ROOT.rglob("*") if p.is_file() and not p.relative_to(ROOT).parts[0].startswith(".")
    ]


def modules():
    return [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def words(path):
    return str(path.relative_to(ROOT))


def functions(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_module_is_longer_than_its_budget():
    """A file of more than 250 lines has two subjects; one of more than 400 is refused whatever it holds."""
    sizes = {words(p): len(p.read_text("utf-8").splitlines()) for p in modules()}
    assert not {name: size for name, size in sizes.items() if size > HARD_STOP}
    assert not {name: size for name, size in sizes.items() if size > BUDGET}
    assert sorted(sizes.values())[len(sizes) // 2] <= 190, "the median module has grown too long"


def test_no_function_is_longer_than_the_hard_stop():
    """No function has more than 60 lines; half of all have at most 15."""
    sizes = {
        f"{words(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in modules()
        for node in functions(path)
    }
    assert not {name: size for name, size in sizes.items() if size > 60}
    assert sorted(sizes.values())[len(sizes) // 2] <= 15


@pytest.mark.parametrize("folder", ["alembic", "tests"])
def test_folders_that_must_not_be_packages(folder):
    """An `__init__.py` in alembic/ would shadow the library, one in tests/ would mix up test modules."""
    assert list((ROOT / folder).rglob("__init__.py")) == []


def test_test_files_have_names_of_their_own():
    """No two test files share a name: a report that names one names it alone."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_every_module_says_what_it_is():
    """Each module with code in it starts with a docstring."""
    bare = [
        words(path)
        for path in modules()
        if (tree := ast.parse(path.read_text("utf-8"))).body and not ast.get_docstring(tree)
    ]
    assert bare == []


def test_most_public_functions_say_what_they_do():
    """Five of six public functions of more than three lines tell, those that implement a protocol among them."""
    counted, told = 0, []
    for path in modules():
        for node in functions(path):
            plain = not node.name.startswith("_") and not node.decorator_list
            if plain and (node.end_lineno or 0) - node.lineno > 3:
                counted += 1
                told += [1] if ast.get_docstring(node) else []
    assert counted > 300
    assert len(told) / counted >= 0.84, f"{len(told)} of {counted}"


def test_every_test_says_what_it_guarantees():
    """A test without a docstring promises nothing that a reader can hold it to."""
    bare = [
        f"{words(path)}:{node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert bare == []


def test_the_import_contracts_hold():
    """import-linter keeps every contract of pyproject.toml, and there are as many as the house has."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    assert len(contracts) >= 6
    program = (
        "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c(['--no-cache']))"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert f"{len(contracts)} kept, 0 broken" in run.stdout


NAMES = re.compile(r"(^|[_A-Z])([Uu]tils?|[Hh]elpers?|[Cc]ommon)([_A-Z.]|$)|Manager$|^Abstract|^I[A-Z][a-z]")


def test_no_name_says_nothing():
    """No module called utils, helpers or common; no class called Manager, Abstract… or I…"""
    bad = [words(path) for path in modules() if NAMES.search(path.stem)]
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and NAMES.search(node.name):
                bad.append(f"{words(path)}:{node.name}")
    assert bad == []


def forbidden():
    """What would tie the repository to one machine or one registry. Put together here, so as not to match."""
    homes = ["/ro" + "ot/", "/ho" + "me/", "/Use" + "rs/", "/wo" + "rk/"]
    hosts = [
        "pypi" + ".org",
        "files.python" + "hosted",
        "registry." + "npmjs",
        "artifact" + "ory",
        "-e file" + ":",
    ]
    return homes + hosts + ["--index" + "-url", "--extra-index" + "-url"]


def test_no_machine_path_and_no_registry_stands_in_the_repository():
    """The tree names no home folder, no build machine and no package registry."""
    found = []
    for path in tracked():
        if path.suffix not in TEXT or path == Path(__file__):
            continue
        text = path.read_text("utf-8", "ignore")
        for word in forbidden():
            at = text.find(word)
            # A path inside a URL of a standard (https://host/home/…) is no path of a machine.
            while at >= 0 and re.search(r"[\w.]$", text[:at]):
                at = text.find(word, at + 1)
            if at >= 0:
                found.append(f"{words(path)}: {word} at line {text.count(chr(10), 0, at) + 1}")
    assert found == []


def test_no_private_key_stands_in_the_repository():
    """No PEM private key and no private JWK member of a long-lived key, but in the test vectors made for it."""
    pem = "-----BEGIN " + "(?:[A-Z]+ )?PRIVATE KEY-----"
    bad = [
        words(path)
        for path in tracked()
        if path.suffix in TEXT and re.search(pem, path.read_text("utf-8", "ignore"))
    ]
    assert bad == []


def test_every_nhs_number_in_tests_and_sandbox_is_of_the_test_range():
    """Ten digits with a right check digit belong to nobody: the 999 range, or a 0 in front, never issued."""
    bad = []
    for path in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "gateway" / "sandbox").rglob("*.py")]:
        for found in re.findall(r"(?<![\d.\-])(\d{10})(?![\d.\-])", path.read_text("utf-8")):
            if (
                found[0] != "0"
                and not found.startswith("999")
                and _is_nhs_number(found)
                and len(set(found)) > 3
            ):
                bad.append(f"{words(path)}: {found}")
    assert bad == []


def _is_nhs_number(text):
    rest = 11 - sum(w * int(d) for w, d in zip(range(10, 1, -1), text[:9], strict=True)) % 11
    return rest != 10 and text[9] == str(rest % 11)
