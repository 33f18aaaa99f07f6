"""The tour that `carepact demo` shows: one real exchange, every step checked, nothing left behind.

 1. A node with keys, members, agreements signed by both sides, three providers as processes of their own.
 2. The hospital sends its messages over MLLP; each is acknowledged after it is stored.
 3. The patient permits treatment: a consent, recorded before any record of hers was asked for.
 4. A health system asks: who is this, everything, summary. Each answer comes sealed and is verified.
 5. She withdraws what is labelled psychiatry; the same question again, the difference, and why.
 6. The signed decision receipts and the ledger verify.
A step that does not hold ends the tour with exit 10.
"""

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.interface import Identifier
from gateway.bootstrap import Runtime, open_node
from gateway.client.answer import Answer
from gateway.client.assertion import Purpose
from gateway.client.session import CarepactClient
from gateway.config import load
from gateway.directory.members import MembersFile
from gateway.exchange.consents import Act, Grant
from gateway.sandbox import founding
from gateway.sandbox.federation import Federation
from keys import jws
from keys.envelope.evidence import content_from_evidence
from keys.envelope.manifest import manifest_from_payload
from keys.errors import EnvelopeRefused


class StepFailed(Exception):
    """A step of the tour did not hold. The text is ours."""


@dataclass(slots=True)
class Step:
    """One line of the tour: what was done, whether it held, and rows to show."""

    name: str
    detail: str = ""
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    failed: bool = False


Show = Callable[[Step], None]


class Timer:
    """Shows each step with the time since the one before."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._last = time.monotonic()

    def done(self, step: Step) -> None:
        now = time.monotonic()
        step.seconds, self._last = now - self._last, now
        self._show(step)


@asynccontextmanager
async def temporary_federation(
    files: Mapping[str, Iterable[Path]], settings: str = ""
) -> AsyncIterator[Federation]:
    """A federation in a folder that goes with it, whatever happens. `settings`: more of the node's TOML."""
    with tempfile.TemporaryDirectory(prefix="carepact-demo-") as folder:
        federation = Federation(
            Path(folder) / "sandbox",
            today=datetime.fromtimestamp(time.time(), UTC).date().isoformat(),
            files={name: tuple(paths) for name, paths in files.items()},
            settings=settings,
        )
        try:
            await federation.start()
            yield federation
        finally:
            federation.stop()


def client_of(federation: Federation) -> CarepactClient:
    """The health system's session: the SDK as anybody uses it, over real sockets."""
    places = federation.places
    members = MembersFile(places.members)
    registration = founding.registration_of(places, federation.url)
    purpose = Purpose("TREAT", role="doctor")
    return CarepactClient(
        registration, purpose, lambda: members.current.trust, entropy=os.urandom, deadline=60
    )


@asynccontextmanager
async def administrator(federation: Federation) -> AsyncIterator[Runtime]:
    """The node's own services beside its running server, as the command line opens them."""
    async with open_node(load(federation.places.configuration)) as runtime:
        yield runtime


async def permit_treatment(runtime: Runtime, patient: Identifier, id: str) -> str:
    """Record a consent for TREAT by the health system's organisation."""
    act = Act("demo", "the patient says so at the desk", runtime.clock())
    grant = Grant(permit=("TREAT",), to=(founding.CALLER,), id=id)
    stored = await runtime.consents.grant(patient, grant, act)
    return f"{stored.id} version {stored.version}"


def source_rows(answer: Answer, decisions: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """The table of one answer: source, state, records, verified, decision."""
    rows = []
    for source in answer.sources:
        counts = source.get("counts", {})
        reasons = decisions.get(source["source"], {})
        told = ", ".join(_decisions(reasons, sum(counts.values()), source.get("truncated", 0)))
        rows.append(
            {
                "source": f"{source['org']}/{source['source']}",
                "state": source["state"],
                "records": sum(counts.values()),
                "verified": "yes" if answer.evidence else "statement only",
                "decision": told or source.get("reason", ""),
            }
        )
    return rows


def _decisions(reasons: Mapping[str, int], sent: int, truncated: int) -> list[str]:
    """How often each reason was given; what a permit covers and is not sent; what the source is short of."""
    told = [f"{reason} {count}" for reason, count in sorted(reasons.items())]
    permitted = sum(count for reason, count in reasons.items() if reason.endswith("permit"))
    if permitted > sent > 0:
        told.append(f"{permitted - sent} of them not carried or referred to by nothing")
    return told + ([f"{truncated} values of the source could not be read"] if truncated else [])


def verify_evidence(answer: Answer) -> None:
    """What a health system keeps proves what it was given: signed manifest and blind over the exact bytes."""
    if answer.evidence is None:
        raise StepFailed("the answer was not sealed")
    kept = answer.evidence
    manifest = manifest_from_payload(jws.parse(kept.jws, jws.MANIFEST).payload)
    try:
        proven = content_from_evidence(manifest, kept.blind, kept.content)
    except EnvelopeRefused:
        raise StepFailed("the kept evidence does not hold") from None
    if proven != answer.raw:
        raise StepFailed("the kept evidence is not about this answer")


def require(holds: bool, otherwise: str) -> None:
    """A check of the tour."""
    if not holds:
        raise StepFailed(otherwise)
