"""What a node's settings say of suites, taken into its own members file: at `serve`, once.

1. The keys of its own that suite 1 needs, where settings and list have it on. 2. The ledger's leaf. 3. Its
record, in the next version of the file; all other records stay as they were written. A list that does not
have this node, and a federation, are left alone: in a federation `gateway.directory.renewal` does the same.
"""

import asyncio
from pathlib import Path
from typing import Any

from gateway.directory.interface import DirectoryRefused
from gateway.directory.members import MAX_BYTES, MembersFile, read_bounded
from gateway.directory.membership import Membership
from gateway.directory.own import own_record
from keys.algorithms import SUITES
from keys.errors import KeyRefused
from keys.lifecycle import due, live
from keys.store.file import replace_private
from keys.syntax import SyntaxRefused, emit, parse
from keys.trust import json_from_member, trust_list_from_json

_OLD = (*SUITES[1].signatures, SUITES[1].kem)
_BY = {"by": "carepact serve", "reason": "keys.suites of the settings"}


async def take_up_suites(membership: Membership, path: Path | None, now: int) -> bool:
    """Whether the file at `path` was written anew. Raises `DirectoryRefused` where it must be, and cannot."""
    if path is None or not isinstance(membership.members, MembersFile):
        return False
    own, trust = membership.own, membership.members.current.trust
    listed = trust.member(own.member)
    if listed is None:
        return False
    made = await asyncio.to_thread(_made, membership, now)  # 1
    if not made and (listed.suites, listed.min_suite) == (own.suites, own.min_suite):
        return False
    about = {"action": "suites", "kids": made, "suites": list(own.suites), "min_suite": own.min_suite}
    await own.log(about | _BY, now, "key")  # 2
    await asyncio.to_thread(_write, membership, path, now)  # 3
    membership.members.reload()
    return True


def _made(membership: Membership, now: int) -> list[str]:
    """Keys of suite 1 alone: the others are founded with the node, and changed by `carepact keys rotate`."""
    own, trust = membership.own, membership.members.current.trust
    if 1 not in trust.suites & frozenset(own.suites):
        return []
    known = own.keys.public()
    alive = {key.alg for key in known if live(key, now)}
    # Of what lives there is enough: not one more at each start.
    wanted = [one for one in due(known, now, suites=(1,)).make if one.alg in _OLD and one.alg not in alive]
    return [own.keys.create(one.use, one.alg, nbf=one.nbf, exp=one.exp) for one in wanted]


def _write(membership: Membership, path: Path, now: int) -> None:
    own = membership.own
    try:
        data = read_bounded(path, MAX_BYTES)
        before, document = trust_list_from_json(data), parse(data, lines=True)
        previous = before.member(own.member)
        mine = own_record(
            own.keys, own.member, federation=before.federation, previous=previous, at=now,
            suites=own.suites, min_suite=own.min_suite,
        )  # fmt: skip
        records = [_replaced(one, own.member, json_from_member(mine)) for one in document["members"]]
        written = emit(document | {"version": before.version + 1, "members": records})
        after = trust_list_from_json(written)
    except (KeyRefused, SyntaxRefused):
        raise DirectoryRefused("not a members file") from None
    if after.member(own.member) is None or set(after.disabled) - set(before.disabled):
        raise DirectoryRefused("with the suites of the settings this node would not be believed")
    try:
        mode = path.stat().st_mode & 0o777
        replace_private(path, written)
        path.chmod(mode)
    except OSError:
        raise DirectoryRefused("keys.suites differ from our record, and members cannot be written") from None


def _replaced(record: Any, id: str, mine: dict[str, Any]) -> Any:
    return mine if isinstance(record, dict) and record.get("id") == id else record
