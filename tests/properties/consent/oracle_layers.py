"""The second reading, continued: trees, several consents, agreements, the order of the layers."""

from datetime import timedelta
from typing import Any

from oracle import (  # type: ignore[import-not-found]
    ABOVE,
    BTG,
    DENY,
    DENY_E,
    LEVELS,
    LIMIT,
    NA,
    PERMIT,
    STAGES,
    WIDER,
    Resource,
    World,
    ends,
    holds,
    span,
    under,
)

REQUEST_SIDE, ALL = ("period", "actor", "action", "purpose"), ()


def tree(world: World, purpose: str, node: dict[str, Any], res: Resource) -> int:
    """What one tree says: a permit with its exceptions, a denial with its."""
    children = node.get("provision", [])
    if node["type"] == "permit":
        alone = [
            tree(world, purpose, {**{k: node[k] for k in ("period", "purpose") if k in node}, **child}, res)
            for child in children if child["type"] == "deny"
        ]  # fmt: skip
        said = max([one for one in alone if one >= DENY], default=NA)
        if said:
            return said
        asked = holds(world, purpose, node, res, True, "request")
        if asked and holds(world, purpose, node, res, True, "data"):
            return PERMIT
        wider = [
            tree(world, purpose, {**{k: node[k] for k in REQUEST_SIDE if k in node}, **child}, res)
            for child in children if child["type"] == "permit"
        ]  # fmt: skip
        return PERMIT if PERMIT in wider else max([*wider, LIMIT if asked else NA])
    below = max([tree(world, purpose, c, res) for c in children if c["type"] == "deny"], default=NA)
    below = below if below >= DENY else NA
    if not all(holds(world, purpose, node, res, False, side) for side in ("request", "data")):
        return below
    excepted = PERMIT in [tree(world, purpose, c, res) for c in children if c["type"] == "permit"]
    if excepted:
        filtered = any(name in node for name in ("class", "code", "securityLabel", "dataPeriod", "data"))
        return max(below, NA if filtered else PERMIT)
    own = {one["code"] for one in node.get("purpose", [])}
    return max(below, DENY_E if own & {"ETREAT", "BTG", "ERTREAT"} else DENY)


def heard(world: World, purpose: str, patient: str, res: Resource) -> tuple[int, str]:
    """Of all consents of a patient the strongest, and its code."""
    counted = [
        one for one in world.consents
        if one["patient"]["reference"] == patient and one["status"] in ("active", "inactive", "rejected")
        and span(one["dateTime"])[0] <= world.at
    ]  # fmt: skip
    voided, said = False, NA
    for one in counted:
        same = [other for other in counted if other["policy"] == one["policy"]]
        if span(one["dateTime"])[1] < max(span(other["dateTime"])[0] for other in same):
            continue
        root = one["provision"]
        low, high = ends(root.get("period", {}))
        if one["status"] != "active" or not low <= world.at <= high:
            continue
        value = tree(world, purpose, root, res)
        if value == PERMIT and not _may_consent(world, one):
            voided, value = True, NA
        said = max(said, value)
    names = {
        DENY_E: "consent-deny",
        DENY: "consent-deny",
        PERMIT: "consent-permit",
        LIMIT: "outside-permitted-data",
    }
    return said, names.get(said, "performer-not-authorised" if voided else "no-consent")


def _may_consent(world: World, one: dict[str, Any]) -> bool:
    who = one.get("performer", [{"reference": one["patient"]["reference"]}])[0]["reference"]
    return who == one["patient"]["reference"] or _proxy(
        world, who, one["patient"]["reference"], "consent", span(one["dateTime"])[0]
    ) in (None, "proxy-excluded-label")


def _proxy(world: World, who: str, patient: str, right: str, at: Any) -> str | None:
    held = [one for one in world.register["proxies"]
            if one["proxy"] == who and one["patient"] == patient and right in one["rights"] and one["verified"]]  # fmt: skip
    if not held:
        return "proxy-not-authorised"
    born = span(world.register["births"][patient])[0]
    age = at.year - born.year - ((at.month, at.day) < (born.month, born.day))
    return None if age < 11 else "proxy-suspended-age"


def person(world: World, purpose: str, res: Resource) -> str | None:
    """Why a person acting for herself or another may not see it."""
    if not under(purpose, {"PATRQT"}, ABOVE):
        return "proxy-not-authorised"
    found = [
        _proxy(world, world.r.person, one, "view", world.at)
        for one in world.patients
        if one != world.r.person
    ]
    return next((code for code in ("proxy-not-authorised", "proxy-suspended-age") if code in found), None)


def standing(world: World, one: Any) -> int | None:
    provider = next((o for o in world.chain(world.custodian) if o in one["providers"]), None)
    recipient = next((o for o in world.chain(world.r.org) if o in one["recipients"]), None)
    if provider is None or recipient is None:
        return 0
    if provider not in one["signed"] or recipient not in one["signed"]:
        return 1
    return 4 if world.at < span(one["effective"]["start"])[0] else None


def failing(world: World, purpose: str, term: Any, res: Resource) -> int | None:
    """The first of the stages 7 to 13 at which a term fails."""
    if not under(purpose, term["purposes"], ABOVE):
        return 7
    if term.get("roles") and not set(term["roles"]) & set(world.r.roles):
        return 8
    if world.r.action not in ("access", "disclose"):
        return 9
    if term.get("data_classes") and res.type not in term["data_classes"]:
        return 10
    if any(under(one, term.get("exclude_sensitivity", []), WIDER) for one in res.labels):
        return 11
    if res.level > LEVELS.index(term.get("max_confidentiality", "R")):
        return 12
    days = term.get("lookback_days")
    return 13 if days is not None and res.when[1] < world.at - timedelta(days=days) else None


def candidates(world: World, purpose: str, res: Resource) -> tuple[list[Any], str | None]:
    """Covering (agreement, term) pairs in order, or the furthest failing stage."""
    if world.internal:
        return [], None
    found, furthest = [], 0
    for one in sorted(current(world), key=lambda one: one["id"]):
        stage = standing(world, one)
        if stage is not None:
            furthest = max(furthest, stage)
            continue
        for term in one["terms"]:
            stage = failing(world, purpose, term, res)
            if stage is None:
                found.append((one, term))
            else:
                furthest = max(furthest, stage)
    return found, None if found else STAGES[furthest]


def current(world: World) -> list[Any]:
    """Of two documents with one id the later that both sides signed, else the last."""
    best: dict[str, Any] = {}
    for one in world.agreements:
        if one["id"] not in best or force(world, one) or not force(world, best[one["id"]]):
            best[one["id"]] = one
    return list(best.values())


def force(world: World, one: Any) -> bool:
    both = set(one["signed"]) & set(one["providers"]) and set(one["signed"]) & set(one["recipients"])
    return bool(both) and span(one["effective"]["start"])[0] <= world.at


def cheapest(pairs: list[Any], emergency: bool) -> Any:
    usable = [pair for pair in pairs if pair[0].get("emergency") or not emergency]
    return min(usable, key=lambda pair: cost(pair[1]), default=None)


def cost(term: Any) -> tuple[bool, int]:
    gone = term.get("elements_redacted", [])
    return "Observation.code" in gone, len(gone)


def obligations(
    world: World, res: Resource, purpose: str, broke: bool, chosen: Any, met: set[str]
) -> set[str]:
    found = {"AUDIT", *met, *(chosen[1].get("obligations", []) if chosen else [])}
    found |= BTG if broke or purpose == "BTG" else set()
    return found | ({"NOTICE-42CFR2"} if "42CFRPart2" in res.tags else set())
