"""Whether the member list is fresh enough for a purpose, and what is said where it is not.

After the list's end nothing is sealed or opened. With a grace in the federation's rules an emergency still
passes for that long: its leaves say `stale`, and the log says it aloud each time.
"""

from gateway.authn.claims import EMERGENCY
from gateway.directory.interface import Directory
from gateway.errors import Problem
from gateway.logs import log
from keys.errors import NotReady
from keys.trust import TrustList


def require_current(directory: Directory | TrustList, purpose: str, at: int) -> None:
    """Raises `unavailable` where nothing of this purpose may pass. `at`: POSIX seconds."""
    trust = directory.trust if isinstance(directory, Directory) else directory
    try:
        trust.require_fresh(at, emergency=purpose in EMERGENCY)
    except NotReady:
        raise Problem("unavailable", hint="the members list has expired, or the clock is behind it") from None
    if trust.stale(at):
        log.error("exchange_by_grace", reason="directory-expired")


def staleness(trust: TrustList, at: int) -> dict[str, object]:
    """What the leaf's detail says beside the rest."""
    return {"stale": True} if trust.stale(at) else {}
