"""The boundary check: only valid FHIR R4 leaves an adapter (normalisation.md 1, rule 12).

`defects(resource)` tells what is wrong, `mend(resource)` what of it may stay, and `CheckedNormaliser` puts
both behind a mapping, `Gate` behind one whose resources come one by one.
Plain dicts in and out, no model is built.
"""

from adapters.boundary.defect import Defect
from adapters.boundary.gate import CheckedNormaliser, Gate, checked
from adapters.boundary.mend import Mended, mend
from adapters.boundary.shapes import defects

__all__ = ["CheckedNormaliser", "Defect", "Gate", "Mended", "checked", "defects", "mend"]
