"""The engine alone (consent.md 8): three consents, two agreements, the six rules of the `uk` pack.

A bundle of 50 with and without its digests, one of 1 000, cold single decisions, the plan of a patient among
1 000 000 stored consents (SQLite, real registry), and the same bundle decided by Cedar in the same run.
"""

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine

from benchmarks.clock import p50, p99
from benchmarks.report import Result
from consent.agreement import Statement, agreement_from_json
from consent.digest import ResourceContext, digest
from consent.directory import directory_from_json
from consent.evaluate import evaluate
from consent.facts import facts_from_bytes, facts_to_bytes
from consent.floor import shipped_floor
from consent.instants import micros
from consent.plan import plan
from consent.record import consent_from_json, consent_from_stored
from consent.request import AccessRequest
from consent.store.sql import SQLConsentRegistry, metadata


def ms_of(work: Callable[[], object]) -> float:
    """CPU time of this thread in milliseconds: what else the machine runs is not the engine's time."""
    start = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - start) / 1e6


V3 = "http://terminology.hl7.org/CodeSystem/v3-"
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
ME = "Patient/p0"
STORED = 1_000_000
DIRECTORY = directory_from_json({"org_parent": {"ward": "hosp", "hosp": "trust", "desk": "gp"}})
FLOOR = shipped_floor("uk")
REQUEST = AccessRequest("r", ME, "ward", ("TREAT",), AT, practitioner="dr", roles=("doctor",))


def run() -> list[Result]:
    """Every figure of the engine."""
    resources = [_resource(n) for n in range(1000)]
    stored = [facts_to_bytes(digest(one, ResourceContext(custodian="gp"))) for one in resources]
    consents = tuple(consent_from_json(_consent(n)) for n in range(3))
    apart, dated = _no_two_alike()
    cold = [ms_of(lambda: _cold(stored[7], consents)) * 1000 for _ in range(3000)][500:]
    fifty = p50([ms_of(lambda: _bundle(stored[:50], consents)) for _ in range(200)]) * 1000 / 50
    unlike = p50([ms_of(lambda: _bundle(apart, dated)) for _ in range(200)]) * 1000 / 50
    fresh = p50([ms_of(lambda: _fresh(resources[:50], consents)) for _ in range(100)]) * 1000 / 50
    thousand = p50([ms_of(lambda: _bundle(stored, consents)) for _ in range(15)])
    each = (p50([ms_of(lambda: _bundle(stored, consents)) for _ in range(10)]) * 1000) / 1000
    return [
        _result("resource in a bundle of 50, with its digest", "us", fresh, 40),
        Result("engine: resource in a bundle of 50, digest stored", f"{fifty:.1f} us", fifty / 40),
        Result("engine: resource in a bundle of 50, digest stored, no two alike", f"{unlike:.1f} us",
               unlike / 40),
        _result("cold single decision, p99", "us", p99(cold), 150),
        Result("engine: under a plan / cold decision", f"{each:.1f} / {p50(cold):.1f} us", each / p50(cold),
               each / p50(cold) <= 1 / 3),
        _result("bundle of 1000", "ms", thousand, 50),
        _result(f"plan build, {STORED:_} consents stored", "ms", _plan_build(), 2),
        *_beside_cedar(resources[:50], fifty),
    ]  # fmt: skip


def _result(what: str, unit: str, value: float, goal: float) -> Result:
    return Result(f"engine: {what}", f"{value:.2f} {unit}, goal {goal}", value / goal, value <= goal)


def _cold(stored: bytes, consents: Any) -> None:
    evaluate(REQUEST, facts_from_bytes(stored), DIRECTORY, FLOOR, AGREEMENTS, consents, ())


def _bundle(stored: list[bytes], consents: Any) -> None:
    made = plan(REQUEST, DIRECTORY, FLOOR, AGREEMENTS, consents)
    for one in stored:
        made.decide(facts_from_bytes(one))


