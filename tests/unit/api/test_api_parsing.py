"""Whatever stands in a parameter or header: a value, or our own refusal; never another exception."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.interface import Identifier
from gateway.api.middleware import Guard
from gateway.api.negotiate import accepted, media_type
from gateway.api.parameters import business_identifier, identifier_from
from gateway.config import Limits
from gateway.errors import Problem

plain = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)


def told(call):
    """What a call gives, or the `Problem` that it raises; anything else fails the test."""
    try:
        return call()
    except Problem as problem:
        return problem


@given(st.text(max_size=60))
def test_any_text_is_an_identifier_or_invalid(text):
    """No text ends in anything but an identifier with two parts, or `invalid` naming the parameter."""
    found = told(lambda: identifier_from("identifier", text))
    if isinstance(found, Problem):
        assert (found.category.name, found.expression) == ("invalid", "identifier")
        assert found.hint in (None, "use system|value", "a system and a value are needed")
    else:
        assert found.system.strip() == found.system != ""
        assert found.value.strip() == found.value != ""


@given(plain, plain)
def test_an_escaped_token_means_what_was_escaped(system, value):
    """Escaping as FHIR says and reading again gives the same two parts (R4 3.1.1.4.10)."""

    def escaped(text):
        for char in "\\|,$":
            text = text.replace(char, "\\" + char)
        return text

    assert identifier_from("p", f"{escaped(system)}|{escaped(value)}") == Identifier(system, value)


@given(st.none() | st.integers() | st.text() | st.lists(st.text()), st.none() | st.text() | st.booleans())
def test_parts_of_any_kind_are_an_identifier_or_invalid(system, value):
    """Elements of a Consent may be anything that JSON holds."""
    found = told(lambda: business_identifier("Consent.patient.identifier", system, value))
    assert isinstance(found, Identifier) or found.category.name == "invalid"


def request(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(headers=named)


@given(st.text(max_size=80))
def test_any_accept_is_a_type_that_we_have_or_not_acceptable(text):
    """Negotiation never answers in a type that is not offered."""
    found = told(lambda: accepted(request(accept=text), {}))
    if isinstance(found, Problem):
        assert found.category.name == "not_acceptable"
    else:
        assert found in ("application/fhir+json", "application/json", "application/vnd.carepact.envelope")


@given(st.text(max_size=80))
def test_any_content_type_is_read_or_refused(text):
    """Only a foreign charset is refused here; the type itself is compared by the handler."""
    found = told(lambda: media_type(request(content_type=text)))
    assert found.category.name == "unsupported_media" if isinstance(found, Problem) else ";" not in found


@given(st.binary(max_size=40))
def test_any_host_is_known_or_not(host):
    """Only listed names with a plain port are ever known."""
    guard = Guard(None, hosts=("node.example", "::1"), limits=Limits(), new_id=lambda: "1")
    if guard._known(host):
        assert host.lower().startswith((b"node.example", b"[::1]"))


@pytest.mark.parametrize("host", [b"[::1]", b"[::1]:8080", b"NODE.example:1"])
def test_names_with_ports_and_brackets_are_known(host):
    """The forms that clients really send."""
    assert Guard(None, hosts=("node.example", "::1"), limits=Limits(), new_id=lambda: "1")._known(host)
