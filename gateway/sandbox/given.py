"""The tour over given files: the mocks serve them as they are, one exchange for each person found in them.

1. Files that are no patient's record are named with their reason; the rest goes on.
2. The hospital sends its messages; the GP and the document source are asked for whom their files name.
3. Nobody is linked to fit: a person is asked for by an identifier that her own file carries, as the node's
   index read it.
4. What became of each file, part by part: what entered no record is named with its reason.
Whether everything held is the exit code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from adapters.interface import Identifier
from gateway.bootstrap import Runtime
from gateway.client.answer import Answer
from gateway.client.errors import ClientError
from gateway.client.session import CarepactClient
from gateway.errors import Problem
from gateway.records.tables import patient_link
from gateway.sandbox.decisions import reasons_of
from gateway.sandbox.federation import Federation
from gateway.sandbox.given_fates import kept_of, tell_fates
from gateway.sandbox.given_files import Served, read_files, rounds, settle, shortened, told_from_line
from gateway.sandbox.tour import (
    Show,
    Step,
    StepFailed,
    Timer,
    administrator,
    client_of,
    permit_treatment,
    source_rows,
    temporary_federation,
    verify_evidence,
)

_TABLE = ("source", "state", "records", "verified", "decision")
_NOT_ANSWERED = ("failed", "timed-out")
_MIXED = "subject-mismatch"
"""Something that a source says of two people under one id: withheld, and never unnoticed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A person found in the files. `identifier`: one of hers that leads to her alone, never shown."""

    person: str
    identifier: Identifier | None


async def tour_of_files(files: Mapping[str, Iterable[Path]], show: Show) -> bool:
    """Whether every file was a patient's record and every exchange held. Raises `StepFailed`."""
    timer = Timer(show)
    found = read_files({name: tuple(files.get(name, ())) for name in ("gp", "hospital", "specialist")})
    turns = rounds(found)
    whole = _refused_files(found, timer)
    for number, turn in enumerate(turns):
        whole &= await _round(turn, timer, number)
    if not turns:
        timer.done(Step("No person was found in the files", failed=True))
    return whole and bool(turns)


async def _round(turn: Mapping[str, list[Served]], timer: Timer, number: int) -> bool:
    """One sandbox with the files that it can serve together."""
    paths = {name: [one.path for one in served] for name, served in turn.items()}
    served = [one for each in turn.values() for one in each]
    whole = True
    try:
        async with temporary_federation(paths) as federation:
            timer.done(_opening(served, number))
            await _send(federation, turn.get("hospital", []), timer)
            async with administrator(federation) as runtime, client_of(federation) as client:
                await _first_questions(runtime, client, [*turn.get("gp", []), *turn.get("specialist", [])])
                people = await _people(runtime)
                for n, person in enumerate(people, 1):
                    whole &= await _exchange(runtime, client, person, f"Person {n} of {len(people)}", timer)
                whole &= await tell_fates(runtime, served, timer)
                if not people:
                    timer.done(Step("No person was found in the files", failed=True))
                    whole = False
    except (ClientError, OSError, Problem) as error:
        raise StepFailed(_constant(error)) from None
    return whole


def _opening(served: list[Served], number: int) -> Step:
    if not number:
        return Step("A node, and three providers that serve the given files as they are")
    names = ", ".join(one.name for one in served[:3]) + (f" and {len(served) - 3} more" if served[3:] else "")
    detail = f"{names}: what they say of a number or an id contradicts a file that was served before"
    return Step("Another node, for files of another source", detail)


def _constant(error: Exception) -> str:
    """Texts of ours are constant; of a foreign error only its name is told."""
    return str(error) if isinstance(error, (ClientError, Problem)) else type(error).__name__


def _refused_files(found: Mapping[str, list[Served]], timer: Timer) -> bool:
    """Files that a provider cannot serve at all, each named with its reason."""
    rows = [
        {"file": one.name, "given as": f"--{provider}", "reason": one.given.refused}
        for provider, served in found.items()
        for one in served
        if one.given.refused is not None
    ]
    if rows:
        columns = ("file", "given as", "reason")
        timer.done(Step("Files that are not served", "", columns, shortened(rows), failed=True))
    return not rows


async def _send(federation: Federation, served: list[Served], timer: Timer) -> None:
    """The hospital's files over MLLP, message by message; what was answered stays with the message."""
    if not served:
        return
    population = await federation.control("hospital", "GET", "population")
    names = [one["name"] for one in population["files"]]
    rows: list[dict[str, Any]] = []
    for file in served:
        for part in file.parts:
            wanted = {"file": names[file.index], "part": part.number}
            (line,) = await federation.control("hospital", "POST", "send", wanted)
            part.told = told_from_line(line)
        rows.append({"file": file.name, "messages": len(file.parts), "acknowledged": _answers(file)})
    columns = ("file", "messages", "acknowledged")
    failed = any(not part.told.startswith("AA") for file in served for part in file.parts)
    name = "The hospital sends its files over MLLP"
    timer.done(Step(name, _skipped(served), columns, shortened(rows), failed=failed))


