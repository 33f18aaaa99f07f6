"""What is said of a member list that still holds: at `status`, and at every start of the node."""

from collections.abc import Iterator

from keys.federation.advance import Advanced
from keys.federation.metadata import expiry
from keys.trust import BACKWARDS

DAY = 86_400
ROOT_SOON = 60 * DAY
"""Seconds before the root's end: holders must meet."""
TARGETS_SOON = 45 * DAY


def warnings_of(held: Advanced, now: int) -> Iterator[str]:
    """One line each. `now`: POSIX seconds."""
    root, trust = held.state.root, held.trust
    if len(root.signed.roles["root"].keyids) == 2:
        yield "solo root: one holder alone can change the root: carepact directory init --holders 3 has more"
    if now < trust.signed - BACKWARDS:
        yield "this clock is behind the list: nothing is accepted until it is right"
    if trust.expires - now < held.federation.timestamp_life // 2:
        yield "more than half of the list's life has gone: carepact directory refresh"
    if expiry(root) - now < ROOT_SOON:
        yield "the root ends soon: carepact directory rotate-root, at its operator"
    if _targets_end(held) - now < TARGETS_SOON:
        yield "the operator's role ends soon: carepact directory publish, at the operator"
    if held.federation.grace:
        yield "grace: after the list's end emergencies still pass for some hours"


def _targets_end(held: Advanced) -> int:
    from tuf.api.metadata import Metadata, Targets

    snapshot = held.state.snapshot
    assert snapshot is not None  # a list without one is none
    version = snapshot.signed.meta["targets.json"].version
    targets: Metadata[Targets] = Metadata.from_bytes(held.state.files[f"metadata/{version}.targets.json"])
    return expiry(targets)
