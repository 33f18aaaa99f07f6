"""Steps 6 and 7 of the token endpoint, the form itself, and what a token then stands for."""

import json
from typing import Any

import pytest

from gateway.authn import sql
from gateway.authn.claims import Emergency
from gateway.authn.tokens import OAuthError, TokenResponse, authenticate

NOW = 1_795_255_200
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PATIENT = "https://fhir.nhs.uk/Id/nhs-number|9990000018"
DOCTOR = "https://fhir.hl7.org.uk/Id/gmc-number#1234567"


def b2b(**members: Any) -> dict[str, Any]:
    return {"extensions": {"hl7-b2b": members}}


def declared(purpose: str = "BTG", **changes: Any) -> dict[str, Any]:
    emergency = {"reason": "unconscious after a fall", "patient": PATIENT} | changes
    user = {"purpose_of_use": [purpose], "subject_id": DOCTOR, "subject_role": "doctor"}
    kept = {name: value for name, value in emergency.items() if value is not None}
    return {"extensions": {"hl7-b2b": user, "carepact": {"emergency": kept}}}


@pytest.fixture
def ed(node: Any) -> Any:
    """A node whose client `ed` may declare emergencies."""
    node.register("ed", purposes=["TREAT", "ETREAT", "BTG"], may_declare_emergency=True)
    return node


@pytest.mark.parametrize(
    "purpose",
    [
        "TREAT",
        f"{ACT_REASON}#TREAT",
        "http://hl7.org/fhir/v3/ActReason#TREAT",
        "urn:oid:2.16.840.1.113883.5.8#TREAT",
        {"code": "TREAT"},
        {"system": ACT_REASON, "code": "TREAT", "display": "treatment"},
    ],
)
@pytest.mark.parametrize("place", ["hl7-b2b", "ihe_iua"])
def test_A_9_purpose_in_each_allowed_spelling(node: Any, purpose: Any, place: str) -> None:
    """Bare code, `<system>#<code>` and Coding, in either object, are one purpose."""
    answer = node.ask(node.assertion(extensions={place: {"purpose_of_use": [purpose]}}))
    assert node.caller(answer).purpose == "TREAT"


@pytest.mark.parametrize(
    "purposes",
    [
        [],
        ["TREAT", "HOPERAT"],
        ["TREAT", "TREAT"],
        "TREAT",
        [7],
        [None],
        [""],
        ["treat"],
        [{}],
        [{"code": 1}],
        ["http://example.org/own#TREAT"],
        [{"system": "http://example.org/own", "code": "TREAT"}],
        ["NOSUCHCODE"],
        [{"system": 7, "code": "TREAT"}],
    ],
)
def test_A_9_any_other_purpose_is_malformed(node: Any, refused: Any, purposes: Any) -> None:
    """None, several, of another system, unknown or of another shape: `invalid_request`."""
    refused(node.ask(node.assertion(**b2b(purpose_of_use=purposes))), 7, "invalid_request")


def test_A_9_an_absent_purpose_is_the_only_registered_one(node: Any, refused: Any) -> None:
    """A client that sends no claims works if it has one purpose; with two, silence is refused."""
    assert node.caller(node.ask(node.assertion())).purpose == "TREAT"
    node.register("two", purposes=["TREAT", "HPAYMT"])
    refused(node.ask(node.assertion("two")), 7, "invalid_request")


def test_A_9_a_purpose_that_is_not_registered_is_not_allowed(node: Any, refused: Any) -> None:
    """A known purpose, or a more special one, beyond the registration: `unauthorized_client`."""
    for purpose in ("HRESCH", "ETREAT", "HPAYMT"):
        refused(node.ask(node.assertion(**b2b(purpose_of_use=[purpose]))), 7, "unauthorized_client")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"purpose_of_use": ["TREAT"]}, {"purpose_of_use": ["HOPERAT"]}),
        ({"organization_id": "st-brides"}, {"subject_organization_id": "ward-7"}),
        ({"subject_role": "doctor"}, {"subject_role": ["nurse"]}),
        ({"subject_role": "doctor"}, {"subject_role": ["doctor", "nurse"]}),
        ({"subject_name": "Dr A"}, {"subject_name": "Dr B"}),
    ],
)
def test_A_9_two_objects_that_disagree_are_refused(node: Any, refused: Any, first: Any, second: Any) -> None:
    """Which of two stories is true is never a guess."""
    extensions = {"hl7-b2b": first, "ihe_iua": second}
    refused(node.ask(node.assertion(extensions=extensions)), 7, "invalid_request")


