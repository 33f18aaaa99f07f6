"""Whether somebody in the directory is called that."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime

NOBODY = "nobody in the members list or the register is called that: carepact directory list"


def is_known(node: "Runtime", org: str) -> bool:
    """A member, an organisation of the register, or a custodian of this node's own sources."""
    directory = node.node.directory()
    tree = directory.register.consent.org_parent
    return directory.is_member(org) or org in tree or org in tree.values() or org in node.node.organisations
