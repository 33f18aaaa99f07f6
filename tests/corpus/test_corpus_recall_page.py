"""`docs/recall.md`: what others expect that ours has not, family by family, and why; rendered here.

A row of `recall_differences.csv` names leaves (`Type.path`, `*` for anything) that ours has otherwise on
purpose, and the clause that says so. The page shows the share with and without them. Written anew, as
`recall.json` is, by `CAREPACT_BASELINE=write python -m pytest tests/corpus/test_corpus_recall_page.py`.
"""

import csv
import json
import os
import re
from collections import Counter, defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tools import recall

pytestmark = pytest.mark.corpus
HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "recall.md"
GATES = {
    "hl7v2/v2-to-fhir-ig": 0.95,
    "gpconnect/careconnect-to-ukcore": 0.95,
    "ccda/hl7-ccda-on-fhir:committee": 0.90,
    "gpconnect/google-r3r4": 0.90,
}
"""What a guide, its committee or the maps say (normalisation.md 11): at least so much, differences aside."""
HEAD = """# Recall

How much of what others expect of an input of the shared corpus is in what we make of it: leaves (type, path, value) of their output, each as often as it is there; ids, references, narrative and meta aside. What a guide or its committee says is a gate; other converters' outputs are information, not truth. The test that writes this page is `tests/corpus/test_corpus_recall_page.py`.

| family | inputs | recall | listed differences aside | gate |
|---|---|---|---|---|
"""  # noqa: E501


def differences():
    with (HERE / "recall_differences.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sums(converted, corpus):
    """By family: inputs, leaves found, leaves wanted, and those that are missing by `Type.path`."""
    found = defaultdict(lambda: [0, 0, 0, Counter()])
    for one in converted:
        said = one.row["expected_path"]
        if not said:
            continue
        made, path = recall.made_leaves(one.single.bundle), corpus / said
        names = set()
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            name = one.family + recall.authority_of(file, path)
            wanted = recall.expected_leaves(file)
            names.add(name)
            found[name][1] += sum((wanted & made).values())
            found[name][2] += sum(wanted.values())
            for (kind, leaf, _), n in (wanted - made).items():
                found[name][3][kind + leaf] += n
        for name in names:
            found[name][0] += 1
    return dict(sorted(found.items()))


def aside_of(row, missing):
    return {leaf for leaf in missing if any(fnmatchcase(leaf, one) for one in row["leaves"].split())}


def shares(sums):
    """By family: the bare share, and the one with the listed differences aside."""
    made = {}
    for name, (_, found, wanted, missing) in sums.items():
        listed = set().union(*(aside_of(row, missing) for row in differences() if row["family"] == name))
        aside = sum(missing[leaf] for leaf in listed)
        made[name] = found / wanted, found / (wanted - aside)
    return made


def page(sums):
    lines = [HEAD]
    for name, (bare, aside) in shares(sums).items():
        gate = f"{GATES[name]:.0%}" if name in GATES else "none: reported"
        lines.append(f"| {name} | {sums[name][0]} | {bare:.1%} | {aside:.1%} | {gate} |\n")
    for name, (_, found, wanted, missing) in sums.items():
        lines.append(f"\n## {name}\n\n{wanted - found} of {wanted} leaves are not in ours.\n\n")
        lines.append("| leaves | where | difference | clause |\n|---|---|---|---|\n")
        counted = set()
        for row in (one for one in differences() if one["family"] == name):
            own = aside_of(row, missing) - counted
            counted |= own
            where = row["leaves"].replace(" ", "<br>").replace("*", "\\*")
            amount = sum(missing[leaf] for leaf in own)
            lines.append(f"| {amount} | {where} | {row['difference']} | {row['clause']} |\n")
        rest = sum(n for leaf, n in missing.items() if leaf not in counted)
        lines.append(f"| {rest} | the rest | not looked at one by one | |\n")
    return "".join(lines)


def test_the_page_is_what_is_measured(sums):
    """`docs/recall.md` has the families and differences of today; its counts may be those of a while ago."""
    made = page(sums)
    if os.environ.get("CAREPACT_BASELINE") == "write":
        PAGE.write_text(made, encoding="utf-8")
    counts = re.compile(r"^\| \d+ |^\d+ of \d+|[\d.]+%", re.MULTILINE)
    assert counts.sub("#", PAGE.read_text(encoding="utf-8")) == counts.sub("#", made)


def test_what_a_guide_says_is_there(sums):
    """Guides, their committee and the maps: the gates of normalisation.md 11, listed differences aside."""
    made = shares(sums)
    assert {name: made[name][1] for name, gate in GATES.items() if made[name][1] < gate} == {}


def test_no_row_is_idle(sums):
    """Each listed difference is one: its leaves are missing somewhere. And each low family has its list."""
    rows = differences()
    idle = [(row["family"], row["leaves"]) for row in rows if not aside_of(row, sums[row["family"]][3])]
    assert idle == []
    low = {name for name, (_, found, wanted, _) in sums.items() if found / wanted < 0.95}
    assert low == {row["family"] for row in rows}


def test_the_page_is_that_of_the_baseline():
    """The page shows the shares of `recall.json`, to one in a hundred."""
    row = re.compile(r"^\| (\S+) \| \d+ \| ([\d.]+)% \|", re.MULTILINE)
    shown = {name: float(percent) for name, percent in row.findall(PAGE.read_text("utf-8"))}
    baseline = json.loads((HERE / "recall.json").read_text())
    assert set(shown) == set(baseline)
    assert {name for name, share in baseline.items() if abs(shown[name] - 100 * share) > 1} == set()
