"""The patient index over every storage."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from adapters.identity import CHI_NUMBER, NHS_NUMBER
from adapters.interface import Identifier
from gateway.errors import Problem
from gateway.records.interface import AmbiguousPatient, Resolved

pytestmark = pytest.mark.anyio

A, B, C = "9990000018", "9990000026", "9990000034"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def nhs(value=A):
    return Identifier(NHS_NUMBER, value)


def patient(id, number=A, family="Okafor", given="Adaeze", birth="1980-05-17", extra=()):
    identifiers = [{"system": NHS_NUMBER, "value": number}] if number else []
    identifiers += [{"system": s, "value": v} for s, v in extra]
    return {
        "resourceType": "Patient",
        "id": id,
        "identifier": identifiers,
        "name": [{"family": family, "given": [given]}],
        "birthDate": birth,
    }


def link(document, source="gp", at=AT):
    return lambda room: room.index.link(document, custodian=f"{source}.example", source=source, at=at)


def resolve(*identifiers):
    return lambda room: room.index.resolve(identifiers)


async def test_nobody_is_known_at_first(run):
    """An unknown identifier, or none at all, is `none`."""
    assert await run(resolve(nhs())) == Resolved("none")
    assert await run(resolve()) == Resolved("none")


async def test_two_sources_with_the_same_person_become_one(run):
    """Certain matches share a person; each link says its source and reason, and aliases lead to the person."""
    one = await run(link(patient("a")))
    two = await run(link(patient("b"), "hospital"))
    assert one.person == two.person and two.reason == "certain"
    assert one.person.startswith("Patient/") and len(one.person) == len("Patient/") + 26
    assert await run(resolve(nhs())) == Resolved("person", one.person)
    assert await run(lambda r: r.index.aliases(one.person)) == dict.fromkeys(
        ["Patient/a", "Patient/b"], one.person
    )
    assert [x.source for x in await run(lambda r: r.index.links(one.person))] == ["gp", "hospital"]
    assert await run(lambda r: r.index.identifiers(one.person)) == (nhs(),)


async def test_the_same_number_on_somebody_else_is_ambiguous(run):
    """A wrong number on another person's record links nothing, and the number leads to nobody any more."""
    one = await run(link(patient("a")))
    other = await run(link(patient("b", family="Smith", given="Jo", birth="1950-01-02"), "hospital"))
    assert one.person != other.person
    assert await run(resolve(nhs())) == Resolved("ambiguous")
    with pytest.raises(AmbiguousPatient):
        await run(lambda r: r.index.register(nhs(), at=AT))


async def test_identifiers_of_two_people_are_ambiguous(run):
    """All identifiers of a question must lead to the same person."""
    await run(link(patient("a")))
    await run(link(patient("b", B), "hospital"))
    assert (await run(resolve(nhs(), nhs(B)))).state == "ambiguous"
    assert (await run(resolve(nhs(), nhs(C)))).state == "person"


async def test_a_registered_person_is_adopted_by_the_first_record_with_that_number(run):
    """The consent desk's person and the later record's are one; a second, other record is not drawn in."""
    desk = await run(lambda r: r.index.register(nhs(), at=AT))
    assert await run(lambda r: r.index.register(nhs(), at=AT)) == desk
    assert await run(lambda r: r.index.identifiers(desk)) == (nhs(),)
    one = await run(link(patient("a"), at=AT + timedelta(hours=1)))
    assert one.person == desk
    other = await run(link(patient("b", family="Smith", given="Jo", birth="1950-01-02"), "hospital"))
    assert other.person != desk


async def test_a_registration_by_an_authoritys_number_is_adopted_too(run):
    """A local identifier that the desk registered finds the record that carries it."""
    local = ("urn:oid:1.2.3", "77")
    desk = await run(lambda r: r.index.register(Identifier(*local), at=AT))
    assert (await run(link(patient("a", "", extra=[local])))).person == desk


async def test_a_person_known_by_number_is_not_registered_twice(run):
    """Registering an identifier that a record has gives the person of that record."""
    one = await run(link(patient("a")))
    assert await run(lambda r: r.index.register(nhs(), at=AT)) == one.person


@pytest.mark.parametrize("value", ["9990000019", "9999999999", "12"])
async def test_a_number_that_cannot_be_is_not_registered(run, value):
    """A wrong check digit or a placeholder is refused, without repeating it."""
    with pytest.raises(Problem) as caught:
        await run(lambda r: r.index.register(nhs(value), at=AT))
    assert value not in str(caught.value) + str(caught.value.hint)


