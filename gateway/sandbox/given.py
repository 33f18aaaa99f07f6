"""The tour over given files: the mocks serve them as they are, one exchange for each person found in them.

Nobody is linked to fit: a person is asked for by an identifier that her own file carries, as the node's index
read it. A file that is no patient's record is named with its reason; the rest goes on, and the exit code says
that not everything held.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from adapters.interface import Identifier
from gateway.bootstrap import Runtime
from gateway.client.errors import ClientError
from gateway.client.session import CarepactClient
from gateway.intake.interface import Kept
from gateway.intake.losses import sum_losses
from gateway.sandbox.decisions import reasons_of
from gateway.sandbox.federation import Federation
from gateway.sandbox.tour import (
    Show,
    Step,
    Timer,
    administrator,
    client_of,
    permit_treatment,
    source_rows,
    temporary_federation,
    verify_evidence,
)

_TABLE = ("source", "state", "records", "verified", "decision")


@dataclass(frozen=True, slots=True)
class Found:
    """A person found in the files: her identifiers as the index holds them, never shown."""

    person: str
    identifier: Identifier


async def tour_of_files(files: Mapping[str, Iterable[Path]], show: Show) -> bool:
    """Whether every file was a patient's record and every exchange held."""
    timer = Timer(show)
    whole = True
    async with temporary_federation(files) as federation:
        timer.done(Step("A node, and three providers that serve the given files as they are"))
        whole &= await _refused_files(federation, timer)
        whole &= await _send(federation, timer)
        async with administrator(federation) as runtime, client_of(federation) as client:
            await _first_questions(federation, client)
            people = await _people(runtime)
            for number, person in enumerate(people, 1):
                whole &= await _exchange(runtime, client, person, f"Person {number} of {len(people)}", timer)
            whole &= await _losses(runtime, timer)
            if not people:
                timer.done(Step("No person was found in the files", failed=True))
                whole = False
    return whole


async def _refused_files(federation: Federation, timer: Timer) -> bool:
    """Files that a provider cannot serve at all, each named with its reason."""
    rows = []
    for provider in ("gp", "hospital", "specialist"):
        population = await federation.control(provider, "GET", "population")
        rows += [
            {"file": one["name"], "reason": one["refused"]}
            for one in population.get("files", [])
            if one.get("refused")
        ]
    if rows:
        timer.done(Step("Files that are no patient's record", "", ("file", "reason"), rows, failed=True))
    return not rows


async def _send(federation: Federation, timer: Timer) -> bool:
    """The hospital's files over MLLP; what was not taken in is named by its acknowledgement code."""
    population = await federation.control("hospital", "GET", "population")
    names = [one["name"] for one in population.get("files", []) if not one.get("refused")]
    if not names:
        return True
    rows: list[dict[str, Any]] = []
    for name in names:
        lines = await federation.control("hospital", "POST", "send", {"file": name})
        codes = [f"{line.get('code') or line['outcome']} {line.get('error') or ''}".strip() for line in lines]
        rows.append({"file": name, "messages": len(lines), "acknowledged": ", ".join(sorted(set(codes)))})
    failed = any(row["acknowledged"] != "AA" for row in rows)
    columns = ("file", "messages", "acknowledged")
    timer.done(Step("The hospital sends its files over MLLP", "", columns, rows, failed=failed))
    return not failed


async def _first_questions(federation: Federation, client: CarepactClient) -> None:
    """Ask for everybody whom the GP's and the specialist's files are about, by what stands in the file.

    Nothing is released yet, for nobody has permitted anything; but now the index knows who they are.
    """
    asked = set()
    for provider in ("gp", "specialist"):
        population = await federation.control(provider, "GET", "population")
        for file in population.get("files", []):
            for identifier in file.get("identifiers", [])[:1]:
                asked.add((identifier["system"], identifier["value"]))
    for system, value in sorted(asked):
        await client.find_patients(system, value, accept_partial=True)


async def _people(runtime: Runtime) -> list[Found]:
    """Everybody whose record was taken in, in the order of arrival, each with an identifier of her own."""
    kept: list[Kept] = []
    for bound in runtime.node.sources:
        kept += await runtime.node.intake.newest(bound.source.id)
    persons = dict.fromkeys(one.person for one in sorted(kept, key=lambda k: k.arrival) if one.person)

    def read(connection: Connection) -> list[Found]:
        index = runtime.node.room(connection).index
        found = {}
        for person in persons:
            current = index.person_of(person) or person
            identifiers = index.identifiers(current)
            if identifiers:
                found[current] = Found(current, identifiers[0])
        return list(found.values())

    return await runtime.database.read(read)


async def _exchange(runtime: Runtime, client: CarepactClient, person: Found, name: str, timer: Timer) -> bool:
    """One person: permit, ask, open, verify; resources per type."""
    await permit_treatment(runtime, person.identifier, f"c-{person.person.removeprefix('Patient/')[:20]}")
    try:
        found = await client.find_patients(
            person.identifier.system, person.identifier.value, accept_partial=True
        )
        ids = [r["id"] for r in found.resources if r["resourceType"] == "Patient"]
        if not ids:
            timer.done(Step(f"{name}: nothing was released", failed=True))
            return False
        answer = await client.everything(ids[0], accept_partial=True)
        verify_evidence(answer)
    except ClientError as error:
        timer.done(Step(f"{name}: {error}", failed=True))
        return False
    rows = source_rows(answer, await reasons_of(runtime, answer.exchange))
    counts = answer.counts()
    detail = f"{sum(counts.values())} resources, sealed, opened, verified"
    timer.done(Step(name, detail, _TABLE, rows))
    types = [{"type": kind, "resources": count} for kind, count in counts.items()]
    timer.done(Step(f"{name}: resources per type", "", ("type", "resources"), types))
    return True


async def _losses(runtime: Runtime, timer: Timer) -> bool:
    """What became of every value, per source; originals that entered no record make the tour fail."""
    sums = [await _sums(runtime, bound.source.id) for bound in runtime.node.sources]
    rows = [row for row, _ in sums if row]
    columns = ("source", "originals", "total", "mapped", "kept", "lost", "most")
    words = "mapped, kept as it came, or lost with a line"
    timer.done(Step("What became of every value", words, columns, rows))
    refused = [row for _, found in sums for row in found]
    if refused:
        named = ("source", "media", "reason")
        timer.done(Step("Originals that entered no record", "", named, refused, failed=True))
    return not refused


async def _sums(runtime: Runtime, source: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One row of sums of a source (empty if nothing came), and its originals that entered no record."""
    kept = await runtime.node.intake.newest(source)
    if not kept:
        return {}, []
    counts = {name: sum(one.counts[name] for one in kept) for name in ("total", "mapped", "kept", "lost")}
    lines = await runtime.database.read(lambda connection: sum_losses(connection, source))
    most = ", ".join(f"{line.key} {line.items}" for line in lines[:4])
    refused = [
        {"source": source, "media": one.media_type, "reason": one.reason or ""}
        for one in kept
        if one.state in ("quarantined", "refused")
    ]
    return {"source": source, "originals": len(kept), **counts, "most": most}, refused
