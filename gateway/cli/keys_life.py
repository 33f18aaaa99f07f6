"""`carepact keys rotate | retire | destroy | list --due`: the life of a key, ended early or carried on.

Times do the rest by themselves: a key is pending, active, retiring and destroyed by its `nbf`, its `exp` and
the clock (`keys.lifecycle`). What would leave the node without a key that others know is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.cli.act import act_now, decline, instant_from_seconds
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Act
    from keys.interface import PublicKey

DAY = 86_400
SIGNING = {
    "sig": ("Ed25519", "ML-DSA-65"),
    "log": ("Ed25519", "ML-DSA-44"),
    "witness": ("ML-DSA-44",),
}
LIFE = {"sig": 365 * DAY, "log": 365 * DAY, "witness": 365 * DAY, "enc": DAY}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say. `begins`: seconds until new keys are used; None: as the members list needs it."""

    reason: str
    dry_run: bool
    force: bool = False
    begins: int | None = None


def algorithms_of(node: "Runtime", use: str) -> tuple[str, ...]:
    """What a node needs of this use, by the suites that it takes. Raises `invalid`."""
    from keys.algorithms import SUITES

    taken = sorted(suites_of(node), reverse=True)
    if use == "enc":
        return tuple(dict.fromkeys(SUITES[number].kem for number in taken))
    if use == "sig" and 1 in taken:
        return (*SIGNING["sig"], "ES256")
    if use not in SIGNING:
        raise Problem("invalid", expression="--use", hint="one of sig, log, witness, enc")
    return SIGNING[use]


def suites_of(node: "Runtime") -> frozenset[int]:
    """The suites that this node takes: of its settings, what its list has on."""
    return node.node.directory().trust.suites & frozenset(node.settings.keys.suites)


def due_rows(node: "Runtime") -> list[dict[str, Any]]:
    """What the keys need now, a row an act; `do` is the command for it."""
    from keys.lifecycle import due

    held = {key.kid: key for key in node.keys.public()}
    at, owner = int(node.clock().timestamp()), node.node.directory().trust.owner
    known = {kid for kid in held if owner(kid) == node.node.member}
    found = due(held.values(), at, published=known, suites=suites_of(node))
    uses = {key.use for key in held.values()}
    made = [
        {"act": "make", "use": one.use, "alg": one.alg, "from": instant_from_seconds(one.nbf),
         "until": instant_from_seconds(one.exp), "kid": None, "do": f"carepact keys rotate --use {one.use}"}
        for one in found.make if one.use != "enc" or "enc" in uses
    ]  # fmt: skip
    acts = {"publish": "carepact directory publish", "destroy": "carepact keys destroy KID"}
    return made + [
        {"act": act, "use": held[kid].use, "alg": held[kid].alg, "from": instant_from_seconds(held[kid].nbf),
         "until": instant_from_seconds(held[kid].exp), "kid": kid, "do": acts[act]}
        for act in acts for kid in getattr(found, act)
    ]  # fmt: skip


async def rotated(node: "Runtime", use: str, asked: Asked) -> dict[str, Any]:
    """New keys of a use; the ones before fade out: signing keys within 30 days, KEM keys at their own end."""
    from keys.lifecycle import SIGNING_OVERLAP, state

    act = act_now(node, asked.reason)
    at, algorithms = int(act.at.timestamp()), algorithms_of(node, use)
    begins = at + (asked.begins if asked.begins is not None else _lead(node))
    before = [
        key for key in node.keys.public()
        if key.use == use and key.alg in algorithms and state(key, at) == "active" and use != "enc"
    ]  # fmt: skip
    fading = {key.kid: min(key.exp, begins + SIGNING_OVERLAP) for key in before}
    _require_list(node)
    if not asked.dry_run:
        kids = [node.keys.create(_use(use), alg, nbf=begins, exp=begins + LIFE[use]) for alg in algorithms]
        await _log(node, act, {"action": "rotate", "use": use, "kids": kids, "fading": list(fading)})
        for kid, end in fading.items():
            node.keys.end(kid, at=end)
        _publish(node)
    else:
        kids = []
    ends = {kid: instant_from_seconds(end) for kid, end in fading.items()}
    return _told(asked, act="rotate", use=use, made=kids, begins=instant_from_seconds(begins), fading=ends)