async def test_two_registrations_of_one_person_are_joined_by_her_record(run):
    """Registered by NHS and by CHI number, then a record with both: one person, both references live on."""
    first = await run(lambda r: r.index.register(nhs(), at=AT))
    second = await run(lambda r: r.index.register(Identifier(CHI_NUMBER, B), at=AT + timedelta(1)))
    found = await run(link(patient("a", extra=[(CHI_NUMBER, B)]), at=AT + timedelta(2)))
    assert found.person == first
    assert await run(lambda r: r.index.person_of(second)) == first
    assert await run(lambda r: r.index.aliases(second)) == {"Patient/a": first, second: first}
    assert set(await run(lambda r: r.index.identifiers(first))) == {nhs(), Identifier(CHI_NUMBER, B)}


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
async def test_a_bridge_gives_one_person_in_every_order(run, order):
    """Two records that only a third connects end as one person whoever comes first."""
    people = {
        "a": patient("a", given="Ann", family="Li"),
        "b": patient("b", given="Ann", family="Wu"),
        "c": patient("c", given="Mei", family="Wu"),
    }
    for n, id in enumerate(order):
        await run(link(people[id], source=id, at=AT + timedelta(n)))
    persons = {await run(lambda r, i=i: r.index.person_of(f"Patient/{i}")) for i in "abc"}
    assert len(persons) == 1
    assert (await run(resolve(nhs()))).state == "person"


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
async def test_a_contradiction_takes_the_links_back_in_every_order(run, order):
    """A chain whose ends exclude each other links nobody, and earlier links are undone exactly."""
    people = {
        "a": patient("a", given="Ann", family="Li", birth="1980-05-17"),
        "b": patient("b", given="Ann", family="Wu", birth="1980-05-18"),
        "c": patient("c", given="Mei", family="Wu", birth="1980-06-18"),
    }
    for n, id in enumerate(order):
        await run(link(people[id], source=id, at=AT + timedelta(n)))
    persons = {await run(lambda r, i=i: r.index.person_of(f"Patient/{i}")) for i in "abc"}
    assert len(persons) == 3
    assert (await run(resolve(nhs()))).state == "ambiguous"


async def test_a_mended_number_moves_the_link(run):
    """When a source corrects the number of a record, the record leaves the wrong person."""
    one = await run(link(patient("a")))
    assert (await run(link(patient("b"), "hospital"))).person == one.person
    moved = await run(link(patient("b", B), "hospital"))
    assert moved.person != one.person
    assert await run(resolve(nhs())) == Resolved("person", one.person)
    assert await run(resolve(nhs(B))) == Resolved("person", moved.person)


async def test_linking_again_changes_nothing(run):
    """The same Patient once more keeps its person, its reason and the time of its link."""
    first = await run(link(patient("a")))
    assert await run(link(patient("a"), at=AT + timedelta(9))) == first


async def test_preview_says_what_link_would_do_and_does_nothing(run):
    """Preview gives the person of a certain match, None for somebody new; the index stays as it is."""
    one = await run(link(patient("a")))

    def look(document):
        return lambda r: r.index.preview(document, custodian="h", source="h")

    assert await run(look(patient("b"))) == one.person
    assert await run(look(patient("b", family="Smith", given="Jo", birth="1950-01-02"))) is None
    assert await run(lambda r: r.index.person_of("Patient/b")) is None


async def test_a_number_that_everybody_has_links_nobody(run):
    """Beyond a bound of people on one identifier it identifies nobody: each new one stands alone."""
    for n in range(70):
        await run(link(patient(f"p{n}", number="", extra=[("urn:oid:1.2.3", "77")]), "gp"))
    last = await run(link(patient("last", number="", extra=[("urn:oid:1.2.3", "77")]), "gp"))
    assert last.reason == "alone"


async def test_nothing_in_the_tables_names_anybody(run, tmp_path):
    """V-8: number, names and birth date are nowhere in the database file or its WAL."""
    if not hasattr(run, "database") or not list(tmp_path.glob("r.db")):
        pytest.skip("a file is looked at")
    await run(link(patient("a", family="Canaryname")))
    await run(lambda r: r.index.register(nhs(B), at=AT))
    content = b"".join(p.read_bytes() for p in tmp_path.glob("r.db*"))
    assert len(content) > 1000
    assert not [w for w in (A, B, "Canaryname", "canaryname", "1980-05-17") if w.encode() in content]
