"""A second reading of the specification of decisions, in plain steps over plain JSON: the laws are held to it.

It imports nothing of the engine. It is slow, folds nothing, remembers nothing, and knows only the part of the
vocabulary that the generated questions use; what it reads are the documents themselves.
"""

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

ABOVE = {"ETREAT": "TREAT", "BTG": "ETREAT", "FAMRQT": "PATRQT"}
PURPOSES = {"TREAT", "ETREAT", "BTG", "HRESCH", "HMARKT", "HLEGAL", "PATRQT", "FAMRQT"}
WIDER = {"PSY": "MH", "PSYTHPN": "PSY", "MH": "BH"}
LABELS = {"PSY", "MH", "PSYTHPN", "HIV", "SDV"}
LEVELS = "ULMNRV"
STAGES = (
    "no-dsa dsa-not-signed dsa-suspended dsa-terminated dsa-not-yet-effective dsa-expired dsa-review-overdue "
    "dsa-purpose dsa-role dsa-action dsa-data-class dsa-sensitivity dsa-confidentiality dsa-lookback"
).split()
DENY_E, DENY, PERMIT, LIMIT, NA = 4, 3, 2, 1, 0
T, U, F = 2, 1, 0
BTG = {"BTG-AUDIT", "BTG-NOTIFY-PATIENT", "BTG-REVIEW-72H"}


def span(text: str) -> tuple[datetime, datetime]:
    """First and last moment of a FHIR date."""
    if "T" in text:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return at, at
    parts = [int(part) for part in text.split("-")]
    first = datetime(*(parts + [1, 1])[:3], tzinfo=UTC)
    month = parts[1] if len(parts) > 1 else 12
    day = parts[2] if len(parts) > 2 else calendar.monthrange(parts[0], month)[1]
    return first, datetime(parts[0], month, day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)


def ends(period: dict[str, str]) -> tuple[datetime, datetime]:
    low, high = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return (
        span(period["start"])[0] if "start" in period else low,
        span(period["end"])[1] if "end" in period else high,
    )


def under(code: str, listed: Any, tree: dict[str, str]) -> bool:
    while True:
        if code in listed:
            return True
        if code not in tree:
            return False
        code = tree[code]


class Resource:
    """What counts of one resource, or of one labelled element of it."""

    def __init__(self, body: dict[str, Any], security: Any, tags: Any) -> None:
        codes = [(label["system"].rpartition("-")[2], label["code"]) for label in security]
        self.body, self.type = body, body["resourceType"]
        self.tags = set(tags) | {code for _, code in codes if code == "42CFRPart2"}
        self.labels = {code for system, code in codes if system == "ActCode" and code != "42CFRPart2"}
        levels = [LEVELS.index(code) for system, code in codes if system == "Confidentiality"]
        self.level = max(
            [max(levels) if levels else LEVELS.index("N"), LEVELS.index("R") if self.labels else 0]
        )
        self.when = span(body["effectiveDateTime"]) if "effectiveDateTime" in body else span(body["issued"])
        coding = body["code"].get("coding", [])
        self.codes = {(one.get("system"), one["code"]) for one in coding}
        self.authors = {one["reference"] for one in body.get("performer", [])}
        self.refs = {body["subject"]["reference"], body["encounter"]["reference"], *self.authors}


class World:
    """One question with everything it is answered from. `agreements`: documents with `signed` beside."""

    def __init__(
        self, question: Any, register: dict[str, Any], pack: dict[str, Any], agreements: Any
    ) -> None:
        self.r, self.context, self.pack, self.register = question.request, question.context, pack, register
        self.at = question.request.at
        self.agreements = agreements
        self.consents, self.rules = question.consents, question.rules
        self.custodian = question.context.custodian
        self.patients = list(question.context.patients) or [question.resource["subject"]["reference"]]

    def chain(self, org: str) -> list[str]:
        found = [org]
        while found[-1] in self.register["org_parent"]:
            found.append(self.register["org_parent"][found[-1]])
        return found

    @property
    def internal(self) -> bool:
        return self.custodian in self.chain(self.r.org)


# --- L3: one provision -------------------------------------------------------------------------------


