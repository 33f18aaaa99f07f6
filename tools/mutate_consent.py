"""Faults put into the decision modules one by one, and how many the tests notice.

Run it with `python -m tools.mutate_consent`.

Each mutant is one changed comparison, connective, constant, negation or return in a module of `consent/`. A
copy of the package with it is tested in a process of its own; noticed means that the tests fail. A seeded
sample keeps it to minutes; `--all` tries every one. Exit 10 if fewer than `--goal` of 100 are noticed.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = """agreement breakglass decision digest directory evaluate facts floor grant instants labels patient
    person plan provision reading reads record redact request sharing side source_rules survey tree""".split()
TESTS = ("tests/spec/consent", "tests/unit/consent")
SLOW = ("test_consent_registries.py", "test_consent_grants_store.py")
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or,
    ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add,
}  # fmt: skip


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """(line, what it became, the changed source) of every mutant of a module."""
    tree = ast.parse(source)
    # frozen and slots keep us honest, no decision turns on them
    apart = {id(part) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
             for mark in node.decorator_list for part in ast.walk(mark)}  # fmt: skip
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in apart:
            continue
        for what in _changes(node):
            changed = copy.deepcopy(tree)
            twin = next(n for at, n in enumerate(ast.walk(changed)) if at == place)
            if _apply(twin, what):
                whole = ast.unparse(ast.fix_missing_locations(changed))
                yield getattr(node, "lineno", 0), f"{what}: {ast.unparse(twin).splitlines()[0]}", whole


def _changes(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        return ("compare",)
    if isinstance(node, (ast.BoolOp, ast.BinOp)) and type(node.op) in SWAPS:
        return ("connect",)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ("not",)
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int)):
        return ("constant",)
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        return ("return",)
    return ("if",) if isinstance(node, (ast.If, ast.IfExp)) else ()


def _apply(node: ast.AST, what: str) -> bool:
    match node:
        case ast.Compare() if what == "compare":
            node.ops[0] = SWAPS[type(node.ops[0])]()  # type: ignore[assignment]
        case ast.BoolOp() | ast.BinOp() if what == "connect":
            node.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
        case ast.UnaryOp() if what == "not":
            node.op = ast.Not()
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant(value=int()):
            node.value = node.value + 1
        case ast.Return():
            node.value = ast.Constant(None)
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case _:
            return False
    return True


def noticed(module: str, source: str, patience: float = 600) -> bool:
    """Whether the tests fail on a copy of `consent/` with this module, or hang for `patience` seconds."""
    with tempfile.TemporaryDirectory(prefix="carepact-mutant-") as folder:
        shutil.copytree(
            ROOT / "consent", Path(folder) / "consent", ignore=shutil.ignore_patterns("__pycache__")
        )
        (Path(folder) / "consent" / f"{module}.py").write_text(source, "utf-8")
        path = os.pathsep.join((folder, str(ROOT)))
        command = [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        command += [f"--deselect=tests/unit/consent/{name}" for name in SLOW] + list(TESTS)
        settings = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, timeout=patience)
        except subprocess.TimeoutExpired:
            return True
        return done.returncode != 0


def main() -> int:
    """Try the mutants and tell the ones that nobody noticed."""
    options = argparse.ArgumentParser(description="Mutants of the decision modules.")
    options.add_argument("--all", action="store_true", help="every mutant, not a sample")
    options.add_argument("--sample", type=int, default=300, help="how many")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--goal", type=float, default=90.0, help="per cent that must be noticed")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    found = [(module, *one) for module in MODULES
             for one in mutants((ROOT / "consent" / f"{module}.py").read_text("utf-8"))]  # fmt: skip
    total = len(found)
    if not chosen.all:
        found = random.Random(chosen.seed).sample(found, min(chosen.sample, total))
    began = time.monotonic()
    if noticed("tree", (ROOT / "consent" / "tree.py").read_text("utf-8")):
        print("the tests fail without any mutant: mend that first", file=sys.stderr)
        return 2
    # a mutant that hangs is noticed, one on a busy machine is not: ten times as long as none takes
    patience = 60 + 10 * (time.monotonic() - began)
    outcome = []
    with ThreadPoolExecutor(chosen.jobs) as pool:
        tried = pool.map(lambda one: noticed(one[0], one[3], patience), found)
        for (module, line, what, _), was in zip(found, tried, strict=True):
            outcome.append(was)
            if not was:
                print(f"consent/{module}.py:{line}: nobody noticed the changed {what}", flush=True)
    score = 100 * sum(outcome) / max(1, len(outcome))
    print(f"{sum(outcome)} of {len(outcome)} mutants noticed ({score:.1f} %), of {total} in all")
    return 0 if score >= chosen.goal else 10


if __name__ == "__main__":
    sys.exit(main())
