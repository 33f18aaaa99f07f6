"""K-2 for the token endpoint: whatever comes in, the answer is a token or one of our refusals."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.authn.tokens import OAuthError, TokenResponse

NOW = 1_795_255_200
relaxed = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
scalar = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
value = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "purpose_of_use",
    "organization_id",
    "subject_id",
    "subject_name",
    "subject_role",
    "subject_organization_id",
]
words = st.sampled_from(
    ["TREAT", "BTG", "doctor", "st-brides", "s#v", "s|v", "http://hl7.org/fhir/v3/ActReason#TREAT"]
)
member = value | words | st.lists(words, max_size=2) | st.fixed_dictionaries({"system": value, "code": words})
extensions = st.fixed_dictionaries(
    {},
    optional={
        "hl7-b2b": value | st.dictionaries(st.sampled_from(NAMES), member, max_size=4),
        "ihe_iua": value | st.dictionaries(st.sampled_from(NAMES), member, max_size=4),
        "carepact": value
        | st.fixed_dictionaries({"emergency": st.fixed_dictionaries({"reason": member, "patient": member})}),
    },
)
CLAIMS = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "extensions"]


@relaxed
@given(claims=st.dictionaries(st.sampled_from(CLAIMS), value, max_size=4), scope=st.text(max_size=20))
def test_K_2_any_claims_of_a_good_signature(node: Any, sign: Any, keys: Any, claims: Any, scope: str) -> None:
    """Signed claims of any type end in an answer; one with a wrong party, time or audience in no token."""
    payload = node.claims() | claims
    text = sign({"alg": "ES384", "kid": "es", "typ": "JWT"}, json.dumps(payload).encode(), keys["ES384"])
    answer = node.ask(text, scope=scope)
    assert isinstance(answer, TokenResponse | OAuthError)
    if {"iss", "sub", "aud"} & claims.keys():
        assert isinstance(answer, OAuthError)


@relaxed
@given(extensions=extensions)
def test_K_2_any_extensions(node: Any, extensions: Any) -> None:
    """Claims of any shape: a token never names more than the registration allows."""
    answer = node.ask(node.assertion(extensions=extensions))
    if isinstance(answer, TokenResponse):
        caller = node.caller(answer)
        assert caller.purpose == "TREAT" and caller.emergency is None
        assert caller.organisation in ("st-brides", "ward-7") and set(caller.roles) <= {"doctor", "nurse"}
    else:
        assert answer.step in (1, 7)


@relaxed
@given(
    form=st.lists(
        st.tuples(st.sampled_from(["grant_type", "scope", "client_assertion", "x"]), st.text(max_size=9)),
        max_size=6,
    )
)
def test_K_2_any_form(node: Any, form: Any) -> None:
    """A form of anything is refused before the database is asked for a client."""
    assert isinstance(node.ask_form(form), OAuthError)


@relaxed
@given(
    place=st.floats(0, 1, exclude_max=True),
    other=st.characters(codec="utf-8"),
    how=st.sampled_from(["replace", "insert", "remove"]),
)
def test_K_2_any_changed_character(node: Any, place: float, other: str, how: str) -> None:
    """An assertion with one character changed, added or removed gets no token."""
    text = node.assertion()
    at = int(place * len(text))
    changed = text[:at] + ("" if how == "remove" else other) + text[at + (how != "insert") :]
    if changed != text:
        assert isinstance(node.ask(changed), OAuthError)
