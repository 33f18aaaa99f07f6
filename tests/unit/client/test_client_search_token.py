"""How a number travels to the search: whatever stands in it, it arrives as the same number."""

import pytest

from gateway.api.parameters import identifier_from
from gateway.client.session import search_token


@pytest.mark.parametrize("value", ["9990000018", "A,1", "7|8", "a\\b", "$x", "{{path '$.a[0]'}}", "\\,|$"])
def test_what_is_special_in_a_search_is_data_in_a_number(value):
    """FHIR escapes on our side, unescapes on the node's: system and value come through unchanged."""
    found = identifier_from("identifier", search_token("urn:x,y|z", value))
    assert (found.system, found.value) == ("urn:x,y|z", value)
