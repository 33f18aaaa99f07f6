"""By what a stranger may know members: the federation's files, or their own records."""

from typing import TYPE_CHECKING, Any

from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime


def trust_of(node: "Runtime", *members: str) -> dict[str, Any]:
    """What goes into a file that is verified elsewhere; the first member is the one that it is about."""
    from gateway.directory.folder import FederationFolder
    from keys.syntax import b64u, emit
    from keys.trust import json_from_member

    if isinstance(node.members, FederationFolder):
        files = node.members.advanced.state.files
        return {"federation": {path: b64u(data) for path, data in sorted(files.items())}}
    trust = node.node.directory().trust
    records = [trust.member(id) for id in members]
    found = [json_from_member(one) for one in records if one is not None]
    if len(found) != len(members) or not found:
        raise Problem("unavailable", hint="this node is not in its own members file: carepact doctor")
    # As bytes: in a list a record would nest deeper than the strict form allows.
    rest = {"members": [b64u(emit(one)) for one in found[1:]]} if len(found) > 1 else {}
    return {"member": found[0], "id": trust.federation} | rest
