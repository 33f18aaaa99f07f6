"""What in a consent may mean something else than its author thinks, told when it is recorded (consent.md 14).

Beside what its text shows: a tie with another of her consents, an older one that it silences, and a giver who
has no right to give it.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from consent.directory import Directory
from consent.interface import StoredConsent
from consent.lint import SILENCES, TIE, WITHOUT_RIGHT, Caution, cautions_of_consent, tied
from consent.patient import silenced
from consent.person import may_consent
from consent.record import ConsentView, consent_from_stored
from consent.request import AccessRequest
from gateway.exchange.act import Act
from gateway.exchange.consents import Consents
from gateway.exchange.node import Node
from gateway.exchange.policy import read_policy
from gateway.records.interface import KeyErased


def presumes(node: Node) -> bool:
    """Whether the law here presumes consent to some purpose, so that silence permits."""
    return any(rule.mode == "OPT_OUT" for rule in node.floor.rules)


@dataclass(frozen=True, slots=True)
class Task:
    """A consent that waits for a person: `why` is `uncomputable` (it denies until it is repaired) or
    `performer-without-right` (its permit does not count).
    """

    id: str
    version: int
    why: str
    path: str
    said: str


async def tasks_since(node: Node, consents: Consents, act: Act, since: datetime) -> tuple[Task, ...]:
    """Of everybody's consents recorded since, those that somebody must look at; of erased persons none."""
    ids = await node.database.read(lambda c: consents.registry(c).ids_since(since))
    found = []
    for id in ids:  # a unit each: a long look back holds no snapshot
        task = await node.database.read(partial(_task, node=node, consents=consents, act=act, id=id))
        found += [task] if task is not None else []
    return tuple(found)


def _task(connection: Connection, node: Node, consents: Consents, act: Act, id: str) -> Task | None:
    try:
        stored = consents.registry(connection).current(id)
    except KeyErased:
        return None
    view = None if stored is None else consent_from_stored(stored)
    if stored is None or view is None or view.status != "active":
        return None
    if view.uncomputable is not None:
        return Task(id, stored.version, "uncomputable", view.uncomputable.path, view.uncomputable.why)
    if not any(giver != view.patient for giver in view.performers):
        return None
    told = (one for one in _cautions(connection, node, stored, act) if one is WITHOUT_RIGHT)
    return next((Task(id, stored.version, one.code, one.path, one.said) for one in told), None)


async def cautions_of(node: Node, stored: StoredConsent, act: Act) -> tuple[Caution, ...]:
    """Of a version that was, or would be, recorded."""
    return await node.database.read(lambda c: _cautions(c, node, stored, act))


def _cautions(connection: Connection, node: Node, stored: StoredConsent, act: Act) -> tuple[Caution, ...]:
    request = AccessRequest("caution", stored.subject, node.member, ("TREAT",), act.at)
    policy = read_policy(connection, node, stored.subject, request)
    view = consent_from_stored(stored, own=node.organisations)
    newest = {one.id: one for one in sorted(policy.consents, key=lambda one: one.version)}
    others = [one for id, one in newest.items() if id != view.id]
    found = [*cautions_of_consent(view, opt_out=presumes(node))]
    found += [TIE] if tied([view, *others])[0] else []
    found += [SILENCES] if view.status == "active" and silenced(view, others) else []
    if view.root.type == "permit" and not _given_by_right(view, policy.directory, node.floor.parental_until):
        found.append(WITHOUT_RIGHT)
    return tuple(found)


def _given_by_right(view: ConsentView, directory: Directory, parental_until: int) -> bool:
    if not view.performers or view.patient is None or view.given is None:
        return True
    return any(
        giver == view.patient
        or (giver is not None and may_consent(giver, view.patient, view.given, directory, parental_until))
        for giver in view.performers
    )
