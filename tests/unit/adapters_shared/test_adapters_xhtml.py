"""Links of a narrative: what leads somewhere stays, what runs or holds something does not."""

import pytest

from adapters.xhtml import has_active_content, is_safe_xhtml


def div(link: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p style="margin: 0"><a href="{link}">x</a></p></div>'


@pytest.mark.parametrize("link", [
    "#a", "https://loinc.org/", "http://example.org/x?a=1&amp;b=2", "Bundle-1.html#Patient_2", "../other.html", "tel:+31788700800",
    "mailto:desk@example.org", "", "//example.org/x",
])  # fmt: skip
def test_a_link_that_leads_somewhere_keeps_its_narrative(link: str) -> None:
    """Guides and portals write relative links and telephone numbers; a narrative is not lost for them."""
    assert is_safe_xhtml(div(link)) and not has_active_content(div(link))


@pytest.mark.parametrize("link", [
    "javascript:alert(1)", " JavaScript:alert(1)", "java&#9;script:alert(1)", "java&#10;script:x", "vbscript:x",
    "data:text/html,x", "file:///etc/passwd", "&#106;avascript:x", "blob:x", "&#160;javascript:x",
])  # fmt: skip
def test_a_link_that_runs_or_holds_something_is_active(link: str) -> None:
    """Whatever it hides behind: case, blanks, controls, references of characters."""
    assert has_active_content(div(link)) and not is_safe_xhtml(div(link))
