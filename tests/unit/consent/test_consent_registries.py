"""Consents and agreements are kept the same way in memory, in SQLite and in PostgreSQL."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from consent.errors import AlreadySigned, StaleVersion
from consent.interface import (
    AgreementRegistry,
    ConsentRegistry,
    StoredAgreement,
    StoredConsent,
    StoredStatement,
)
from consent.store.memory import MemoryAgreementRegistry, MemoryConsentRegistry
from consent.store.sql import SQLAgreementRegistry, SQLConsentRegistry, metadata

T0 = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
ANNA, BORIS = "Patient/patient-with-two-consents", "Patient/patient-with-one"


class ReversingCipher:
    """Seals by turning bytes round, and checks that it is opened under the same subject and place."""

    def seal(self, subject: str, plain: bytes, aad: bytes) -> bytes:
        return b"|".join((subject.encode(), aad, plain[::-1]))

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes:
        held, place, turned = sealed.split(b"|", 2)
        assert (held, place) == (subject.encode(), aad)
        return turned[::-1]


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://", hide_parameters=True)
    metadata.create_all(engine)
    with engine.begin() as unit:
        yield unit
    engine.dispose()


class EachCallAUnit:
    """A registry on PostgreSQL as the node runs it: every call is one unit of work on the event loop."""

    def __init__(
        self, call: Callable[[Callable[[Connection], Any]], Any], bind: Callable[[Connection], Any]
    ) -> None:
        self._call = call
        self._bind = bind

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **named: self._call(lambda unit: getattr(self._bind(unit), name)(*args, **named))


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[Connection], Any]], Any]]:
    from gateway.db.engine import open_database

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def wait(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    database = wait(open_database(request.getfixturevalue("new_postgres_url")))
    wait(database.write(metadata.create_all))
    yield lambda work: wait(database.write(work))
    wait(database.close())
    loop.call_soon_threadsafe(loop.stop)


STORES = ["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=STORES)
def consents(request: pytest.FixtureRequest, connection: Connection) -> Any:
    if request.param == "memory":
        return MemoryConsentRegistry()
    if request.param == "sqlite":
        return SQLConsentRegistry(connection, ReversingCipher())
    call = request.getfixturevalue("postgres")
    return EachCallAUnit(call, lambda unit: SQLConsentRegistry(unit, ReversingCipher()))


@pytest.fixture(params=STORES)
def agreements(request: pytest.FixtureRequest, connection: Connection) -> Any:
    if request.param == "memory":
        return MemoryAgreementRegistry()
    if request.param == "sqlite":
        return SQLAgreementRegistry(connection)
    return EachCallAUnit(request.getfixturevalue("postgres"), SQLAgreementRegistry)


def version(
    id: str, number: int, subject: str = ANNA, minutes: int = 0, document: bytes = b"{}"
) -> StoredConsent:
    return StoredConsent(id, number, subject, T0 + timedelta(minutes=minutes), "gp-fern", document)


def test_every_version_comes_back_byte_for_byte(consents: ConsentRegistry) -> None:
    """What was put is what is read: bytes, microseconds, recorder; the newest is current."""
    first, second = (
        version("c1", 1, document=b'{"a": 1.10}'),
        version("c1", 2, minutes=1, document=b"\xff\x00"),
    )
    consents.put(first)
    consents.put(second)
    assert (consents.version("c1", 1), consents.current("c1")) == (first, second)
    assert consents.version("c1", 3) is None
    assert consents.current("c2") is None


@pytest.mark.parametrize("number", [1, 3, 0])
def test_write_on_a_stale_base_is_refused(consents: ConsentRegistry, number: int) -> None:
    """Only the newest version plus one is stored; nothing changes otherwise."""
    consents.put(version("c1", 1))
    with pytest.raises(StaleVersion):
        consents.put(version("c1", number, document=b"other"))
    assert consents.current("c1") == version("c1", 1)
    assert consents.epoch(ANNA) == 1


def test_selection_knows_only_what_was_known_then(consents: ConsentRegistry) -> None:
    """`of_subjects` gives every version of these subjects recorded by `as_of`, oldest first."""
    stored = [version("c2", 1), version("c1", 1, minutes=1), version("c2", 2, minutes=2)]
    for item in stored:
        consents.put(item)
    consents.put(version("c9", 1, subject=BORIS))
    assert consents.of_subjects([ANNA], as_of=T0 + timedelta(minutes=9)) == tuple(stored)
    assert consents.of_subjects([ANNA], as_of=T0 + timedelta(minutes=1)) == tuple(stored[:2])
    assert consents.of_subjects([ANNA], as_of=T0 - timedelta(microseconds=1)) == ()
    assert len(consents.of_subjects([ANNA, BORIS], as_of=T0 + timedelta(minutes=9))) == 4
    assert consents.of_subjects([], as_of=T0) == ()


def test_ids_of_everybody_are_those_written_since(consents: ConsentRegistry) -> None:
    """Each once, sorted, whoever they are about; what was last written before is not among them."""
    for item in (version("c2", 1), version("c1", 1, minutes=1), version("c2", 2, minutes=2)):
        consents.put(item)
    consents.put(version("c9", 1, subject=BORIS))
    assert consents.ids_since(T0) == ("c1", "c2", "c9")
    assert consents.ids_since(T0 + timedelta(minutes=1)) == ("c1", "c2")
    assert consents.ids_since(T0 + timedelta(minutes=3)) == ()


def test_epoch_rises_with_every_write_about_the_subject(consents: ConsentRegistry) -> None:
    """A release that rechecks the epoch sees any write in between, also one that moves a consent away."""
    consents.put(version("c1", 1))
    assert (consents.epoch(ANNA), consents.epoch(BORIS)) == (1, 0)
    consents.put(version("c1", 2, subject=BORIS, minutes=1))
    assert (consents.epoch(ANNA), consents.epoch(BORIS)) == (2, 1)


def test_stored_document_is_sealed(connection: Connection) -> None:
    """The table holds no readable consent."""
    SQLConsentRegistry(connection, ReversingCipher()).put(version("c1", 1, document=b"psychiatry"))
    row = connection.execute(text("select document, recorded from consent_version")).one()
    assert b"psychiatry" not in row.document
    assert row.recorded == 1772357400123456


def agreement(number: int = 1, document: bytes = b"{}", minutes: int = 0) -> StoredAgreement:
    return StoredAgreement("D1", number, T0 + timedelta(minutes=minutes), document)


def statement(org: str, action: str = "sign", minutes: int = 0, number: int = 1) -> StoredStatement:
    at = T0 + timedelta(minutes=minutes)
    return StoredStatement("D1", number, org, action, at, at if action == "terminate" else None, b"jws")


def test_agreement_gathers_its_statements(agreements: AgreementRegistry) -> None:
    """Versions come by id and version, each with the statements made by `as_of`."""
    agreements.put(agreement())
    agreements.put(agreement(2, b"new text", minutes=5))
    agreements.add_statement(statement("gp-fern"))
    agreements.add_statement(statement("trust-oak", minutes=3))
    agreements.add_statement(statement("trust-oak", "terminate", minutes=9))
    (known,) = agreements.known(as_of=T0 + timedelta(minutes=1))
    assert (known.document, known.statements) == (b"{}", (statement("gp-fern"),))
    both = agreements.known(as_of=T0 + timedelta(minutes=9))
    assert [(item.version, len(item.statements)) for item in both] == [(1, 3), (2, 0)]
    assert both[0].statements[2] == statement("trust-oak", "terminate", minutes=9)


def test_same_bytes_again_change_nothing_and_other_bytes_are_refused(agreements: AgreementRegistry) -> None:
    """The text of a version is what both sides sign: it never changes under its number."""
    agreements.put(agreement())
    agreements.put(agreement(minutes=1))
    assert agreements.epoch() == 1
    with pytest.raises(StaleVersion):
        agreements.put(agreement(document=b"another text"))
    agreements.put(agreement(3))
    with pytest.raises(StaleVersion):
        agreements.put(agreement(2))


def test_one_statement_is_made_once(agreements: AgreementRegistry) -> None:
    """Signing or terminating twice is refused; suspending and resuming take turns."""
    agreements.put(agreement())
    agreements.add_statement(statement("gp-fern"))
    with pytest.raises(AlreadySigned):
        agreements.add_statement(statement("gp-fern", minutes=1))
    agreements.add_statement(statement("gp-fern", "suspend", minutes=1))
    with pytest.raises(AlreadySigned):
        agreements.add_statement(statement("gp-fern", "suspend", minutes=2))
    agreements.add_statement(statement("gp-fern", "resume", minutes=3))
    agreements.add_statement(statement("gp-fern", "suspend", minutes=4))
    assert agreements.epoch() == 5


def test_statement_about_no_agreement_is_refused(agreements: AgreementRegistry) -> None:
    """A statement stands only beside the version that it is about."""
    with pytest.raises(StaleVersion):
        agreements.add_statement(statement("gp-fern"))