def matches(world: World, purpose: str, node: dict[str, Any], res: Resource, permit: bool, side: str) -> int:
    """T, F or U of one side of a node; U counts as the kind of rule says."""
    tests = {
        "request": (("period", _period), ("actor", _actors), ("action", _action), ("purpose", _purpose)),
        "data": (
            ("class", _class),
            ("code", _code),
            ("securityLabel", _label),
            ("dataPeriod", _data_period),
            ("data", _data),
        ),
    }[side]
    answers = [test(world, purpose, node[name], res, permit) for name, test in tests if name in node]
    return min([T, *answers])


def holds(world: World, purpose: str, node: Any, res: Resource, permit: bool, side: str) -> bool:
    return matches(world, purpose, node, res, permit, side) >= (T if permit else U)


def _period(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    low, high = ends(value)
    return T if low <= world.at <= high else F


def _actors(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    kinds: dict[str, list[int]] = {}
    for actor in value:
        role = actor["role"]["coding"][0]["code"] if "role" in actor else "IRCP"
        kind, _, id_ = actor["reference"]["reference"].partition("/")
        group = "cst" if role == "CST" else "ircp" if role == "IRCP" else "other"
        kinds.setdefault(group, []).append(_actor(world, group, kind, id_))
    return min(max(found) for found in kinds.values())


def _actor(world: World, role: str, kind: str, id_: str) -> int:
    if role == "other":
        return U
    if role == "cst":
        return U if kind != "Organization" else T if id_ in world.chain(world.custodian) else F
    if kind == "Organization":
        return T if id_ in world.chain(world.r.org) else F
    if kind == "PractitionerRole":
        return T if id_ in world.r.roles else F if world.r.roles else U
    if kind == "Patient":
        return F
    listed = [id_] if kind == "Practitioner" else world.register["groups"].get(id_)
    if listed is None:
        return U
    if world.r.practitioner is not None:
        return T if world.r.practitioner in listed else F
    for person in listed:
        places = world.register["practitioner_orgs"].get(person, [])
        near = any(org in world.chain(world.r.org) or world.r.org in world.chain(org) for org in places)
        if not places or near:
            return U
    return F


def _action(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    codes = {one["coding"][0]["code"] for one in value}
    covered = world.r.action in codes or ("access" in codes and world.r.action == "disclose")
    return T if covered else U if "odd" in codes else F


def _purpose(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    codes = {one["code"] for one in value}
    return T if under(purpose, codes & PURPOSES, ABOVE) else U if codes - PURPOSES else F


def _class(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    return T if res.type in {one["code"] for one in value} else F


def _code(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    listed = {(one.get("system"), one["code"]) for concept in value for one in concept["coding"]}
    return T if listed & res.codes else U if not res.codes else F


def _label(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    codes = [(one["system"].rpartition("-")[2], one["code"]) for one in value]
    levels = [LEVELS.index(code) for system, code in codes if system == "Confidentiality"]
    listed = {code for system, code in codes if system == "ActCode" and code in LABELS}
    unknown = any(system == "ActCode" and code not in LABELS for system, code in codes)
    if permit:
        if not levels and not listed:
            return F
        low_enough = res.level <= (max(levels) if levels else LEVELS.index("R"))
        covered = not listed or (bool(res.labels) and all(under(one, listed, WIDER) for one in res.labels))
        return T if low_enough and covered else F
    touched = bool(levels) and res.level >= min(levels)
    touched = touched or any(under(one, listed, WIDER) for one in res.labels)
    return T if touched else U if unknown else F


def _data_period(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    low, high = ends(value)
    first, last = res.when
    return T if (low <= first and last <= high if permit else low <= last and first <= high) else F


def _data(world: World, purpose: str, value: Any, res: Resource, permit: bool) -> int:
    own = f"{res.type}/{res.body['id']}"
    answers = []
    for one in value:
        ref, meaning = one["reference"]["reference"], one["meaning"]
        if meaning == "authoredby":
            answers.append(U if not res.authors else T if ref in res.authors else F)
        else:
            answers.append(T if ref == own or (meaning == "related" and ref in res.refs) else F)
    return max(answers)