def test_A_9_two_objects_that_agree_are_one(node: Any) -> None:
    """The same story told twice, in two spellings, is accepted."""
    extensions = {
        "hl7-b2b": {
            "purpose_of_use": [f"{ACT_REASON}#TREAT"],
            "subject_role": "doctor",
            "organization_id": "ward-7",
        },
        "ihe_iua": {
            "purpose_of_use": [{"system": ACT_REASON, "code": "TREAT"}],
            "subject_role": [{"system": "urn:x", "code": "doctor"}],
            "subject_organization_id": "ward-7",
        },
    }
    caller = node.caller(node.ask(node.assertion(extensions=extensions)))
    assert (caller.organisation, caller.roles, caller.purpose) == ("ward-7", ("doctor",), "TREAT")


@pytest.mark.parametrize(
    "extensions",
    [
        7,
        [],
        "x",
        {"hl7-b2b": []},
        {"hl7-b2b": {"organization_id": 7}},
        {"hl7-b2b": {"organization_id": ""}},
        {"hl7-b2b": {"organization_id": None}},
        {"hl7-b2b": {"subject_id": "no-system"}},
        {"hl7-b2b": {"subject_id": "a#b#c"}},
        {"hl7-b2b": {"subject_id": "s#v\u0007"}},
        {"hl7-b2b": {"subject_role": []}},
        {"hl7-b2b": {"subject_role": [7]}},
        {"hl7-b2b": {"subject_name": "x\r\ny"}},
        {"carepact": {"tenant": "x"}},
        {"carepact": []},
        {"hl7-b2b": {"subject_name": "n" * 257}},
    ],
)
def test_A_9_malformed_claims_are_refused(node: Any, refused: Any, extensions: Any) -> None:
    """Claims of another shape end as `invalid_request`, never as a traceback or a default."""
    refused(node.ask(node.assertion(extensions=extensions)), 7, "invalid_request")


def test_A_8_the_organisation_is_the_registered_one_or_below_it(node: Any, refused: Any) -> None:
    """A claim may narrow to a ward of the registered organisation, never name another."""
    assert node.caller(node.ask(node.assertion())).organisation == "st-brides"
    assert node.caller(node.ask(node.assertion(**b2b(organization_id="ward-7")))).organisation == "ward-7"
    for foreign in ("harbour", "st-brides-2", "ST-BRIDES"):
        refused(node.ask(node.assertion(**b2b(organization_id=foreign))), 7, "unauthorized_client")


def test_A_9_a_role_must_be_registered(node: Any, refused: Any) -> None:
    """Every claimed role is a registered one; no claim gives no role."""
    assert node.caller(node.ask(node.assertion(**b2b(subject_role="urn:x#nurse")))).roles == ("nurse",)
    assert node.caller(node.ask(node.assertion())).roles == ()
    refused(node.ask(node.assertion(**b2b(subject_role=["doctor", "admin"]))), 7, "unauthorized_client")


def test_A_9_an_emergency_is_bound_to_the_token(ed: Any) -> None:
    """Purpose, practitioner, reason and the one patient come back from the token."""
    caller = ed.caller(ed.ask(ed.assertion("ed", **declared())))
    assert caller.emergency == Emergency("unconscious after a fall", PATIENT)
    assert (caller.purpose, caller.practitioner) == ("BTG", DOCTOR.replace("#", "|"))


@pytest.mark.parametrize(
    "claims",
    [
        declared(reason=None),
        declared(reason="too short"),
        declared(reason=" " * 40),
        declared(reason="r" * 501),
        declared(reason=7),
        declared(patient=None),
        declared(patient="9990000018"),
        declared(patient=f"{PATIENT}|x"),
        declared(patient=[PATIENT]),
        declared(patient=PATIENT.replace("|", "#")),
        declared(extra="x"),
        declared("TREAT"),
        b2b(purpose_of_use=["BTG"], subject_id=DOCTOR),
        {
            "extensions": {
                "carepact": {"emergency": {"reason": "unconscious after a fall", "patient": PATIENT}},
                "hl7-b2b": {"purpose_of_use": ["BTG"]},
            }
        },
    ],
    ids=range(14),
)
def test_A_9_an_incomplete_emergency_is_refused(ed: Any, refused: Any, claims: Any) -> None:
    """Without reason, one patient, practitioner and emergency purpose nothing is declared."""
    refused(ed.ask(ed.assertion("ed", **claims)), 7, "invalid_request")


