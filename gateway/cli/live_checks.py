"""What `carepact doctor` looks at once the node is open: ledger, sources, agreements, clients."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.cli.check import Check
from gateway.cli.feed_check import check_feed

if TYPE_CHECKING:
    from consent.agreement import SharingAgreement
    from gateway.bootstrap import Runtime
    from gateway.source_settings import SourceSettings

PATIENCE = 3.0
"""Seconds that a source has to accept a connection."""


async def live_checks(node: "Runtime") -> tuple[Check, ...]:
    """Checks over an open node; nothing is written."""
    sources = await asyncio.gather(*(_source(one, node.clock()) for one in node.settings.sources))
    if not sources:
        sources = [Check("sources", "warning", "there is none", "add [[sources]] to the configuration")]
    return (
        await _ledger(node),
        *sources,
        *await _agreements(node),
        await _grants(node),
        await _notices(node),
        await _milestones(node),
        await _clients(node),
    )


async def _ledger(node: "Runtime") -> Check:
    """The head extends what was last signed; `audit verify` recomputes everything."""
    from gateway.audit.checkpoints import unsigned
    from gateway.audit.interface import LedgerBroken

    try:
        last, head = await node.database.read(unsigned)
    except LedgerBroken:
        said = "it contradicts what was signed before: nothing is released on it"
        return Check("ledger", "failed", said, "carepact audit verify")
    signed = last.size if last else 0
    return Check("ledger", "ok", f"{head.size} leaves, {signed} of them under a signed checkpoint")


async def _source(one: "SourceSettings", now: datetime) -> Check:
    """Whether a pull source accepts a connection."""
    name = f"source {one.id}"
    if one.path is not None:
        there = await asyncio.to_thread(one.path.is_file)
        said = "the extract is there" if there else "the extract is not there"
        return Check(
            name, "ok" if there else "failed", said, "" if there else f"write it to sources.{one.id}.path"
        )
    if one.url is None:
        return await asyncio.to_thread(check_feed, one, now)
    place = urlsplit(one.url)
    port = place.port or (443 if place.scheme == "https" else 80)
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(place.hostname, port)
        writer.close()
    except (OSError, TimeoutError):
        said = f"{place.hostname}:{port} does not accept a connection"
        return Check(name, "failed", said, f"start that system, or correct sources.{one.id}.url")
    return Check(name, "ok", f"{place.hostname}:{port} accepts connections")


async def _grants(node: "Runtime") -> Check:
    """Break-glass grants that no officer has looked at in time."""
    from consent.instants import micros
    from gateway.exchange.grants import Grants

    found = await Grants(node.node).since(0)
    terms, now = node.node.floor.break_glass, micros(node.clock())
    overdue = sum(one.overdue(now, terms) for one in found)
    if overdue:
        said = f"{overdue} not reviewed within {terms.review_hours} hours"
        return Check("break-glass", "warning", said, "carepact breakglass list --overdue")
    return Check("break-glass", "ok", f"{len(found)} grants, no review overdue")


async def _notices(node: "Runtime") -> Check:
    """Patients who should have been told of an emergency access by now; those put off are named too."""
    from consent.instants import micros
    from gateway.exchange.notices import Notices

    found, now = await Notices(node.node).since(0), micros(node.clock())
    late = sum(one.overdue(now) for one in found)
    held = sum(one.state(now) == "deferred" for one in found)
    waiting = sum(one.state(now) == "due" for one in found)
    put_off = f", {held} put off" if held else ""
    if late:
        said = f"{late} patients were not told of an emergency access in time{put_off}"
        return Check("notices", "warning", said, "carepact breakglass notice list --overdue")
    return Check("notices", "ok", f"{waiting} patients to be told, none late{put_off}")


async def _milestones(node: "Runtime") -> Check:
    """Children who came of age, whose parents' consents nobody has looked at."""
    from consent.instants import micros
    from gateway.exchange.milestones import Milestones

    now = node.clock()
    found = await Milestones(node.node, node.consents).known(now)
    due = sum(one.state(micros(now)) == "due" for one in found)
    unknown = sum(one.state(micros(now)) == "unknown-birth" for one in found)
    if due or unknown:
        said = f"{due} children came of age, {unknown} of unknown birth: a parent's right does not hold"
        return Check("milestones", "warning", said, "carepact consent milestone list")
    return Check("milestones", "ok", "no parent's right has ended by age")


async def _agreements(node: "Runtime") -> list[Check]:
    """For each custodian whether anything may leave at all."""
    from consent.instants import micros
    from gateway.exchange.agreements import Agreements, readable

    at = node.clock()
    versions = readable(await Agreements(node.node).known(at))
    register = node.node.directory().register.consent
    found = []
    for custodian in sorted({one.custodian for one in node.settings.sources}):
        chain = {custodian, *register.chain(custodian)}
        force = [one.ref for one in versions if one.in_force(micros(at)) and one.providers & chain]
        name = f"agreements of {custodian}"
        stopped = [one for one in versions if one.providers & chain and one.standing(micros(at)).suspended]
        step = (
            _resuming(stopped[0], node.node.member)
            if stopped
            else f"carepact agreement new ID --provider {custodian} --recipient … --reason …"
        )
        found.append(
            Check(name, "ok", f"in force: {', '.join(force)}")
            if force
            else Check(
                name,
                "warning",
                f"none is in force{' (suspended)' if stopped else ''}: nothing of it may leave",
                step,
            )
        )
    return found


def _resuming(stopped: "SharingAgreement", me: str) -> str:
    """Every signatory must resume; this node speaks with its own keys only for itself."""
    resume = f"carepact agreement resume {stopped.id} --reason …"
    parties = sorted(stopped.providers | stopped.recipients)
    if me in parties:
        return f"{resume}, by every party ({', '.join(parties)})"
    return f"{resume} --org … --keys … --kek … for each party ({', '.join(parties)}), or its own statement"


async def _clients(node: "Runtime") -> Check:
    from gateway.exchange.registrations import Registrations

    clients = await Registrations(node.node).all()
    enabled = [client.id for client in clients if client.status == "enabled"]
    if not enabled:
        return Check("clients", "warning", "nobody may ask", "carepact client add --help")
    return Check("clients", "ok", f"{len(enabled)} may ask")
