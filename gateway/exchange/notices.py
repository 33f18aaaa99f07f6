"""Notices to patients: an emergency opened her record, and she is told (consent.md 9, BTG-NOTIFY-PATIENT).

1. Due in the very transaction of the release: answer and notice are on record, or neither is.
2. Several answers to one organisation, until she is told, are one notice; its day stays that of the first.
3. Put off where a source's rule (`defer-notice`) or an officer says that telling endangers someone: it stays
   on the list. She reads of the telling in her own log, of the putting off she does not: that would tell her.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from consent.decision import Permit
from consent.grant import HOUR
from consent.instants import Micros, micros
from consent.notice import CHANNELS, Notice, NoticeEvent
from consent.request import AccessRequest
from consent.source_rules import SourceRule
from consent.store.notices import SQLNoticeRegistry
from gateway.audit import ledger
from gateway.audit.interface import Entry
from gateway.errors import Problem
from gateway.exchange.act import Act
from gateway.exchange.decide import Decided
from gateway.exchange.node import Node
from gateway.exchange.policy import Policy
from gateway.exchange.rehearsal import write_or_rehearse

OBLIGATION = "BTG-NOTIFY-PATIENT"
_NEXT = "Known ones: carepact breakglass notice list"


@dataclass(frozen=True, slots=True)
class DueNotice:
    """What one answer owes the patient. `patients`: all references of her; `held`: code of what defers."""

    person: str
    patients: tuple[str, ...]
    org: str
    at: datetime
    exchange: str
    held: str | None


def due_notice(policy: Policy, exchange: str, leaving: Iterable[Decided]) -> DueNotice | None:
    """What an answer owes: a notice if anything leaves under the obligation to tell her."""
    request, person = policy.request, policy.person
    owed = [
        one for one in leaving if isinstance(one.decision, Permit) and OBLIGATION in one.decision.obligations
    ]
    if not owed or person is None:
        return None
    held = next((rule.code for one in owed if (rule := _deferring(policy, request, one))), None)
    return DueNotice(person, policy.epochs.persons, request.org, request.at, exchange, held)


def _deferring(policy: Policy, request: AccessRequest, one: Decided) -> SourceRule | None:
    return next(
        (
            rule
            for rule in policy.source_rules.rules
            if rule.effect == "defer-notice"
            and any(rule.asked(code, request.roles, one.facts.custodian) for code in request.purpose)
            and rule.touches(one.facts)
        ),
        None,
    )


def record_due(connection: Connection, node: Node, due: DueNotice) -> Notice:
    """In the releasing unit, after its leaf: one more answer of an untold notice, or a new one."""
    registry = _registry(connection, node)
    at = micros(due.at)
    known = registry.of_patient(due.patients, due.org)
    held = next((one for one in reversed(known) if one.state(at) != "told"), None)
    kind = "open" if held is None else "use"
    events = [NoticeEvent(kind, at, due.org, exchange=due.exchange)]
    if due.held is not None and (held is None or held.state(at) == "due"):
        events.append(NoticeEvent("defer", at, due.org, text=due.held))
    if held is None:
        days = node.floor.break_glass.notify_hours * HOUR
        id = f"nt-{node.entropy(6).hex()}"
        held = Notice(id, due.person, due.org, at, at + days, tuple(events))
        registry.open(held)
        _log(connection, node, None, due.at, {"notice": id, "action": "notice-due", "exchange": due.exchange})
    else:
        for event in events:
            registry.add(held, event)
    return held


class Notices:
    """Every notice of the node, and what officers do about them. Each step has its leaf, appended first."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def since(self, at: Micros) -> tuple[Notice, ...]:
        """Notices opened from an instant on, oldest first, without words."""
        return await self._node.database.read(lambda c: _registry(c, self._node).since(at))

    async def get(self, id: str) -> Notice:
        """One notice with its words. Raises `not_found`."""
        return await self._node.database.read(lambda c: self._held(c, id))

    async def tell(self, id: str, channel: str, act: Act, *, dry_run: bool = False) -> Notice:
        """She was told, in this way. Raises `conflict` if she was before, or it is put off."""
        if channel not in CHANNELS:
            raise Problem("invalid", expression="--by", hint=", ".join(CHANNELS))

        def check(notice: Notice, at: Micros) -> None:
            _require(notice.state(at) != "deferred", "it is put off: carepact breakglass notice resume")

        event = NoticeEvent("tell", micros(act.at), act.by, channel=channel, text=act.reason)
        return await self._step(id, event, act, check, dry_run)

    async def defer(self, id: str, until: Micros | None, act: Act, *, dry_run: bool = False) -> Notice:
        """Put it off, until an instant or until `resume`: telling would endanger someone."""

        def check(notice: Notice, at: Micros) -> None:
            if until is not None and until <= at:
                raise Problem("invalid", expression="--until", hint="a day that is still to come")

        event = NoticeEvent("defer", micros(act.at), act.by, until=until, text=act.reason)
        return await self._step(id, event, act, check, dry_run)

    async def resume(self, id: str, act: Act, *, dry_run: bool = False) -> Notice:
        """It may be told after all. Raises `conflict` where it is not put off."""

        def check(notice: Notice, at: Micros) -> None:
            _require(notice.state(at) == "deferred", "it is not put off: carepact breakglass notice show")

        event = NoticeEvent("resume", micros(act.at), act.by, text=act.reason)
        return await self._step(id, event, act, check, dry_run)

    async def _step(
        self, id: str, event: NoticeEvent, act: Act, check: Callable[[Notice, Micros], None], dry_run: bool
    ) -> Notice:
        def unit(connection: Connection) -> Notice:
            found = self._held(connection, id)
            about = found.patient if event.kind == "tell" else None
            detail = {"notice": id, "action": f"notice-{event.kind}", "by": act.by, "reason": act.reason}
            more = {"channel": event.channel} if event.channel else {}
            _log(connection, self._node, about, act.at, detail | more)
            notice = self._held(connection, id)  # as it is once the head is ours
            _require(
                notice.state(event.at) != "told", "she was told already: carepact breakglass notice show"
            )
            check(notice, event.at)
            _registry(connection, self._node).add(notice, event)
            return self._held(connection, id)

        return await write_or_rehearse(self._node.database, unit, dry_run)

    def _held(self, connection: Connection, id: str) -> Notice:
        notice = _registry(connection, self._node).get(id)
        if notice is None:
            raise Problem("not_found", hint=_NEXT)
        return notice


def _require(holds: bool, hint: str) -> None:
    if not holds:
        raise Problem("conflict", hint=hint)


def _registry(connection: Connection, node: Node) -> SQLNoticeRegistry:
    return SQLNoticeRegistry(connection, node.room(connection).vault)


def _log(
    connection: Connection, node: Node, person: str | None, at: datetime, detail: dict[str, str]
) -> None:
    """A leaf of kind `breakglass`; about her only where it is one that she may read."""
    entry = Entry("breakglass", int(at.timestamp()), person=person, detail=detail)
    vault = node.room(connection).vault
    ledger.append(connection, entry, me=node.member, vault=vault, entropy=node.entropy)