def _answers(file: Served) -> str:
    """Each answer that came, and how often if there were several."""
    told = [part.told for part in file.parts]
    if len(told) == 1:
        return told[0]
    return ", ".join(f"{one}: {told.count(one)}" for one in dict.fromkeys(told))


def _skipped(served: list[Served]) -> str:
    lines = sum(one.given.skipped for one in served)
    return f"{lines} line(s) before the first message belong to none" if lines else ""


async def _first_questions(runtime: Runtime, client: CarepactClient, served: list[Served]) -> None:
    """Ask for everybody whom these files are about, by what stands in each, until its bytes have come.

    Nothing is released yet, for nobody has permitted anything; but now the index knows who they are.
    """
    asked: set[tuple[str, str]] = set()
    for file in served:
        for part in file.parts:
            part.told = "not asked for: no identifier that its source can be asked by"
        for system, value in file.candidates():
            told = "another file answers for the same identifier"
            if (system, value) not in asked:
                asked.add((system, value))
                told = await _ask_first(client, system, value, file.provider)
            settle([file], await kept_of(runtime))
            for part in file.parts:
                part.told = told
            if all(part.stored for part in file.parts):
                break


async def _ask_first(client: CarepactClient, system: str, value: str, provider: str) -> str:
    """How the source ended, if it did not answer; the words are ours."""
    try:
        answer = await client.find_patients(system, value, accept_partial=True)
    except ClientError as error:
        return str(error)
    kinds = {"gp": "gp", "specialist": "letters"}
    row = next((one for one in answer.sources if one["source"] == kinds[provider]), {})
    return " ".join(str(row[name]) for name in ("state", "reason") if name in row)


async def _people(runtime: Runtime) -> list[Found]:
    """Everybody who has a record, in the order of arrival."""

    def read(connection: Connection) -> list[Found]:
        index = runtime.node.room(connection).index
        query = select(patient_link.c.patient).order_by(patient_link.c.at, patient_link.c.patient)
        people = [index.person_of(row.patient) for row in connection.execute(query)]
        found = []
        for person in dict.fromkeys(one for one in people if one):
            own = index.identifiers(person)
            found.append(Found(person, next((i for i in own if index.resolve([i]).person == person), None)))
        return found

    return await runtime.database.read(read)


async def _exchange(runtime: Runtime, client: CarepactClient, person: Found, name: str, timer: Timer) -> bool:
    """One person: permit, ask, open, verify; resources per type."""
    if person.identifier is None:
        timer.done(
            Step(
                f"{name}: every identifier is a placeholder or shared with others, so nobody can ask",
                failed=True,
            )
        )
        return False
    try:
        found, answer = await _everything(runtime, client, person.person, person.identifier)
    except (ClientError, Problem) as error:
        timer.done(Step(f"{name}: {error}", failed=True))
        return False
    reasons = await reasons_of(runtime, (answer or found).exchange)
    rows = source_rows(answer or found, reasons)
    if answer is None:
        detail = "the decision on her own Patient resource says why"
        timer.done(Step(f"{name}: no Patient was released", detail, _TABLE, rows, failed=True))
        return False
    counts = answer.counts()
    detail = f"{sum(counts.values())} resources, sealed, opened, verified"
    failed = any(row["state"] in _NOT_ANSWERED for row in answer.sources)
    failed |= any(_MIXED in told for told in reasons.values())
    timer.done(Step(name, detail, _TABLE, rows, failed=failed))
    types = [{"type": kind, "resources": count} for kind, count in counts.items()]
    timer.done(Step(f"{name}: resources per type", "", ("type", "resources"), types))
    return not failed


async def _everything(
    runtime: Runtime, client: CarepactClient, person: str, identifier: Identifier
) -> tuple[Answer, Answer | None]:
    """Who she is, asked for by her identifier, and her whole record; None if no Patient was released."""
    await permit_treatment(runtime, identifier, f"c-{person.removeprefix('Patient/')[:20]}")
    found = await client.find_patients(identifier.system, identifier.value, accept_partial=True)
    ids = [r["id"] for r in found.resources if r["resourceType"] == "Patient"]
    if not ids:
        return found, None
    answer = await client.everything(ids[0], accept_partial=True)
    verify_evidence(answer)
    return found, answer
