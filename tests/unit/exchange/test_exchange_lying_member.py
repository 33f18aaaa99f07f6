"""A member that signs what is not so: nothing of its answer is used, and its line says why."""

import base64
import json

import pytest

from adapters.codec import decode, encode
from adapters.interface import Identifier
from gateway.exchange.completeness import SourceState
from gateway.exchange.locate import speaks_for
from gateway.exchange.peer.contribution import BadContribution, Expected, contributed
from gateway.exchange.types import CLINICAL
from keys import jws
from keys.envelope.manifest import ANSWER, FHIR_JSON
from keys.jws import signers_from_store
from keys.syntax import emit, parse_object

pytestmark = pytest.mark.anyio
NORTH, SOUTH = "north.example", "south.example"
NUMBER = Identifier("https://fhir.nhs.uk/Id/nhs-number", "9990000018")


@pytest.fixture
async def honest(pair):
    """A verified answer of south, what it is held against, and south's own pen."""
    await pair.south.hears()
    await pair.south.permit(NORTH)
    answer = await pair.ask(members=pair.query(types=list(CLINICAL)))
    directory = pair.north.node.directory()
    at = int(pair.north.clock().timestamp())
    expected = Expected(
        SOUTH,
        directory.trust.resolver(SOUTH, at),
        (NUMBER,),
        frozenset(CLINICAL),
        at,
        lambda org: speaks_for(directory, SOUTH, pair.north.node.organisations, org),
    )

    def signed(said):
        signers = signers_from_store(pair.south.runtime.keys, at=at)
        return base64.b64encode(jws.sign(jws.COMPLETENESS, emit(said), signers)).decode()

    return answer.content, expected, signed


def statement_of(bundle):
    block = base64.b64decode(bundle["entry"][0]["resource"]["extension"][0]["valueBase64Binary"])
    return parse_object(jws.parse(block, jws.COMPLETENESS).payload)


def matches(bundle):
    return [one for one in bundle["entry"] if one["search"]["mode"] == "match"]


def patient(bundle):
    return next(one["resource"] for one in matches(bundle) if one["resource"]["resourceType"] == "Patient")


def refusal(bundle, expected, typ=FHIR_JSON):
    with pytest.raises(BadContribution) as refused:
        contributed(typ, encode(bundle), expected)
    return refused.value.reason


async def test_what_an_honest_member_says_is_taken_as_it_is(honest):
    """The rows, the records with their own addresses, and no record that no row counts."""
    content, expected, _ = honest
    taken = contributed(FHIR_JSON, content, expected)
    (state,) = taken.states
    assert isinstance(state, SourceState)
    assert (state.org, state.source, state.state) == (SOUTH, "adt", "answered")
    assert sum(state.counts.values()) == len(taken.received) > 5
    assert {one.full_url for one in taken.received} == {f"{taken.base}/{one.ref}" for one in taken.received}


async def test_records_that_no_row_counts_and_rows_that_no_record_bears_out(honest):
    """Taken out, put in twice, of another source, of another type: counts must be those of the statement."""
    content, expected, _ = honest
    for change in (
        lambda b: b["entry"].pop(),
        lambda b: b["entry"].append(b["entry"][-1]),
        lambda b: patient(b)["meta"].update(source=f"urn:carepact:source:{SOUTH}:other#x"),
        lambda b: patient(b)["meta"].update(source=f"urn:carepact:source:{NORTH}:adt#x"),
    ):
        bundle = decode(content)
        change(bundle)
        assert refusal(bundle, expected) == "unverified"


async def test_entries_that_are_not_what_was_asked_or_no_r4(honest):
    """A type that was not asked for, no id, no address of their own, two bases, invalid FHIR: malformed."""
    content, expected, _ = honest
    changes = (
        lambda b: patient(b).update(resourceType="Person"),
        lambda b: patient(b).pop("id"),
        lambda b: matches(b)[0].update(fullUrl="http://127.0.0.1/fhir/Patient/other"),
        lambda b: matches(b)[0].update(fullUrl="http://elsewhere.example/" + matches(b)[0]["fullUrl"][-60:]),
        lambda b: patient(b).update(birthDate="yesterday"),
        lambda b: patient(b).update(meta={}),
        lambda b: b.update(
            meta={
                "security": [
                    {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "<script>"}
                ]
            }
        ),  # fmt: skip
        lambda b: b.update(entry=[]),
        lambda b: b["entry"].append("x"),
    )
    for change in changes:
        bundle = decode(content)
        change(bundle)
        assert refusal(bundle, expected) == "malformed"
    assert refusal({"resourceType": "Bundle"}, expected, ANSWER) == "malformed"
    for data in (b"", b"[]", b"{", b'{"a":1,"a":2}', b"null"):
        with pytest.raises(BadContribution):
            contributed(FHIR_JSON, data, expected)


