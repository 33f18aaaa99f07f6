"""The answering side of a reconciliation: our leaves about exchanges with the one who asks, and no others.

Leaves of all answers look alike: a denial, no match and a release show the same. The checkpoint is signed
after the asked leaves were committed, so it covers them; and what we hold of the asker's own log goes along.
"""

from gateway.audit import peers
from gateway.audit.interface import LedgerBroken
from gateway.audit.shown import page
from gateway.audit.signing import signed_head
from gateway.errors import Problem
from gateway.exchange.node import Node
from gateway.exchange.peer.operations import PeerRequest, Reply, done, refusal
from keys.errors import UnknownKey
from keys.syntax import SyntaxRefused, b64u, require_integer, require_list, unb64u


async def answer_reconcile(node: Node, request: PeerRequest) -> Reply:
    """One page (`operations.answered` seals it)."""
    asked = request.content
    try:
        since, until, after = (require_integer(asked[name]) for name in ("since", "until", "after"))
        md = [unb64u(one, 32) for one in require_list(asked.get("md", []), 0, 500)]
    except SyntaxRefused:
        return refusal(request, Problem("invalid"))
    try:
        signed = await signed_head(
            node.database, node.keys, node.member, request.at, mark=node.mark_checkpoint
        )
    except (UnknownKey, LedgerBroken):
        signed = None
    if signed is None:
        return refusal(request, Problem("unavailable"))
    found = await node.database.read(
        lambda c: page(c, request.member, signed.size, since=since, until=until, after=after, md=md)
    )
    record = node.directory().trust.member(request.member)
    held = None
    if record is not None:
        held = await node.database.read(lambda c: peers.head(c, peers.origin_of(record)))
    content = done(
        "reconcile",
        checkpoint=b64u(signed.note),
        held=b64u(held.note) if held is not None else "",
        leaves=list(found.entries),
        next=found.next,
    )
    return Reply(content, detail={"op": "reconcile", "leaves": len(found.entries)})
