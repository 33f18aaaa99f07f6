"""The steps of the tour over the synthetic population (see `tour.py` for what they are)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from adapters.interface import Identifier
from consent.fhir import excepted_from_text
from gateway.audit import exchanges, receipts
from gateway.audit.verify import verify
from gateway.bootstrap import Runtime
from gateway.client.answer import Answer
from gateway.client.session import CarepactClient
from gateway.exchange.consents import Act
from gateway.sandbox import founding
from gateway.sandbox.decisions import Reasons, reasons_of
from gateway.sandbox.federation import Federation
from gateway.sandbox.patients import NHS_NUMBER, identifier_of
from gateway.sandbox.tour import (
    Show,
    Step,
    Timer,
    administrator,
    client_of,
    permit_treatment,
    require,
    source_rows,
    temporary_federation,
    verify_evidence,
)
from keys.note import key_from_vkey

PATIENT = "patient_with_full_record"
_TABLE = ("source", "state", "records", "verified", "decision")


async def tour(show: Show, settings: str = "") -> bool:
    """Run the tour; `settings` as in `Federation`. Raises `StepFailed` at the first that does not hold."""
    timer = Timer(show)
    async with temporary_federation({}, settings) as federation:
        timer.done(
            Step(
                "A node, three providers and a health system are up",
                "keys, members and agreements made; all other keys are UnsafeDemoKeys of this folder",
                ("part", "speaks", "address"),
                _parts(federation),
            )
        )
        await _send_messages(federation, timer)
        number = identifier_of(PATIENT)
        require(number is not None, "the population lacks its patient")
        patient = Identifier(NHS_NUMBER, number[1] if number else "")
        async with administrator(federation) as runtime, client_of(federation) as client:
            stored = await permit_treatment(runtime, patient, "c1")
            timer.done(Step("The patient permits treatment by northshire.example", f"consent {stored}"))
            before = await _ask(runtime, client, patient, timer, "A health system asks for everything")
            await _summary(client, before, timer)
            act = Act("demo", "the patient asked for it", runtime.clock())
            changed = await runtime.consents.withdraw("c1", act, only=excepted_from_text("label:PSY"))
            timer.done(
                Step(
                    "She withdraws what is labelled psychiatry",
                    f"consent {changed.id} version {changed.version}; binds the next resource",
                )
            )
            after = await _ask(runtime, client, patient, timer, "The same question again")
            await _difference(runtime, before, after, timer)
            await _verify(runtime, timer)
    return True


def _parts(federation: Federation) -> list[dict[str, Any]]:
    speaks = {
        "gp": "GP Connect Access Record Structured (FHIR STU3)",
        "hospital": "HL7 v2 over MLLP",
        "specialist": "C-CDA documents over HTTP",
    }
    rows = [{"part": "node greenfield.example", "speaks": "FHIR R4, sealed", "address": federation.url}]
    return rows + [
        {"part": f"mock {name}", "speaks": words, "address": federation.provider(name)}
        for name, words in speaks.items()
    ]


async def _send_messages(federation: Federation, timer: Timer) -> None:
    sent = await federation.control("hospital", "POST", "send", {"patient": PATIENT, "message": "*"})
    codes = [line.get("code") for line in sent]
    require(bool(codes) and all(code == "AA" for code in codes), "a message was not acknowledged with AA")
    timer.done(
        Step(
            "The hospital sends its messages over MLLP", f"{len(codes)} stored durably, then acknowledged AA"
        )
    )


async def _ask(
    runtime: Runtime, client: CarepactClient, patient: Identifier, timer: Timer, name: str
) -> Answer:
    found = await client.find_patients(patient.system, patient.value)
    ids = [r["id"] for r in found.resources if r["resourceType"] == "Patient"]
    require(len(ids) == 3, "not every source knows the patient")
    answer = await client.everything(ids[0])
    verify_evidence(answer)
    reasons = await reasons_of(runtime, answer.exchange)
    rows = source_rows(answer, reasons)
    require(all(row["state"] == "answered" for row in rows), "a source did not answer")
    counts = answer.counts()
    detail = f"{sum(counts.values())} resources of {len(counts)} types, sealed to its key, opened, verified"
    timer.done(Step(name, detail, _TABLE, rows))
    return answer


async def _summary(client: CarepactClient, everything: Answer, timer: Timer) -> None:
    patient = next(r["id"] for r in everything.resources if r["resourceType"] == "Patient")
    answer = await client.summary(patient)
    verify_evidence(answer)
    composition = answer.bundle["entry"][0]["resource"]
    rows = [
        {"section": section["title"], "entries": len(section.get("entry", []))}
        for section in composition["section"]
    ]
    require({"Problems", "Allergies and intolerances", "Medication"} <= {r["section"] for r in rows},
            "a required section is missing")  # fmt: skip
    timer.done(Step("It asks for the International Patient Summary", "", ("section", "entries"), rows))


async def _difference(runtime: Runtime, before: Answer, after: Answer, timer: Timer) -> None:
    """What is gone, by type, and the reason that the node's own receipts give."""
    was, now = before.counts(), after.counts()
    rows = [
        {"type": kind, "before": was[kind], "after": now.get(kind, 0)}
        for kind in was
        if was[kind] != now.get(kind, 0)
    ]
    reasons = await reasons_of(runtime, after.exchange)
    denied = sum(told.get("consent-deny", 0) for told in reasons.values())
    require(denied > 0 and bool(rows), "the withdrawal changed nothing")
    words = await _why(runtime, after.exchange)
    held = [r for r in after.resources if _is_psychiatry(r)]
    require(not held, "something labelled psychiatry was released after the withdrawal")
    gone = sum(was.values()) - sum(now.values())
    name = f"{denied} resources are denied now, {gone} fewer leave (what only those referred to stays too)"
    timer.done(Step(name, words, ("type", "before", "after"), rows))


def _is_psychiatry(resource: Mapping[str, Any]) -> bool:
    return any(label.get("code") == "PSY" for label in resource.get("meta", {}).get("security", []))


async def _why(runtime: Runtime, exchange: str) -> str:
    """The administrator's words for one denial, from its receipt."""
    return await runtime.database.read(lambda c: Reasons(c, runtime.node).why(exchange, "consent-deny"))


async def _verify(runtime: Runtime, timer: Timer) -> None:
    """The signed decision statements cover the kept receipts, and every leaf of the ledger holds."""
    trust = runtime.members.current.trust
    now = int(runtime.clock().timestamp())

    def check(connection: Connection) -> tuple[int, Any]:
        vault = runtime.node.room(connection).vault
        seen = 0
        for kept in exchanges.list_exchanges(connection):
            statement = receipts.read_decision(kept.decision or b"", trust.resolver(founding.NODE, now))
            held = receipts.of_exchange(connection, kept.id, vault)
            receipts.require_receipts(statement, [one.data for one in held])
            seen += len(held)
        member = trust.member(founding.NODE)
        keys = [key_from_vkey(line) for line in member.log_vkeys] if member else []
        report = verify(connection, me=founding.NODE, keys=keys, vault=vault)
        return seen, report

    seen, report = await runtime.database.read(check)
    require(report.finding is None, "the ledger does not verify")
    timer.done(
        Step(
            "Receipts and ledger verify",
            f"{seen} decision receipts under signed statements; {report.leaves} leaves, "
            f"{report.checkpoints} checkpoints, {report.details} details",
        )
    )
