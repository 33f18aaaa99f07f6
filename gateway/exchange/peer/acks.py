"""Acknowledgements: that a sealed answer arrived and held, told to its sender (exchange.md, step 12).

The asking side puts one into the outbox for each verified answer; a courier seals it once and sends the same
bytes until they are taken, refused or past. The answering side takes one only for an answer that it sent to
that very member (envelope.md 7, rule 6), and keeps what it says.
"""

import hashlib
import json
from typing import Literal

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, String, Table, select
from sqlalchemy.dialects.postgresql import insert as insert_once

from gateway.audit.sql import ledger_leaf, replay
from gateway.exchange.checkpoint import heed_checkpoint, signed_checkpoint
from gateway.exchange.links import LinkFailed
from gateway.exchange.node import Node
from gateway.exchange.peer.evidence import Evidence
from gateway.logs import log
from gateway.outbox import sql as outbox
from gateway.outbox.sql import Errand
from keys.envelope.binding import ExpectAck, require_ack
from keys.envelope.draft import MAX_LIFE, Claims, draft
from keys.envelope.manifest import ACK, Acknowledgement, Manifest
from keys.envelope.recipient import choose_suite, recipient_from_trust
from keys.envelope.seal import finish, signers_for_suite
from keys.errors import EnvelopeRefused, NotReady, UnknownKey
from keys.leaf import leaf_from_bytes
from keys.syntax import b64u, unb64u

Result = Literal["accepted", "quarantined"]
KIND = "ack"
DEADLINE = 10.0
metadata = MetaData()

acknowledged = Table(
    "acknowledged",
    metadata,
    Column("md", LargeBinary(32), primary_key=True),
    Column("member", String(128), nullable=False),
    Column("result", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What members said of our answers, by the answer's `md`."""


async def acknowledge(node: Node, answer: Evidence, result: Result) -> None:
    """Put the acknowledgement of a verified answer into the outbox."""
    at = int(node.clock().timestamp())
    said = {"md": b64u(answer.md), "req": b64u(answer.req), "env": b64u(answer.env), "result": result}
    errand = Errand(
        f"ack-{b64u(answer.md)}", KIND, answer.member, at, at, at + MAX_LIFE, json.dumps(said).encode()
    )
    await node.database.write(lambda c: outbox.put(c, errand))


async def deliver(node: Node) -> int:
    """One turn of the courier: every due errand once. How many were delivered."""
    at = int(node.clock().timestamp())
    done = 0
    for errand in await node.database.write(lambda c: outbox.claim(c, at)):
        done += await _delivered(node, errand, at)
    return done


async def _delivered(node: Node, errand: Errand, at: int) -> bool:
    if errand.expires <= at:
        log.warning("outbox_expired", member=errand.member)
        await node.database.write(lambda c: outbox.end(c, errand.id))
        return False
    url = node.directory().endpoint(errand.member)
    try:
        envelope = errand.envelope or await _sealed(node, errand, at)
        await node.links.deliver(errand.member, url or "", envelope, DEADLINE)
    except (LinkFailed, UnknownKey, NotReady, EnvelopeRefused) as failed:
        ended = isinstance(failed, LinkFailed) and failed.reason in ("refused", "not-capable")
        log.info("outbox_failed", member=errand.member, reason=getattr(failed, "reason", "not-ready"))
        await node.database.write(
            lambda c: outbox.end(c, errand.id) if ended else outbox.later(c, errand, at)
        )
        return False
    await node.database.write(lambda c: outbox.end(c, errand.id))
    return True


async def _sealed(node: Node, errand: Errand, at: int) -> bytes:
    """Once: one message id is one string of bytes for ever."""
    trust = node.directory().trust
    trust.require_fresh(at)
    said = json.loads(errand.payload)
    suite = choose_suite(trust, node.member, errand.member)
    claims = Claims(
        kind="ack",
        iss=node.member,
        typ=ACK,
        exp=min(errand.expires, at + MAX_LIFE),
        log=b64u(await signed_checkpoint(node)),
        req=said["req"],
        ack=Acknowledgement(said["md"], said["env"], said["result"]),
    )
    to = recipient_from_trust(trust, errand.member, at=at, suite=suite)
    made = draft(claims, b"", [to], suite=suite, now=at, entropy=node.entropy)
    envelope = finish(made, signers_for_suite(node.keys, suite, at=at)).envelope
    await node.database.write(lambda c: outbox.sealed(c, errand.id, envelope))
    return envelope


def take(connection: Connection, node: Node, manifest: Manifest, at: int) -> None:
    """In the unit that spends its id: keep a member's word about an answer that we sent it.

    Raises `EnvelopeRefused("conversation")` for one that was never sent, or not to this member.
    """
    said = manifest.ack
    if said is None:
        raise EnvelopeRefused("conversation")
    require_ack(manifest, _expected(connection, manifest.iss, unb64u(manifest.req), unb64u(said.md)))
    row = {"md": unb64u(said.md), "member": manifest.iss, "result": said.result, "at": at}
    connection.execute(insert_once(acknowledged).values(row).on_conflict_do_nothing())
    heed_checkpoint(connection, node, manifest.iss, manifest.log, at)
    if said.result == "quarantined":
        log.error("answer_quarantined", member=manifest.iss)


def _expected(connection: Connection, member: str, req: bytes, md: bytes) -> ExpectAck:
    """The answer of that digest to that request, as our own records have it."""
    asked = select(replay.c.outcome).where(replay.c.iss == member, replay.c.md == req)
    outcome = connection.execute(asked).scalar_one_or_none()
    leaf = ledger_leaf.c
    sent = select(leaf.bytes).where(leaf.peer == member, leaf.md == md, leaf.kind == "answer")
    kept = connection.execute(sent).scalar()
    if outcome is None or kept is None or leaf_from_bytes(kept).req != req:
        raise EnvelopeRefused("conversation")
    return ExpectAck(member, req, md, hashlib.sha256(outcome).digest())


def result_of(connection: Connection, leaf: int) -> str | None:
    """What its receiver said of the answer that a leaf is about; None: nothing yet."""
    said = select(acknowledged.c.result).join(ledger_leaf, ledger_leaf.c.md == acknowledged.c.md)
    found: str | None = connection.execute(said.where(ledger_leaf.c.idx == leaf)).scalar_one_or_none()
    return found
