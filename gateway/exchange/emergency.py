"""Break-glass in the exchange: who is barred from it, and the grant that a use opens, uses or extends.

A grant is for one person and one patient (consent.md 9). Only what leaves by it consumes it: an emergency
that was declared and not needed leaves no mark here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from consent.breakglass import bar_of_emergency, newest_grant, next_step
from consent.grant import Grant, GrantEvent
from consent.instants import datetime_from_micros, instant_text, micros
from consent.request import AccessRequest
from consent.store.grants import SQLGrantRegistry
from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.exchange.node import Node


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """One answer that left by an emergency. `patients`: every reference of the person."""

    who: str
    org: str
    person: str
    patients: tuple[str, ...]
    reason: str
    at: datetime
    exchange: str


def who_breaks(request: AccessRequest, who: str | None) -> str | None:
    """Whose grants count: the directory id, else the proven identifier; None where no emergency is stated."""
    stated = request.emergency is not None and request.emergency.stated
    return (request.practitioner or who or f"unnamed|{request.org}") if stated else None


def bar(
    connection: Connection, node: Node, who: str, request: AccessRequest, at: datetime,
    patients: Sequence[str],
) -> str | None:  # fmt: skip
    """Why a declared emergency of this person does not count now (`bar_of_emergency`), or None."""
    grants = SQLGrantRegistry(connection, node.room(connection).vault).of_person(who, patients)
    reason = request.emergency.reason if request.emergency else ""
    return bar_of_emergency(grants, patients, reason, micros(at), node.floor.break_glass)


def record_use(connection: Connection, node: Node, used: BrokenGlass) -> Grant:
    """In the releasing unit, after its leaf: open, use or extend the grant; a use has that leaf alone."""
    registry = SQLGrantRegistry(connection, node.room(connection).vault)
    held = newest_grant(registry.of_person(used.who, used.patients), used.patients)
    at = micros(used.at)
    kind, until = next_step(held, at, node.floor.break_glass)
    event = GrantEvent(
        kind,
        at,
        used.who,
        until=until if kind != "use" else None,
        text=used.reason.strip() if kind != "use" else None,
        exchange=used.exchange,
    )
    if kind == "open" or held is None:
        id = f"bg-{node.entropy(6).hex()}"
        grant = Grant(id, used.who, used.org, used.person, at, (event,))
        registry.open(grant)
    else:
        grant = held
        registry.add(grant, event)
    if kind != "use":
        detail = {"grant": grant.id, "action": kind, "practitioner": used.who, "organisation": used.org,
                  "until": instant_text(datetime_from_micros(until)), "exchange": used.exchange}  # fmt: skip
        log_step(connection, node, used.person, int(used.at.timestamp()), detail)
    return grant


def log_step(connection: Connection, node: Node, person: str, at: int, detail: Mapping[str, object]) -> None:
    """A leaf of kind `breakglass` about this person."""
    vault = node.room(connection).vault
    entry = Entry("breakglass", at, person=person, detail=detail)
    ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)