def test_A_9_emergency_by_a_client_that_may_not(node: Any, refused: Any) -> None:
    """A client without the right cannot declare, and plain ETREAT stays possible."""
    node.register("gp", purposes=["ETREAT", "BTG"])
    refused(node.ask(node.assertion("gp", **declared())), 7, "unauthorized_client")
    assert node.caller(node.ask(node.assertion("gp", **b2b(purpose_of_use=["ETREAT"])))).emergency is None


def test_A_9_each_refusal_of_a_known_client_is_recorded(node: Any) -> None:
    """Client, step and error are kept; nothing of what was claimed is."""
    node.ask(node.assertion(**b2b(purpose_of_use=["HRESCH"])))
    node.ask(node.assertion(**declared()))
    node.ask(node.assertion(), scope="user/Patient.r")
    with node.engine.connect() as connection:
        kept = sql.list_refusals(connection, since=NOW)
    assert sorted(kept) == sorted(
        [
            (NOW, "ward", 7, "unauthorized_client"),
            (NOW, "ward", 7, "unauthorized_client"),
            (NOW, "ward", 6, "invalid_scope"),
        ]
    )


def test_A_9_self_access_names_the_person(node: Any, refused: Any) -> None:
    """With PATRQT the subject is a person, not a practitioner, and must be named."""
    node.register("portal", purposes=["PATRQT"])
    who = b2b(subject_id=PATIENT.replace("|", "#"))
    caller = node.caller(node.ask(node.assertion("portal", **who)))
    assert (caller.person, caller.practitioner) == (PATIENT, None)
    refused(node.ask(node.assertion("portal")), 7, "invalid_request")
    refused(node.ask(node.assertion(**b2b(purpose_of_use=["PATRQT"]))), 7, "unauthorized_client")


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("system/Patient.rs", "system/Patient.rs"),
        ("system/Patient.r", "system/Patient.r"),
        ("system/Patient.cruds", "system/Patient.rs"),
        ("system/*.rs", "system/Observation.rs system/Patient.rs"),
        ("system/Patient.rs user/Patient.rs patient/Patient.rs openid", "system/Patient.rs"),
        ("system/Patient.rs system/Consent.c", "system/Patient.rs"),
        ("system/Observation.rs?category=laboratory", "system/Observation.rs?category=laboratory"),
    ],
)
def test_A_7_the_grant_is_the_intersection(node: Any, asked: str, granted: str) -> None:
    """What is granted is stated in the answer, and is what the token carries."""
    answer = node.ask(node.assertion(), scope=asked)
    assert isinstance(answer, TokenResponse)
    assert answer.scope == granted
    assert " ".join(str(scope) for scope in node.caller(answer).scopes) == granted


@pytest.mark.parametrize(
    "asked",
    [
        "",
        " ",
        "system/Patient.read",
        "system/Patient.*",
        "system/*.read",
        "user/Patient.r",
        "patient/Patient.rs",
        "system/Patient.sr",
        "system/Patient.rr",
        "system/Patient.",
        "system/patient.r",
        "system/Consent.c",
        "openid",
        "system/Patient.rs?",
        "system/Patient.rs?x",
        "SYSTEM/Patient.r",
        "system/Patient.rs\u00a0",
    ],
)
def test_smart_an_empty_grant_is_invalid_scope(node: Any, refused: Any, asked: str) -> None:
    """v1 scopes, other contexts, letters out of order and what is not registered give nothing."""
    refused(node.ask(node.assertion(), scope=asked), 6, "invalid_scope")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        (
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
            "invalid_request",
        ),
        ({"client_secret": "x"}, "invalid_request"),
        ({"udap": "2"}, "invalid_request"),
        ({"resource": "x"}, "invalid_request"),
    ],
)
def test_smart_another_form_is_refused(node: Any, refused: Any, form: Any, error: str) -> None:
    """Another grant, assertion type or field is refused before the assertion is looked at."""
    refused(node.ask(node.assertion(), **form), 0, error)


