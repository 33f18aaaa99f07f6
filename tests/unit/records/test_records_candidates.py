"""Who else might be a patient, over every storage: found by what is shared, graded, never linked."""

from datetime import UTC, datetime

import pytest

from adapters.identity import NHS_NUMBER
from adapters.interface import Identifier
from gateway.records import candidates as candidates_module
from gateway.records.features import features_from_patient
from gateway.records.interface import Resolved
from gateway.records.tokens import block_tokens_of, token_of, tokens_of

pytestmark = pytest.mark.anyio

A, B = "9990000018", "9990000026"
AT = datetime(2026, 1, 1, tzinfo=UTC)
KEY = b"k" * 32


def patient(id, nhs="", family="Okafor", given="Adaeze", birth="1980-05-17", **document):
    identifiers = [{"system": NHS_NUMBER, "value": nhs}] if nhs else []
    identifiers += [{"system": "urn:example:mrn", "value": id}]
    named = {"identifier": identifiers, "name": [{"family": family, "given": [given]}], "birthDate": birth}
    return {"resourceType": "Patient", "id": id} | named | document


def link(document, source="gp"):
    return lambda room: room.index.link(document, custodian=f"{source}.example", source=source, at=AT).person


def of(person, **how):
    return lambda room: room.candidates.of_person(person, **how)


async def test_the_same_name_and_birth_date_without_a_number_is_a_candidate(run):
    """Found from either side, with grade, score and source; and the two stay two people."""
    one = await run(link(patient("a", A)))
    other = await run(link(patient("b"), "hospital"))
    (found,) = await run(of(one))
    assert (found.person, found.patient, found.source) == (other, "Patient/b", "hospital")
    assert found.scored.grade == "probable"
    (back,) = await run(of(other))
    assert (back.person, back.scored) == (one, found.scored)
    assert await run(lambda r: r.index.person_of("Patient/b")) == other != one


async def test_who_shares_nothing_is_none(run):
    """Strangers, people of one household and people with another number are no candidates."""
    home = {"telecom": [{"system": "phone", "value": "0113 496 0001"}]}
    one = await run(link(patient("a", A, **home)))
    await run(link(patient("b", "", "Marsh", "Bo", "1931-02-03"), "hospital"))
    await run(link(patient("c", "", "Okafor", "Ifeanyi", "2001-09-09", **home), "hospital"))
    await run(link(patient("d", B), "hospital"))
    assert await run(of(one)) == ()


async def test_a_shared_number_that_a_veto_keeps_apart_says_why(run):
    """The operator sees both people, and the name of the veto."""
    one = await run(link(patient("a", A, gender="female")))
    other = await run(link(patient("b", A, given="Chidi", gender="male"), "hospital"))
    assert one != other
    identifier = Identifier(NHS_NUMBER, A)
    assert await run(lambda r: r.index.resolve([identifier])) == Resolved("ambiguous")
    assert await run(lambda r: r.candidates.persons_with(identifier)) == tuple(sorted((one, other)))
    (found,) = await run(of(one))
    assert (found.person, found.scored.grade, found.scored.veto) == (other, "possible", "sex-and-given-name")


async def test_each_other_person_once_the_most_alike_first(run):
    """Of several records of one other person the best counts; `count` cuts the tail."""
    one = await run(link(patient("a", A)))
    sure = await run(link(patient("b", gender="female", given="Adaeze"), "hospital"))
    slip = await run(link(patient("c", birth="1980-05-18"), "clinic"))
    found = await run(of(one))
    assert [c.person for c in found] == [sure, slip]
    assert [c.person for c in await run(of(one, count=1))] == [sure]


async def test_linked_records_are_no_candidates_of_each_other(run):
    """One person with two records is not her own candidate."""
    one = await run(link(patient("a", A)))
    assert await run(link(patient("b", A), "hospital")) == one
    assert await run(of(one)) == ()


async def test_a_block_that_half_the_town_shares_finds_nobody(run, monkeypatch):
    """Bounded work: too many in a block, and the block is left out; others still find."""
    monkeypatch.setattr(candidates_module, "MOST_IN_BLOCK", 3)
    one = await run(link(patient("a", A)))
    for n in range(5):
        await run(link(patient(f"n{n}", "", f"Family{n}", f"Given{n}"), "hospital"))
    twin_named = await run(link(patient("b"), "clinic"))
    assert [c.person for c in await run(of(one))] == [twin_named]


async def test_a_changed_record_is_found_by_what_it_says_now(run):
    """Blocks follow the newest statement of the record."""
    one = await run(link(patient("a", A)))
    await run(link(patient("b", "", "Marsh", "Bo", "1931-02-03"), "hospital"))
    assert await run(of(one)) == ()
    await run(link(patient("b"), "hospital"))
    assert [c.patient for c in await run(of(one))] == ["Patient/b"]


def features(**document):
    return features_from_patient(patient("a", A) | document, custodian="c", source="s")


def test_no_identifier_can_be_a_block():
    """Whatever somebody sends as an identifier, its token is never that of a name or a birth date."""
    made = features(telecom=[{"system": "email", "value": "a@x.example"}])
    blocks = set(block_tokens_of(KEY, made))
    tried = [("birth", "1980-05-17"), ("family", "okafor\x1f1980"), ("email", "a@x.example"), ("phone", "")]
    assert len(blocks) == 3
    assert not blocks & {token_of(KEY, Identifier(system, value)) for system, value in tried}
    assert not blocks & set(tokens_of(KEY, made))


def test_blocks_are_keyed_and_in_a_stable_order():
    """The same features give the same tokens; another key gives others; none without any feature."""
    assert block_tokens_of(KEY, features()) == block_tokens_of(KEY, features())
    assert not set(block_tokens_of(KEY, features())) & set(block_tokens_of(b"x" * 32, features()))
    assert block_tokens_of(KEY, features_from_patient({}, custodian="c", source="s")) == []


def test_a_birth_date_in_part_blocks_by_year_only():
    """A month is half a year's worth of people: names and postcodes narrow it."""
    assert len(block_tokens_of(KEY, features(birthDate="1980-05"))) == 1
    assert len(block_tokens_of(KEY, features(birthDate=""))) == 0