def _fresh(resources: list[Any], consents: Any) -> None:
    """The digest made too: what a resource costs that is decided on as it comes."""
    made = plan(REQUEST, DIRECTORY, FLOOR, AGREEMENTS, consents)
    context = ResourceContext(custodian="gp")
    for one in resources:
        made.decide(digest(one, context))


def _no_two_alike() -> tuple[list[bytes], Any]:
    """Fifty resources of fifty days, and a consent that asks for the day: each has its own decision."""
    within = {"dataPeriod": {"start": "2010", "end": "2024"}}
    consents = [_consent(n) for n in range(3)]
    consents[0]["provision"] |= within
    days = [_resource(n) | {"effectiveDateTime": f"20{10 + n % 15}-05-{n % 28 + 1:02}"} for n in range(50)]
    stored = [facts_to_bytes(digest(one, ResourceContext(custodian="gp"))) for one in days]
    return stored, tuple(consent_from_json(one) for one in consents)


def _agreement(id: str, **more: Any) -> Any:
    document = {"id": id, "version": 1, "providers": ["gp"], "recipients": ["trust"],
                "effective": {"start": "2025"}, **more}  # fmt: skip
    return agreement_from_json(document, (Statement("gp", "sign", 0), Statement("trust", "sign", 0)))


AGREEMENTS = (
    _agreement("D1", emergency=True, terms=[{"purposes": ["TREAT"], "roles": ["doctor", "nurse"]}]),
    _agreement("D2", terms=[{"purposes": ["HRESCH"], "lookback_days": 3650}]),
)


def _coding(system: str, code: str) -> dict[str, str]:
    return {"system": V3 + system, "code": code}


def _resource(n: int) -> dict[str, Any]:
    labels = [_coding("ActCode", ("PSY", "HIV", "SDV")[n % 3])] if n % 4 == 0 else []
    return {
        "resourceType": "Observation", "id": f"o{n}", "status": "final", "subject": {"reference": ME},
        "code": {"coding": [{"system": "http://loinc.org", "code": f"{n % 90}-1"}]},
        "effectiveDateTime": f"20{10 + n % 15}-05-01", "meta": {"security": labels} if labels else {},
        "encounter": {"reference": f"Encounter/e{n % 9}"}, "performer": [{"reference": "Practitioner/w"}],
        "valueQuantity": {"value": 5, "unit": "mmol/L"},
    }  # fmt: skip


def _consent(n: int, subject: str = ME) -> dict[str, Any]:
    tree: dict[str, Any] = {"type": "permit", "purpose": [_coding("ActReason", "TREAT")]}
    if n % 3 == 1:
        tree = {
            "type": "permit",
            "provision": [{"type": "deny", "securityLabel": [_coding("ActCode", "PSY")]}],
        }
    if n % 3 == 2:
        tree = {"type": "deny", "actor": [{"reference": {"reference": "Organization/hosp"}}],
                "securityLabel": [_coding("ActCode", "HIV")]}  # fmt: skip
    return {
        "resourceType": "Consent", "id": f"c{n}", "status": "active", "dateTime": "2025-06-01",
        "scope": {"coding": [{"code": "patient-privacy"}]}, "patient": {"reference": subject},
        "policy": [{"uri": f"urn:p{n % 3}"}], "provision": tree,
    }  # fmt: skip


class _InClear:
    """The store without encryption: its time is not what is measured."""

    def seal(self, subject: str, plain: bytes, aad: bytes) -> bytes:
        return plain

    def open(self, subject: str, sealed: bytes, aad: bytes) -> bytes:
        return sealed


@contextmanager
def _million() -> Iterator[Connection]:
    """A database with a million consents, three a patient."""
    with tempfile.TemporaryDirectory(prefix="carepact-bench-") as folder:
        place = Path(folder) / "consents.db"
        engine = create_engine(f"sqlite:///{place}")
        metadata.create_all(engine)
        samples = [json.dumps(_consent(n)).encode() for n in range(3)]
        recorded = micros(datetime(2025, 6, 2, tzinfo=UTC))
        rows = ((f"c{n}", 1, f"Patient/p{n // 3}", recorded, "gp", samples[n % 3]) for n in range(STORED))
        raw = sqlite3.connect(place)
        raw.execute("pragma synchronous=off")
        raw.execute("pragma journal_mode=off")
        raw.executemany("insert into consent_version values (?,?,?,?,?,?)", rows)
        raw.commit()
        raw.close()
        with engine.connect() as connection:
            yield connection
        engine.dispose()


