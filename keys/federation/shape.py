"""What roles may look like (trust-and-ledger.md 1): a closed form, so that no surprise is ever trusted.

A *pair* is one Ed25519 and one ML-DSA-65 key; a pair role has threshold 2, so both families must fall. Of n
holders with k wanted, `root` has 2n keys and threshold 2k: at least two holders, and one ML-DSA key.
Refuses with `TrustRefused("shape")`.
"""

from collections.abc import Mapping, Sequence

from tuf.api.metadata import Delegations, Key, Role, Root, Targets

from keys.address import is_member
from keys.errors import TrustRefused

ED25519, ML_DSA = ("ed25519", "ed25519"), ("ml-dsa", "ml-dsa-65/1")
MAX_HOLDERS = 16
BIN, BIN_BITS = "bin", 4
"""Sixteen bins, `bin-0` to `bin-f` (TAP 15), by the SHA-256 of a member's path."""
MAX_SNAPSHOT_KEYS, MAX_TIMESTAMP_KEYS = 3, 5
_TOP = {"root", "targets", "snapshot", "timestamp"}


def require_root_shape(root: Root) -> None:
    """Four roles, pairs of two families where they are wanted, no key twice under two names."""
    _require(root.consistent_snapshot is True and set(root.roles) == _TOP, "root")
    _require_distinct(root.keys, "root")
    holders = _pairs(root.roles["root"], root.keys, "root")
    threshold = root.roles["root"].threshold
    # More than half of all keys: not one family alone, and not the minority of the holders.
    _require(holders <= MAX_HOLDERS and threshold % 2 == 0 and holders < threshold <= 2 * holders, "root")
    _require(_pairs(root.roles["targets"], root.keys, "targets") == 1, "targets")
    _require(root.roles["targets"].threshold == 2, "targets")
    for name, most in (("snapshot", MAX_SNAPSHOT_KEYS), ("timestamp", MAX_TIMESTAMP_KEYS)):
        role = root.roles[name]
        families = _families(role, root.keys, name)
        _require(families == [ED25519] * len(families) and 1 <= len(families) <= most, name)
        _require(role.threshold == 1, name)


def require_targets_shape(targets: Targets) -> None:
    """Two files of the operator, and one delegation for each member, of exactly the form that admits her."""
    _require(set(targets.targets) == {"federation.json", "registry.json"}, "targets")
    delegations = targets.delegations
    if delegations is None:
        return
    _require_distinct(delegations.keys, "targets")
    bins = delegations.succinct_roles
    if bins is None:
        _require_members(delegations, "targets")
        return
    _require(delegations.roles is None and (bins.bit_length, bins.name_prefix) == (BIN_BITS, BIN), "targets")
    _require(bins.threshold == 2 and _pairs(bins, delegations.keys, "targets") == 1, "targets")


def require_bin_shape(targets: Targets, role: Targets, name: str) -> None:
    """No file of its own, and delegations to members that belong into this very bin."""
    _require(not role.targets and role.delegations is not None, "bin")
    if role.delegations is not None:
        _require_distinct(role.delegations.keys, "bin")
        _require_members(role.delegations, "bin")
        _require(all(bin_of(targets, id) == name for id in role.delegations.roles or {}), "bin")


def bin_of(targets: Targets, member: str) -> str | None:
    """The bin that a member's role is delegated by; None where there are no bins."""
    bins = targets.delegations.succinct_roles if targets.delegations is not None else None
    return bins.get_role_for_target(f"members/{member}/member.json") if bins is not None else None


def _require_members(delegations: Delegations, about: str) -> None:
    _require(delegations.succinct_roles is None and delegations.roles is not None, about)
    for name, role in (delegations.roles or {}).items():
        _require(is_member(name) and role.terminating is True and role.threshold == 2, about)
        _require(role.paths == [f"members/{name}/*"] and role.path_hash_prefixes is None, about)
        _require(_pairs(role, delegations.keys, about) == 1, about)


def require_member_shape(role: Targets, member: str) -> None:
    """One file, and no delegation further down."""
    _require(role.delegations is None, member)
    _require(set(role.targets) == {f"members/{member}/member.json"}, member)


def key_family(key: Key) -> tuple[str, str]:
    """Key type and scheme."""
    return key.keytype, key.scheme


def _pairs(role: Role, keys: Mapping[str, Key], about: str) -> int:
    """How many pairs a role has; both families as often."""
    families = _families(role, keys, about)
    count = families.count(ED25519)
    _require(count == families.count(ML_DSA) > 0 and len(families) == 2 * count, about)
    return count


def _families(role: Role, keys: Mapping[str, Key], about: str) -> list[tuple[str, str]]:
    _require(len(set(role.keyids)) == len(role.keyids) and role.threshold >= 1, about)
    _require(all(id in keys for id in role.keyids), about)
    return [key_family(keys[id]) for id in role.keyids]


def _require_distinct(keys: Mapping[str, Key], about: str) -> None:
    publics: Sequence[object] = [key.keyval.get("public") for key in keys.values()]
    _require(len(set(publics)) == len(publics), about)
    _require(all(key_family(key) in (ED25519, ML_DSA) for key in keys.values()), about)


def _require(holds: bool, about: str) -> None:
    if not holds:
        raise TrustRefused("shape", about)
