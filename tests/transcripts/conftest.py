"""The node of the command line's tests, for transcripts too."""

import importlib.util
from pathlib import Path

_PLACE = Path(__file__).parents[1] / "unit" / "cli" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("carepact_cli_fixtures", _PLACE)
assert _SPEC is not None
assert _SPEC.loader is not None
_FIXTURES = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FIXTURES)

carepact, home, admitted, ask = (
    _FIXTURES.carepact,
    _FIXTURES.home,
    _FIXTURES.admitted,
    _FIXTURES.ask,
)
