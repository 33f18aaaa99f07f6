"""Fetching the proofs that members' checkpoints wait for, from the tiles of their logs (section 11)."""

from collections.abc import Sequence
from itertools import groupby

from adapters.errors import SourceError
from gateway.audit import peers
from gateway.audit.desk import LogDesk
from gateway.audit.peer_log import PeerLog, PeerRefused
from gateway.audit.peers import PeerCheckpoint, origin_of
from gateway.logs import log
from keys.errors import ProofRefused
from keys.ledger import consistency_proof
from keys.member import Member
from keys.tiles import reader, tiles_of_consistency

DEADLINE = 30.0
"""Seconds for one call to a member."""


async def watch(desk: LogDesk) -> int:
    """One round over everything that waits; how many were proven. What cannot be proven now stays.

    After 24 hours without a proof a checkpoint is `unproven`, which is an alarm and is still tried.
    """
    waiting = await desk.database.read(peers.waiting)
    proven = 0
    for peer, group in groupby(sorted(waiting, key=lambda one: (one.peer, one.size)), lambda one: one.peer):
        member = desk.directory().trust.member(peer)
        if member is not None:
            proven += await _of_member(desk, member, list(group))
    late = await desk.database.write(lambda c: peers.expire(c, desk.now()))
    if late:
        log.error("peer_checkpoints_unproven", count=late)
    return proven


async def _of_member(desk: LogDesk, member: Member, waiting: Sequence[PeerCheckpoint]) -> int:
    proven = 0
    try:
        async with PeerLog(desk, member, deadline=DEADLINE) as there:
            for one in waiting:
                # Of a log that it left, a member serves nothing: what was not proven by then never is.
                if one.origin == origin_of(member):
                    proven += await _prove(desk, there, one)
    except (SourceError, PeerRefused, ProofRefused):
        log.warning("peer_log_unreachable", member=member.id)
    return proven


async def _prove(desk: LogDesk, there: PeerLog, one: PeerCheckpoint) -> bool:
    """Whether the proof came and holds."""
    held = await desk.database.read(lambda c: peers.head(c, one.origin))
    if held is None:
        return False
    old, new = sorted((held.size, one.size))
    try:
        tiles = await there.tiles(tiles_of_consistency(old, new))
        proof = consistency_proof(old, new, reader(new, tiles))
        at = desk.now()
        await desk.database.write(lambda c: peers.prove(c, one, proof, at, book=desk.book(c)))
    except (ProofRefused, PeerRefused):
        log.warning("peer_proof_refused", member=one.peer)
        return False
    return True
