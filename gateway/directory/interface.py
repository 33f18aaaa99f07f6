"""The seam of directory/: who is a member with which keys, who works where, who may act for whom.

Members come from the trust list (`members.py`), the rest from the node's own register (`register.py`).
Both are frozen values; an exchange takes one of each at its start and rechecks them in its release.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from consent.directory import Directory as ConsentDirectory
from keys.trust import TrustList


class DirectoryRefused(ValueError):
    """A members or register file is not usable. The message names the rule, never a value."""


class DirectoryStale(DirectoryRefused):
    """A newer version of the same is published already."""


class DirectoryBusy(DirectoryRefused):
    """Somebody else changes the member list right now, and did not end in time."""


@dataclass(frozen=True, slots=True)
class Register:
    """The node's own register. `sha256`: hex digest of the bytes it was read from."""

    consent: ConsentDirectory
    """What the decision reads; births are added from the patient index."""
    practitioners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Identifier `system|value` of a user -> directory id, as consents and `practitioner_orgs` name her."""
    people: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Identifier `system|value` of a proxy -> `RelatedPerson/…`."""
    sha256: str = ""

    def is_under(self, organisation: str, ancestor: str) -> bool:
        """Whether the organisation is `ancestor` or below it."""
        return self.consent.under(organisation, ancestor)

    def practitioner(self, identifier: str | None) -> str | None:
        """The directory id of a proven identifier. One that the register does not know is nobody known:

        left as it is, it would differ from everybody whom a patient refused by name.
        """
        return None if identifier is None else self.practitioners.get(identifier)


@dataclass(frozen=True, slots=True)
class Directory:
    """Members and register as of one moment."""

    trust: TrustList
    register: Register
    members_sha256: str = ""

    @property
    def epoch(self) -> str:
        """Changes with any change of either; the `directory` epoch of a receipt."""
        return f"{self.members_sha256[:16]}-{self.register.sha256[:16]}"

    def require_fresh(self, now: int, *, emergency: bool = False) -> None:
        """Raises `keys.errors.NotReady` once the trust list has expired: nothing is sealed or opened."""
        self.trust.require_fresh(now, emergency=emergency)

    def is_member(self, address: str) -> bool:
        """Whether the address is in the trust list and not disabled."""
        return self.trust.member(address) is not None

    def endpoint(self, member: str, kind: str = "exchange") -> str | None:
        """URL of a member's `exchange`, `ledger` or `directory` endpoint."""
        found = self.trust.member(member)
        return None if found is None else found.endpoints.get(kind)