async def test_another_persons_number_quarantines_all_of_it(honest):
    """Her number replaced by another of the same system; a masked one says nothing."""
    content, expected, _ = honest
    bundle = decode(content)
    for one in patient(bundle)["identifier"]:
        if one["system"] == NUMBER.system:
            one["value"] = "9990000026"
    assert refusal(bundle, expected) == "quarantined"
    masked = decode(content)
    patient(masked).pop("identifier")
    assert contributed(FHIR_JSON, encode(masked), expected).received


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": NORTH}, "unverified"),
        ({"exchange": "another"}, "unverified"),
        ({"sources": []}, "unverified"),
        ({"sources": "x"}, "unverified"),
        ({"sources": [{"org": NORTH, "source": "adt", "state": "answered", "counts": {}}]}, "unverified"),
        ({"sources": [{"org": SOUTH, "source": "adt", "state": "maybe"}]}, "malformed"),
        ({"sources": [{"org": "<b>", "source": "adt", "state": "failed"}]}, "malformed"),
        ({"sources": [{"org": SOUTH, "source": "adt", "state": "failed", "reason": "Grace"}]}, "malformed"),
        ({"sources": [{"org": SOUTH, "state": "failed", "note": "x"}]}, "malformed"),
        ({"sources": [{"org": SOUTH, "state": "failed", "counts": {"Patient": 1}}]}, "malformed"),
        ({"sources": [{"org": SOUTH, "state": "failed"}, {"org": SOUTH, "state": "failed"}]}, "unverified"),
    ],
)
async def test_a_statement_that_does_not_hold_together(honest, change, reason):
    """Signed by the member, and still not believed: of another, of another answer, not of its form."""
    content, expected, signed = honest
    bundle = decode(content)
    said = statement_of(bundle) | change
    bundle["entry"][0]["resource"]["extension"][0]["valueBase64Binary"] = signed(said)
    assert refusal(bundle, expected) == reason


async def test_a_statement_that_was_altered_or_left_out_is_unverified(honest):
    """Without the member's signature over who was asked there is no answer."""
    content, expected, _ = honest
    for block in ("", "!", base64.b64encode(b"{}").decode()):
        bundle = decode(content)
        bundle["entry"][0]["resource"]["extension"][0]["valueBase64Binary"] = block
        assert refusal(bundle, expected) == "unverified"
    bundle = decode(content)
    del bundle["entry"][0]["resource"]["extension"]
    assert refusal(bundle, expected) == "unverified"


async def test_a_refusal_without_a_statement_is_a_refusal(honest):
    """What a member answers by an outcome alone is `refused`; one that claims records in it is malformed."""
    _, expected, signed = honest
    outcome = {"resourceType": "OperationOutcome", "issue": []}
    assert refusal(outcome, expected) == "refused"
    said = {"iss": SOUTH, "sources": [{"org": SOUTH, "source": "adt", "state": "answered"}]}
    told = {"url": "urn:carepact:statement", "valueBase64Binary": signed(said)}
    assert refusal(outcome | {"extension": [told]}, expected) == "malformed"


async def test_a_member_that_names_our_own_records_is_not_used(pair):
    """Ids are made by each node's own secret: who names one of ours means to stand in its place."""
    from gateway.exchange.foreign import apart, foreign_from
    from gateway.exchange.peer.contribution import Contributed, Received

    state = SourceState(SOUTH, "adt", "answered", asked=1, answered=1, counts={"Patient": 1})
    resource = {"resourceType": "Patient", "id": "p1"}
    received = Received(
        "Patient/p1", encode(resource), resource, SOUTH, "adt", "x", "http://s/fhir/Patient/p1"
    )
    one = foreign_from(pair.north.node, Contributed(SOUTH, (state,), (received,), base="http://s/fhir"))
    assert one.patients == {"Patient/p1"}
    for taken, base in ((frozenset({"Patient/p1"}), "http://n/fhir"), (frozenset(), "http://s/fhir")):
        (held,) = apart([one], taken, base)
        assert held.records == ()
        assert [(s.state, s.reason) for s in held.states] == [("failed", "unverified")]
    assert apart([one], frozenset(), "http://n/fhir") == (one,)
    assert json.loads(one.records[0].body) == resource