def _plan_build() -> float:
    """Read the consents of one patient, see them, fold the request: milliseconds, median over patients."""
    with _million() as connection:
        registry = SQLConsentRegistry(connection, _InClear())
        facts = digest(_resource(1), ResourceContext(custodian="gp"))

        def build(n: int) -> None:
            subject = f"Patient/p{n}"
            views = tuple(consent_from_stored(one) for one in registry.of_subjects((subject,), as_of=AT))
            assert len(views) == 3
            plan(REQUEST, DIRECTORY, FLOOR, AGREEMENTS, views).decide(facts)

        return p50([ms_of(lambda n=n: build(n * 997 % 330_000)) for n in range(300)][20:])  # type: ignore[misc]


_CEDAR = """
permit(principal, action == Action::"access", resource)
  when { context.purpose == "TREAT" && (principal in Org::"trust") && resource.custodian == "gp"
         && (context.roles.contains("doctor") || context.roles.contains("nurse")) };
forbid(principal, action, resource) when { resource.labels.contains("PSY") };
forbid(principal in Org::"hosp", action, resource) when { resource.labels.contains("HIV") };
forbid(principal, action, resource) when { context.purpose == "HMARKT" };
"""


def _beside_cedar(resources: list[Any], ours: float) -> list[Result]:
    """Cedar over an equivalent policy and entities: one batch of the same fifty."""
    try:
        import cedarpy
    except ImportError:
        return []
    asked = [
        {"principal": 'User::"dr"', "action": 'Action::"access"', "resource": f'Record::"{one["id"]}"',
         "context": {"purpose": "TREAT", "roles": ["doctor"]}}
        for one in resources
    ]  # fmt: skip
    entities = json.dumps([
        {"uid": {"type": "User", "id": "dr"}, "attrs": {}, "parents": [{"type": "Org", "id": "ward"}]},
        {"uid": {"type": "Org", "id": "ward"}, "attrs": {}, "parents": [{"type": "Org", "id": "hosp"}]},
        {"uid": {"type": "Org", "id": "hosp"}, "attrs": {}, "parents": [{"type": "Org", "id": "trust"}]},
        {"uid": {"type": "Org", "id": "trust"}, "attrs": {}, "parents": []},
        *({"uid": {"type": "Record", "id": one["id"]}, "parents": [],
           "attrs": {"custodian": "gp",
                     "labels": [label["code"] for label in one["meta"].get("security", [])]}}
          for one in resources),
    ])  # fmt: skip
    found = cedarpy.is_authorized_batch(asked, _CEDAR, entities)
    consents = tuple(consent_from_json(_consent(n)) for n in range(3))
    made = plan(REQUEST, DIRECTORY, FLOOR, AGREEMENTS, consents)
    mine = [made.decide(digest(one, ResourceContext(custodian="gp"))).effect == "permit" for one in resources]
    assert [one.allowed for one in found] == mine, "the two policies are not equivalent"
    batch = p50([ms_of(lambda: cedarpy.is_authorized_batch(asked, _CEDAR, entities)) for _ in range(30)])
    single = p50([ms_of(lambda: cedarpy.is_authorized(asked[0], _CEDAR, entities)) for _ in range(60)])
    return [
        _ratio("cedarpy, one batch of the same 50", batch * 1000 / 50, ours),
        _ratio("cedarpy, one call a resource", single * 1000, ours),
    ]


def _ratio(what: str, theirs: float, ours: float) -> Result:
    said = f"{theirs:.1f} us a resource, ours from stored facts {ours:.1f}, goal 5 times"
    return Result(f"engine: {what}", said, theirs / ours, theirs / ours >= 5)
