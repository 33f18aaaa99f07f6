"""The hospital as a source: a feed that pushes over MLLP (listener.py), and which feed a message is of. Pure.

A feed is chosen in this order (normalisation.md 3.5, point 2), each step among what the one before left:
1. by port: the feeds that listen there; 2. by who connects: certificate and address must be what the feed
names; feeds that name anybody come before those that do not; 3. by MSH-3 and MSH-4, in the same manner.
None left, or more than one: no feed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from adapters.hospital.ack import USUAL, Manner, sender_of
from adapters.interface import Capabilities, Fetched, Identifier, PatientQuery

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected. `names`: of its certificate, in lower case, when its issuer was verified."""

    address: str
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Feed:
    """Who may send to one source, and how it is answered. Empty lists: anybody."""

    source: str
    clients: frozenset[str] = frozenset()
    """Names in certificates, in lower case."""
    allow: tuple[Network, ...] = ()
    senders: tuple[tuple[str, str], ...] = ()
    """Application and facility (first component of MSH-3, MSH-4); an empty one is any."""
    manner: Manner = USUAL

    def admits(self, peer: Peer) -> bool:
        """Certificate and address, each if the feed names any."""
        address = _address(peer.address)
        near = not self.allow or any(address in network for network in self.allow if address is not None)
        return near and (not self.clients or bool(self.clients & peer.names))

    def is_from(self, application: str, facility: str) -> bool:
        """Whether the message says to come from a sender of this feed."""
        return not self.senders or any(
            one in ("", application) and other in ("", facility) for one, other in self.senders
        )


def chosen(feeds: Iterable[Feed], peer: Peer, body: bytes) -> Feed | None:
    """The feed of a message that came in on the port of `feeds`; None: of no feed, or not of one alone."""
    left = _named_first([feed for feed in feeds if feed.admits(peer)], lambda f: bool(f.clients or f.allow))
    if any(feed.senders for feed in left):
        sender = sender_of(body)
        left = _named_first([feed for feed in left if feed.is_from(*sender)], lambda f: bool(f.senders))
    return left[0] if len(left) == 1 else None


def _named_first(feeds: list[Feed], names: Callable[[Feed], bool]) -> list[Feed]:
    return [feed for feed in feeds if names(feed)] or feeds


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 peer of an IPv6 socket counts as IPv4."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


class HospitalFeed:
    """`SourceAdapter` of an HL7 v2 feed: its records are stored already and it cannot be pulled."""

    def __init__(self, identifier_systems: tuple[str, ...] = ()) -> None:
        self._capabilities = Capabilities("hospital", pull=False, identifier_systems=identifier_systems)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def find(self, identifiers: tuple[Identifier, ...]) -> bool:
        """Whether any identifier is of a system that this feed knows; without a list, any is."""
        systems = self._capabilities.identifier_systems
        return not systems or any(one.system in systems for one in identifiers)

    async def fetch(self, patient: PatientQuery, deadline: float) -> Fetched:
        """Nothing beyond what was pushed."""
        return Fetched("answered", ())
