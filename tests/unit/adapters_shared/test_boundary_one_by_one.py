"""The boundary check over resources that never stand together: as the check of a whole batch."""

from copy import deepcopy

import pytest

from adapters.boundary import Gate, checked
from adapters.interface import SourceBatch
from adapters.losses import Losses
from benchmarks.planted import VALID


def one_by_one(batch):
    """The batch through `Gate`: what may go on, and the lines."""
    held = [*batch.resources, *([batch.provenance] if batch.provenance else [])]
    gate = Gate(batch.losses)
    kept = [made for one in held if (made := gate.enter(one)) is not None]
    kept = [] if gate.is_shut else [made for one in kept if (made := gate.finish(one)) is not None]
    return kept, gate.close()


@pytest.mark.parametrize(
    ("bad", "left"),
    [
        ({}, 3),
        ({"patient": {"birthDate": "2001-02-30"}}, 3),
        ({"observation": {"modifierExtension": [{"url": "urn:x"}]}}, None),
        ({"observation": {"status": "done"}, "patient": {"gender": "f"}}, 3),
        ({"patient": {"id": "under_score"}}, 0),
    ],
)
@pytest.mark.parametrize("target", ["observation", "patient"])
def test_one_by_one_is_what_together_is(bad, left, target):
    """Valid, mended, failed or a Patient failed: a Provenance of what failed goes with it, another stays."""
    resources = [deepcopy(VALID[kind]) | bad.get(kind, {}) for kind in ("patient", "observation")]
    about = VALID[target]
    provenance = {
        "resourceType": "Provenance",
        "id": "v1",
        "target": [{"reference": f"{about['resourceType']}/{about['id']}"}],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "carepact"}}],
    }
    batch = SourceBatch(tuple(resources), provenance, Losses(200, 200), "t:0")
    kept, losses = one_by_one(deepcopy(batch))
    whole = checked(batch)
    assert kept == [*whole.resources, *([whole.provenance] if whole.provenance else [])]
    assert losses == whole.losses
    assert len(kept) == (left if left is not None else 1 if target == "observation" else 2)
