"""Changing who is in `directory.members`: one record at a time, the file replaced whole.

1. The new record passes every guard of `keys.member`, and none of its keys is another member's.
2. One unit of work: the ledger leaf first (it takes the head, so two changes never cross), then the file is
   read, changed and replaced. If it cannot be, the leaf goes with it.
3. The other records stay as they were written, also those that are disabled: nobody is lost on the way.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.cli.act import decline
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act
    from keys.member import Member
    from keys.trust import TrustList

Change = Callable[[list[Any]], list[Any]]


async def add_member(node: "Runtime", data: bytes, act: "Act") -> dict[str, Any]:
    """Add the record of these bytes, or replace the one of its id. Raises `invalid`."""
    from keys.errors import KeyRefused
    from keys.member import member_from_json
    from keys.syntax import SyntaxRefused, parse

    trust = node.node.directory().trust
    try:
        record = parse(data, lines=True)
        member = member_from_json(record, trust.federation)  # 1
    except (KeyRefused, SyntaxRefused) as refused:
        raise Problem("invalid", expression="FILE", hint=f"no member record: {refused}") from None
    _require_own_keys(trust, member)
    _require_ours(node, member)

    def change(records: list[Any]) -> list[Any]:
        places = [place for place, one in enumerate(records) if _id(one) == member.id]
        kept = [one for one in records if _id(one) != member.id]
        kept.insert(places[0] if places else len(kept), record)
        return kept

    done = "replaced" if trust.member(member.id) or member.id in dict(trust.disabled) else "added"
    version = await _change(node, member.id, act, change, action=done, kids=[key.kid for key in member.keys])
    return {"id": member.id, "done": done, "version": version}


async def remove_member(node: "Runtime", id: str, act: "Act") -> dict[str, Any]:
    """Take a record out, also a disabled one. Raises `not_found`; this node's own stays."""
    trust = node.node.directory().trust
    if id == node.node.member:
        raise Problem("invalid", expression="ID", hint="this node's own record: nobody could verify it then")
    if trust.member(id) is None and id not in dict(trust.disabled):
        raise Problem("not_found", expression="ID", hint="carepact directory list")
    version = await _change(
        node, id, act, lambda records: [one for one in records if _id(one) != id], action="removed"
    )
    return {"id": id, "done": "removed", "version": version}


def _require_own_keys(trust: "TrustList", member: "Member") -> None:
    """A key that two members have would let either speak for the other."""
    owners = {trust.owner(key.kid) for key in member.keys} - {None, member.id}
    if owners:
        decline(
            Exit.CONFLICT, f"a key of this record is {', '.join(map(str, owners))}'s: nothing was changed"
        )


def _require_ours(node: "Runtime", member: "Member") -> None:
    """Our own record may be put back, but never one that lacks a key that we sign with."""
    from keys.lifecycle import live

    if member.id != node.node.member:
        return
    at = int(node.clock().timestamp())
    used = {key.kid for key in node.keys.public() if key.use in ("sig", "log") and live(key, at)}
    if used - {key.kid for key in member.keys}:
        hint = "this node's own record, and a key is missing that it signs with: carepact keys member"
        raise Problem("invalid", expression="FILE", hint=hint)


async def _change(node: "Runtime", id: str, act: "Act", change: Change, **about: Any) -> int:
    """The leaf, then the next version of the file; its number."""
    from gateway.audit import ledger
    from gateway.audit.interface import Entry

    def unit(connection: Any) -> int:
        detail = {"member": id, "by": act.by, "reason": act.reason, **about}
        entry = Entry("peer", int(act.at.timestamp()), detail=detail)
        vault = node.node.room(connection).vault
        ledger.append(connection, entry, me=node.node.member, vault=vault, entropy=node.entropy)  # 2
        return _replaced(node, id, change)

    return await node.database.write(unit)


def _replaced(node: "Runtime", id: str, change: Change) -> int:
    from gateway.cli.published import members_path, replace_file
    from gateway.directory.members import MAX_BYTES, read_bounded
    from keys.errors import KeyRefused
    from keys.syntax import SyntaxRefused, emit, parse
    from keys.trust import trust_list_from_json

    try:
        data = read_bounded(members_path(node), MAX_BYTES)
        before = trust_list_from_json(data)
        document = parse(data, lines=True)
        new = document | {"version": before.version + 1, "members": change(document["members"])}  # 3
        written = emit(new)
        after = trust_list_from_json(written)
    except (KeyRefused, SyntaxRefused):
        raise Problem("unavailable", hint="directory.members is no members file: carepact doctor") from None
    lost = {one for one, _ in after.disabled} - {one for one, _ in before.disabled}
    if lost or id in dict(after.disabled):
        decline(Exit.CONFLICT, "with this record another would no longer be believed: nothing was changed")
    replace_file(node, written)
    return after.version


def _id(record: Any) -> Any:
    return record.get("id") if isinstance(record, dict) else None