def test_smart_missing_and_repeated_fields_are_refused(node: Any, refused: Any) -> None:
    """Each field exactly once; `udap=1` is allowed beside them."""
    good = [
        ("grant_type", "client_credentials"),
        ("scope", "system/Patient.rs"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", node.assertion()),
    ]
    for position in range(4):
        refused(node.ask_form(good[:position] + good[position + 1 :]), 0, "invalid_request")
        refused(node.ask_form([*good, good[position]]), 0, "invalid_request")
    assert isinstance(node.ask_form([*good, ("udap", "1")]), TokenResponse)


def test_A_5_a_token_ends_by_time(node: Any) -> None:
    """299 seconds yes, 300 seconds no."""
    answer = node.ask(node.assertion())
    assert node.caller(answer, NOW + 299).client == "ward"
    with node.engine.connect() as connection:
        assert authenticate(connection, answer.access_token, NOW + 300) is None


def test_A_5_disabling_a_client_ends_its_tokens(node: Any) -> None:
    """At once, and enabling again does not bring an old token back."""
    answer = node.ask(node.assertion())
    for status in ("disabled", "enabled"):
        with node.engine.begin() as connection:
            sql.set_status(connection, "ward", status, at=NOW)
            assert authenticate(connection, answer.access_token, NOW) is None


def test_A_5_what_is_no_token_is_nobody(node: Any) -> None:
    """Unknown, cut, prefixed, stored-hash and junk tokens authenticate nobody."""
    token = node.ask(node.assertion()).access_token
    with node.engine.connect() as connection:
        (stored,) = connection.execute(sql.access_token.select()).all()
        junk = [
            "",
            "cpt_",
            token[:-1],
            token + "A",
            token.upper(),
            "cpt_" + stored.hash.hex()[:43],
            "\0",
            token[4:],
        ]
        assert [authenticate(connection, text, NOW) for text in junk] == [None] * len(junk)


def test_V_8_the_database_keeps_neither_token_nor_claims(ed: Any, tmp_path: Any) -> None:
    """Token, reason, patient and practitioner are nowhere in the files of the database."""
    answer = ed.ask(ed.assertion("ed", **declared()))
    assert isinstance(answer, TokenResponse)
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for canary in (answer.access_token, answer.access_token[4:], "unconscious", "9990000018", "1234567"):
        assert canary.encode() not in data


def test_A_5_an_altered_token_row_authenticates_nobody(node: Any) -> None:
    """A row edited in the database, or moved under another token, does not open."""
    first, second = node.ask(node.assertion()), node.ask(node.assertion())
    with node.engine.begin() as connection:
        rows = connection.execute(sql.access_token.select()).all()
        for row, other in zip(rows, reversed(rows), strict=True):
            where = sql.access_token.c.hash == row.hash
            connection.execute(sql.access_token.update().where(where).values(sealed=other.sealed))
    with node.engine.connect() as connection:
        assert authenticate(connection, first.access_token, NOW) is None
        assert authenticate(connection, second.access_token, NOW) is None


def test_A_5_a_narrower_registration_narrows_living_tokens(node: Any) -> None:
    """Scopes taken from the registration are gone from tokens that were issued before."""
    answer = node.ask(node.assertion(), scope="system/*.rs")
    with node.engine.begin() as connection:
        row = connection.execute(sql.client.select()).one()
        document = json.loads(row.document) | {"scopes": ["system/Patient.r"]}
        connection.execute(sql.client.update().values(document=json.dumps(document)))
    caller = node.caller(answer)
    assert caller.allows("Patient", "r") and not caller.allows("Patient", "s")
    assert not caller.allows("Observation", "r")


def test_smart_errors_hold_nothing_of_the_request(node: Any) -> None:
    """The body of a refusal is one of eight fixed texts."""
    answer = node.ask(node.assertion(sub="canary-subject"), scope="canary-scope")
    assert isinstance(answer, OAuthError)
    assert "canary" not in json.dumps(answer.body()) + repr(answer)
