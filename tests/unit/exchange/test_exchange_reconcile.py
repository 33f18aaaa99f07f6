"""Two nodes compare their logs, sealed: what is matched, what a lying peer hides, what nobody may learn."""

import pytest
from sqlalchemy import select

from adapters.interface import Identifier
from gateway.audit import shown, signing
from gateway.audit.sql import peer_leaf
from gateway.cli.audit_receipt import _issued
from gateway.cli.person import person_of
from gateway.cli.verify_receipt import verified
from gateway.cli.verify_trust import trusted
from gateway.errors import Problem
from gateway.exchange import reconcile_answer
from gateway.exchange.consents import Act
from gateway.exchange.reconcile import reconcile
from keys import jws
from keys.errors import StatementRefused
from keys.leaf import leaf_from_bytes
from keys.note import Checkpoint, checkpoint_from_note, parse_note, sign_note, text_from_checkpoint
from keys.receipt import bytes_from_receipt, receipt_from_bytes

pytestmark = pytest.mark.anyio
NORTH, SOUTH = "north.example", "south.example"


async def compared(pair, *, side="north", hours=2):
    """North's view of both logs, from two hours ago until now."""
    mine = getattr(pair, side)
    other = SOUTH if side == "north" else NORTH
    now = int(mine.clock().timestamp())
    desk = mine.runtime.services.logs
    return await reconcile(mine.node, desk, other, since=now - hours * 3600, until=now)


def later(pair, seconds):
    """Both clocks move."""
    for side in (pair.north, pair.south):
        side.clock.seconds += seconds


async def test_two_honest_nodes_match_and_sign_what_they_found(pair):
    """Both sides find the same exchange; the result is signed, logged, and the other's leaf is kept with proof."""
    await pair.south.hears()
    await pair.south.permit(NORTH)
    await pair.ask()
    for side in ("north", "south"):
        found = await compared(pair, side=side)
        assert found.matched and found.checkpoint == "proven"
        assert found.counts()["matched"] >= 1
        assert {name for name, count in found.counts().items() if count} <= {"matched", "open"}
    found = await compared(pair)
    trust = pair.north.node.directory().trust
    said = jws.verify(found.statement, jws.RECONCILE, trust.resolver(NORTH, found.at))
    assert b'"matched"' in said.payload and NORTH.encode() in said.payload
    with pytest.raises(StatementRefused):
        jws.verify(found.statement.replace(b"a", b"b", 1), jws.RECONCILE, trust.resolver(NORTH, found.at))
    assert "reconcile" in [leaf.kind for leaf in await pair.north.leaves()]
    rows = await pair.north.runtime.database.read(lambda c: c.execute(select(peer_leaf)).all())
    assert {leaf_from_bytes(row.bytes).kind for row in rows} >= {"answer"}


async def test_a_peer_learns_nothing_of_denials_and_patients(pair):
    """LOG-06: a release, a denial and an unknown patient show leaves of one shape, all matched."""
    await pair.south.hears()
    await pair.south.permit(NORTH)
    await pair.ask()
    await pair.south.withdraw()
    await pair.ask()
    nobody = {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}]}
    await pair.ask(members=pair.query(subject=nobody))
    found = await compared(pair)
    assert found.counts()["matched"] == 3
    size = len(await pair.south.leaves())
    page = await pair.south.runtime.database.read(
        lambda c: shown.page(c, NORTH, size, since=0, until=2**40, after=0)
    )
    told = [entry for entry in page.entries if b'"answer"' in _leaf(entry)]
    assert len({len(_leaf(entry)) for entry in told}) == 1


def _leaf(entry):
    from keys.syntax import unb64u

    return unb64u(entry["leaf"])


