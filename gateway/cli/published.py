"""The node's own record in its members file, written anew when the node made a key.

The file is replaced whole (temporary file, fsync, rename) with the next version number, so that running
workers take it at their next exchange. Retired keys stay in: old evidence must verify.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from keys.member import Member


def require_publishable(node: "Runtime") -> None:
    """Raises `unavailable` unless our record is in the list and the file can be replaced."""
    path = members_path(node)
    trust = node.node.directory().trust
    if node.members.fault or trust.member(node.node.member) is None:
        raise Problem("unavailable", hint="this node is not in its own members file: carepact doctor")
    if trust.disabled:
        raise Problem("unavailable", hint="the members file has records that would be lost: carepact doctor")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise Problem("unavailable", hint="directory.members cannot be written by this account")


def members_path(node: "Runtime") -> Path:
    """The node's own file. Raises `conflict` where the list is a federation's: nobody changes that alone."""
    path = node.settings.directory.members
    if path is None:
        hint = "the list is the federation's: carepact directory publish, carepact directory admit"
        raise Problem("conflict", hint=hint)
    return path


def publish(node: "Runtime") -> None:
    """Our record with every usable key, in the next version of the file."""
    from keys.trust import trust_list, trust_list_to_json

    now = node.node.directory().trust
    mine = _record(node)
    members = [mine if one.id == mine.id else one for one in now.members.values()]
    new = trust_list(now.version + 1, now.expires, members, federation=now.federation, suites=now.suites)
    replace_file(node, trust_list_to_json(new))


def publish_log(node: "Runtime", origin: str, previous: list[dict[str, Any]]) -> None:
    """Our record with the log's new origin and those that it left, in the next version of the file."""
    from gateway.directory.own import log_vkeys
    from keys.trust import trust_list, trust_list_to_json

    now, mine = node.node.directory().trust, _record(node)
    vkeys = log_vkeys(node.keys, mine.id, origin)[-8:]
    rest = dict(mine.rest) | {"previous": previous}
    mine = replace(mine, log_origin=origin, log_vkeys=tuple(vkeys), rest=rest)
    members = [mine if one.id == mine.id else one for one in now.members.values()]
    new = trust_list(now.version + 1, now.expires, members, federation=now.federation, suites=now.suites)
    replace_file(node, trust_list_to_json(new))


def own_record(node: "Runtime") -> dict[str, Any]:
    """Our record as it stands in the members file; one with every usable key where it is not there."""
    from keys.trust import json_from_member

    held = node.node.directory().trust.member(node.node.member)
    return json_from_member(held or _record(node))


def _record(node: "Runtime") -> "Member":
    """Our record with every usable key, and with what the one before said of us."""
    from gateway.directory.own import endpoints_at
    from keys.member import member_from_store

    now = node.node.directory().trust
    old = now.member(node.node.member)
    mine = member_from_store(
        node.keys,
        node.node.member,
        federation=now.federation,
        suites=node.settings.keys.suites,
        min_suite=node.settings.keys.min_suite,
        endpoints=endpoints_at(node.settings.node.public_url),
        log_vkeys=_log_vkeys(node, old.log_vkeys if old else ()),
        previous=old,
        at=int(node.clock().timestamp()),
    )
    if old is None:
        return mine
    return replace(mine, rest=old.rest, log_origin=old.log_origin or mine.log_origin)


def _log_vkeys(node: "Runtime", known: tuple[str, ...]) -> list[str]:
    """The lines that were published, and those of newer log keys; a record holds at most eight."""
    from gateway.directory.own import log_vkeys

    old = node.node.directory().trust.member(node.node.member)
    origin = old.log_origin if old is not None else ""
    return list(dict.fromkeys((*known, *log_vkeys(node.keys, node.node.member, origin))))[-8:]


def replace_file(node: "Runtime", data: bytes) -> None:
    """The members file, replaced whole. Raises `no_store`."""
    hint = "directory.members was not written: nothing in it has changed"
    replace_whole(members_path(node), data, node.entropy(6).hex(), hint=hint)


def replace_whole(path: Path, data: bytes, mark: str, *, hint: str) -> None:
    """A file that is there, replaced whole, its mode kept; `mark` names the temporary. Raises `no_store`."""
    temporary = path.with_name(f".{path.name}.{mark}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except OSError:
        raise Problem("no_store", hint=hint) from None
