"""What `carepact doctor` says about the list of members: the node's own file, or a federation's.

Who can help differs: a file is the operator's own, a federation's list is signed anew by its publisher,
and the others fetch that.
"""

from typing import TYPE_CHECKING

from gateway.cli.check import SOON, Check

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.config import Settings
    from gateway.directory.folder import FederationFolder
    from gateway.directory.members import MembersFile
    from keys.interface import PublicKey
    from keys.trust import TrustList

HOUR = 3600
DAY = 24 * HOUR
_SERVE = "carepact serve makes it"
_REFRESH = "carepact directory refresh"
_PUBLISH = "carepact directory publish --reason …"
_STEPS = {
    "file": {
        "absent": "carepact keys member --out own.json; carepact directory add own.json --reason …",
        "disabled": "carepact directory add FILE --reason …, with a good record of theirs",
    },
    "publisher": {
        "absent": "carepact directory status; carepact directory restore, if this node was suspended",
        "unpublished": _PUBLISH,
        "disabled": "that member: carepact directory publish; here: carepact directory take FILE --reason …",
        "ends": _PUBLISH,
    },
    "member": {
        "absent": f"the publisher: carepact directory admit, with this node's join file; then {_REFRESH}",
        "unpublished": "carepact directory publish --out update.json --reason …; the publisher: "
        f"carepact directory take update.json; then {_REFRESH}",
        "disabled": f"that member publishes a good record of itself; then {_REFRESH}",
        "ends": f"{_REFRESH}; if nothing newer is there, the publisher: carepact directory publish",
    },
}


def repair_of_members(settings: "Settings") -> str:
    """The next step where the list cannot be read at all."""
    file = settings.directory.members
    if file is None:
        return _STEPS[_kind(settings)]["ends"]
    keys = settings.node.state / "keys"
    never_served = not file.exists() and not (keys.is_dir() and any(keys.iterdir()))
    return _SERVE if never_served else f"repair {file} (directory.members)"


def check_of_members(settings: "Settings", keys: "tuple[PublicKey, ...]", now: "datetime") -> Check:
    """The list is alive, this node is in it with the keys that it signs with, and nobody is disabled."""
    from gateway.directory.opening import open_members

    held = open_members(settings)
    trust, at = held.current.trust, int(now.timestamp())
    steps = _steps(settings)
    if trust.expires <= at:
        return Check("members", "failed", "the list has expired: nothing is sealed or opened", steps["ends"])
    if trust.member(settings.node.id) is None:
        said = "this node is not in it: nobody can verify its answers"
        return Check("members", "failed", said, steps["absent"])
    if unpublished := _unpublished(trust, settings.node.id, keys, at):
        said = f"{unpublished} of this node's live signing keys are not in it"
        return Check("members", "failed", said, steps["unpublished"])
    if trust.disabled:
        named = "; ".join(f"{who}: {why}" for who, why in trust.disabled)
        return Check("members", "warning", f"disabled: {named}", steps["disabled"])
    if trust.expires - at < _soon(held):
        return Check("members", "warning", f"the list expires in {_span(trust.expires - at)}", steps["ends"])
    count = len(trust.members)
    return Check("members", "ok", f"{count} member{'' if count == 1 else 's'}, version {trust.version}")


def _kind(settings: "Settings") -> str:
    """`file`; in a federation `publisher` where it was founded on this node, else `member`."""
    from gateway.directory.desk import FIRST

    if settings.directory.members is not None:
        return "file"
    founded = (settings.node.state / "federation" / "repository" / FIRST).exists()
    return "publisher" if founded else "member"


def _steps(settings: "Settings") -> dict[str, str]:
    anew = f"write {settings.directory.members} anew, with a higher version"
    return {"ends": anew, "unpublished": anew} | _STEPS[_kind(settings)]


def _soon(held: "MembersFile | FederationFolder") -> int:
    """Seconds before its end from which a list is named; in a federation half of its life."""
    from gateway.directory.folder import FederationFolder

    if isinstance(held, FederationFolder):
        return held.advanced.federation.timestamp_life // 2
    return SOON


def _span(seconds: int) -> str:
    return f"{seconds // HOUR} hours" if seconds < 2 * DAY else f"{seconds // DAY} days"


def _unpublished(trust: "TrustList", me: str, keys: "tuple[PublicKey, ...]", at: int) -> int:
    from keys.lifecycle import live

    used = [key for key in keys if key.use in ("sig", "log") and live(key, at)]
    return sum(trust.key(me, key.alg, key.kid, use=key.use, at=at) is None for key in used)