@pytest.mark.parametrize(
    ("lie", "kind"),
    [("hide", "only-here"), ("forge", "unproven"), ("alter", "unproven")],
)
async def test_a_lying_peer_is_told_apart(pair, monkeypatch, lie, kind):
    """LOG-06: an answer that the peer hides is only here; one that it alters or proves falsely is unproven."""
    await pair.south.hears()
    await pair.south.permit(NORTH)
    await pair.ask()
    later(pair, 3700)
    honest = shown.page

    def lying(connection, peer, size, **window):
        found = honest(connection, peer, size, **window)
        kept = [entry for entry in found.entries if b'"answer"' not in _leaf(entry)]
        first = next((entry for entry in found.entries if b'"answer"' in _leaf(entry)), None)
        if lie != "hide" and first is not None:
            kept.insert(0, _spoilt(first, lie))
        return shown.Page(tuple(kept), found.next)

    monkeypatch.setattr(reconcile_answer, "page", lying)
    found = await compared(pair)
    assert not found.matched
    (row,) = [row for row in found.rows if row.kind == kind]
    leaves = await pair.north.leaves()
    assert {leaves[place].kind for place in row.mine} == {"ask", "receive"}


def _spoilt(entry, lie):
    from keys.syntax import b64u

    data = _leaf(entry)
    if lie == "forge":
        return entry | {"proof": [b64u(b"p" * 32), *entry["proof"][1:]]}
    at = data.index(b'"det":"') + 7
    return entry | {"leaf": b64u(data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :])}


async def test_a_second_history_is_a_fork(pair, monkeypatch):
    """LOG-05: the peer signs another root for a size that is known: told as fork, and kept."""
    await pair.ask()
    await compared(pair)
    key = next(k for k in pair.south.runtime.keys.public() if (k.use, k.alg) == ("log", "Ed25519"))
    (own,) = signing.own_log_keys(pair.south.runtime.keys, SOUTH)
    known = await pair.north.runtime.database.read(lambda c: _head(c))
    true = checkpoint_from_note(parse_note(known.note))
    text = text_from_checkpoint(Checkpoint(true.origin, true.size, b"f" * 32))
    forged = sign_note(text, true.origin, pair.south.runtime.keys, key.kid, own.public)
    desk = pair.north.runtime.services.logs
    await pair.north.runtime.database.write(lambda c: desk.take(c, SOUTH, forged, desk.now()))
    found = await compared(pair)
    assert (found.checkpoint, found.matched) == ("fork", False)


def _head(connection):
    from gateway.audit import peers

    return peers.head(connection, f"{SOUTH}/ledger")


async def test_many_leaves_come_in_pages(pair, monkeypatch):
    """Pages of two leaves each: nothing is lost or doubled between them."""
    for _ in range(4):
        await pair.ask()
    honest = shown.page
    monkeypatch.setattr(reconcile_answer, "page", lambda *a, **k: honest(*a, **k, limit=2))
    found = await compared(pair)
    assert found.counts()["matched"] >= 4 and found.matched


async def test_nobody_is_asked_who_is_no_member(pair):
    """An unknown id, or this node itself, is not found; a peer that is down is unavailable."""
    desk = pair.north.runtime.services.logs
    for id in ("west.example", NORTH):
        with pytest.raises(Problem) as refused:
            await reconcile(pair.north.node, desk, id, since=0, until=1)
        assert refused.value.category.name == "not_found"


async def test_her_receipt_shows_the_other_sides_leaf_too(pair):
    """LOG-06: what a reconciliation paired is in her receipt, and a stranger reads and verifies the file whole."""
    await pair.south.hears()
    await pair.south.permit(NORTH)
    await pair.ask()
    south = pair.south.runtime
    for side in ("north", "south"):
        found = await compared(pair, side=side)
    assert found.matched
    person = await person_of(south, Identifier(**pair.query()["subject"]["identifier"][0]))
    issued = await _issued(south, person, Act("officer", "she asked", pair.south.clock()))
    held = receipt_from_bytes(bytes_from_receipt(issued))
    said, _ = verified(held, trusted(held.trust, None))
    assert NORTH in {row["partner"] for row in said["leaves"]}
