"""Where a call may go when somebody else named the address (a member's endpoint): judged when it is dialled.

A name is resolved once, every address of it is judged, and the one that was judged is the one dialled: a
name that says something else a moment later (rebinding) gains nothing. Refused are loopback, private,
link-local, multicast and reserved addresses, also where they hide in an IPv6 address, unless allowed by name.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpcore

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be dialled: public ones, and those of `networks`."""

    networks: tuple[Network, ...] = ()

    def admits(self, text: str) -> bool:
        """Whether this numeric address may be dialled."""
        try:
            address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            return False
        if any(address in network for network in self.networks if network.version == address.version):
            return True
        return address.is_global and not address.is_multicast


def reach_from_text(networks: Iterable[str]) -> Reach:
    """Networks in CIDR form. Raises `ValueError`."""
    return Reach(tuple(ipaddress.ip_network(network) for network in networks))


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class JudgedBackend(httpcore.AsyncNetworkBackend):
    """Dials only what a `Reach` admits. Every address of a name must be admitted."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._inner: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        found = await _addresses(host, port)
        if not found or not all(self._reach.admits(address) for address in found):
            raise httpcore.ConnectError("an address that nobody may be sent to")
        return await self._inner.connect_tcp(found[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("an address that nobody may be sent to")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def _addresses(host: str, port: int) -> Sequence[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise httpcore.ConnectError("no address of that name") from None
    return [str(row[4][0]) for row in found]


__all__ = ["JudgedBackend", "Reach", "reach_from_text"]
