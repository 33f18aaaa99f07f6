"""Addresses of members and their clients (envelope.md 2): compared byte for byte, never resolved."""

import re

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_MEMBER = re.compile(rf"(?=.{{3,128}}\Z){_LABEL}(?:\.{_LABEL})+\Z")
_CLIENT = re.compile(r"[a-z0-9-]{1,64}\Z")


def is_member(address: object) -> bool:
    """`label(.label)+`, 3 to 128 characters."""
    return isinstance(address, str) and _MEMBER.match(address) is not None


def is_address(address: object) -> bool:
    """A member id, or `<member id>/[a-z0-9-]{1,64}`."""
    if not isinstance(address, str):
        return False
    member, slash, client = address.partition("/")
    return is_member(member) and (not slash or _CLIENT.match(client) is not None)


def member_of(address: str) -> str:
    """The member that an address belongs to."""
    return address.partition("/")[0]
