"""Where a node's member list comes from, by its settings."""

from gateway.config import Settings
from gateway.directory.folder import FederationFolder
from gateway.directory.interface import DirectoryRefused
from gateway.directory.members import MembersFile
from gateway.files import require_unshared


def open_members(settings: Settings) -> MembersFile | FederationFolder:
    """The list of the settings: the node's own file, or what it last verified of its federation."""
    named = settings.directory
    if named.members is not None:
        require_unshared(named.members)
        return MembersFile(named.members)
    if named.root is None:
        raise DirectoryRefused("neither members nor root")
    return FederationFolder(settings.node.state / "directory", named.root, named.root_sha256)
