"""How much of what others expect of an input is in ours: leaves (type, path, value), as a share per family.

Ids, references, narrative and meta are aside: they are each converter's own. Numbers are compared as numbers.
What a guide or its committee says is a gate; other converters' outputs are information. The shares stand in
`recall.json`, numbers only, and no family may fall below its own. To raise them after a gain:
`CAREPACT_BASELINE=write python -m pytest tests/corpus/test_corpus_recall.py`.
"""

import json
import os
from pathlib import Path

import pytest

from tools import recall

pytestmark = pytest.mark.corpus
BASELINE = Path(__file__).with_name("recall.json")
SLACK = 0.002
"""A share may move by so much when the corpus' own files are read in another order."""


@pytest.fixture(scope="module")
def scores(converted, corpus):
    """`family` (and `family:authority` where the input has several) to its share of leaves."""
    sums = {}
    for one in converted:
        said = one.row["expected_path"]
        if not said:
            continue
        path = corpus / said
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        made = recall.made_leaves(one.single.bundle)
        for file in files:
            name = one.family + recall.authority_of(file, path)
            found, wanted = recall.share(recall.expected_leaves(file), made)
            before = sums.get(name, (0, 0))
            sums[name] = (before[0] + found, before[1] + wanted)
    return {name: round(found / wanted, 4) for name, (found, wanted) in sorted(sums.items()) if wanted}


def test_no_family_falls_below_its_baseline(scores):
    """The shares of `recall.json` are kept by every family."""
    if os.environ.get("CAREPACT_BASELINE") == "write":
        BASELINE.write_text(json.dumps(scores, indent=1) + "\n")
    baseline = json.loads(BASELINE.read_text())
    assert set(scores) == set(baseline)
    fallen = {name: (was, scores[name]) for name, was in baseline.items() if scores[name] < was - SLACK}
    assert not fallen