async def retired(node: "Runtime", kid: str, asked: Asked) -> dict[str, Any]:
    """End a key's use now. It still opens what is on its way, and what it signed stays good."""
    act = act_now(node, asked.reason)
    key, at = _key(node, kid), int(act.at.timestamp())
    if key.destroyed is not None or key.exp <= at:
        _refuse(f"this key has ended already, at {instant_from_seconds(key.exp)}")
    if at < key.nbf:
        _refuse("this key has not begun: carepact keys destroy takes it away")
    _require_successor(node, key, at)
    _require_list(node)
    if not asked.dry_run:
        await _log(node, act, {"action": "retire", "use": key.use, "kids": [kid]})
        node.keys.end(kid, at=at)
        _publish(node)
    return _told(asked, act="retire", use=key.use, kid=kid, until=instant_from_seconds(at))


async def destroyed(node: "Runtime", kid: str, asked: Asked) -> dict[str, Any]:
    """Destroy a private half. It signs and opens no more, ever; the public half stays for old evidence."""
    from keys.lifecycle import LONGEST_MESSAGE, live

    act = act_now(node, asked.reason)
    key, at = _key(node, kid), int(act.at.timestamp())
    if key.destroyed is not None:
        _refuse(f"this key was destroyed at {instant_from_seconds(key.destroyed)}")
    if live(key, at):
        _require_successor(node, key, at)
    needed = key.use == "enc" and key.nbf <= at < key.exp + LONGEST_MESSAGE
    if needed and not asked.force:
        end = instant_from_seconds(key.exp + LONGEST_MESSAGE)
        _refuse(f"messages to this key may be on their way until {end}: --force gives them up")
    _require_list(node)
    if not asked.dry_run:
        await _log(node, act, {"action": "destroy", "use": key.use, "kids": [kid]})
        node.keys.retire(kid, at=at)
        _publish(node)
    return _told(asked, act="destroy", use=key.use, kid=kid, until=instant_from_seconds(at))


def _require_successor(node: "Runtime", key: "PublicKey", at: int) -> None:
    """Another live key of its kind, which others know: else nothing of this node would be believed."""
    from keys.lifecycle import live

    owner = node.node.directory().trust.owner
    others = [
        other for other in node.keys.public()
        if (other.use, other.alg) == (key.use, key.alg) and other.kid != key.kid and live(other, at)
    ]  # fmt: skip
    step = f"carepact keys rotate --use {key.use} --begins 0h --reason …"
    if not others:
        _refuse(f"this is the only live {key.use} key ({key.alg}); first {step}")
    if key.use in LIFE and not any(owner(other.kid) == node.node.member for other in others):
        _refuse("its successor is unknown to others yet: carepact directory publish")


def _key(node: "Runtime", kid: str) -> "PublicKey":
    found = next((key for key in node.keys.public() if key.kid == kid), None)
    if found is None:
        raise Problem("not_found", expression="KID", hint="no such key: carepact keys list")
    return found


def _lead(node: "Runtime") -> int:
    """New keys are used once everybody can know them: in a federation after two lives of its timestamp."""
    return 0 if node.settings.directory.members is not None else 2 * DAY


def _use(use: str) -> Any:
    return use


def _require_list(node: "Runtime") -> None:
    from gateway.cli.published import require_publishable

    if node.settings.directory.members is not None:
        require_publishable(node)


def _publish(node: "Runtime") -> None:
    """In the node's own file at once; in a federation by an act of its own, which a publisher has to take."""
    from gateway.cli.published import publish

    if node.settings.directory.members is not None:
        publish(node)


async def _log(node: "Runtime", act: "Act", detail: Mapping[str, Any]) -> None:
    """The leaf comes first: nothing happens to a key that the ledger does not know."""
    await node.database.write(lambda connection: log_key(connection, node, act, detail))


def log_key(connection: Any, node: "Runtime", act: "Act", detail: Mapping[str, Any]) -> None:
    """The leaf `key` of one act, within a unit of work."""
    from gateway.audit import ledger
    from gateway.audit.interface import Entry

    said = {**detail, "by": act.by, "reason": act.reason}
    entry = Entry("key", int(act.at.timestamp()), detail=said)
    vault = node.node.room(connection).vault
    ledger.append(connection, entry, me=node.node.member, vault=vault, entropy=node.entropy)


def _refuse(why: str) -> None:
    decline(Exit.CONFLICT, why)


def _told(asked: Asked, **said: Any) -> dict[str, Any]:
    return said | {"dry_run": asked.dry_run}
