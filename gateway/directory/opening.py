"""Where a node's member list comes from, by its settings."""

from urllib.parse import urlsplit

from adapters.addresses import Reach, reach_from_text
from gateway.config import Settings
from gateway.directory.folder import FederationFolder
from gateway.directory.interface import DirectoryRefused
from gateway.directory.members import MembersFile
from gateway.directory.membership import LogChange, Own
from gateway.files import require_unshared
from keys.interface import Entropy, KeyStore, KeyWrapper


def open_members(settings: Settings) -> MembersFile | FederationFolder:
    """The list of the settings: the node's own file, or what it last verified of its federation."""
    named = settings.directory
    if named.members is not None:
        require_unshared(named.members)
        return MembersFile(named.members)
    if named.root is None:
        raise DirectoryRefused("neither members nor root")
    return FederationFolder(settings.node.state / "directory", named.root, named.root_sha256)


def reach_of(settings: Settings) -> Reach:
    """Which addresses the endpoints of members may lead to. A node on loopback knows others there alone."""
    own = urlsplit(settings.node.public_url).hostname or ""
    beside = ("127.0.0.0/8", "::1/128") if own in ("localhost", "127.0.0.1", "::1") else ()
    return reach_from_text((*settings.directory.networks, *beside))


def own_of(settings: Settings, keys: KeyStore, wrapper: KeyWrapper, entropy: Entropy, log: LogChange) -> Own:
    """What a node of these settings brings into a federation."""
    named = settings.directory
    return Own(
        settings.node.id, settings.node.public_url, settings.node.state, named.mirrors, named.root_sha256,
        reach_of(settings), keys, wrapper, entropy, log, settings.keys.suites, settings.keys.min_suite,
    )  # fmt: skip
