"""The second reading, its end: the numbered steps, and the comparison with the engine."""

from typing import Any

from oracle import ABOVE, DENY_E, LEVELS, LIMIT, PERMIT, WIDER, Resource, World, under  # type: ignore[import-not-found]
from oracle_layers import (  # type: ignore[import-not-found]
    candidates,
    cheapest,
    current,
    failing,
    heard,
    obligations,
    person,
)

MODES = ("FORBID", "MANDATE", "OPT_IN", "OPT_OUT")


def answer(world: World, resource: dict[str, Any], inline: str) -> dict[str, Any]:
    """Effect, layer, reason, obligations, redactions."""
    parts = [one_purpose(world, purpose, resource, inline) for purpose in world.r.purpose]
    denied = next((part for part in parts if part["effect"] == "deny"), None)
    if denied:
        return denied
    whole = dict(parts[0])
    for name in ("obligations", "redactions"):
        whole[name] = sorted({one for part in parts for one in part[name]})
    return whole | {"effect": "permit-redacted" if whole["redactions"] else "permit"}


def deny(layer: str, reason: str) -> dict[str, Any]:
    return {"effect": "deny", "layer": layer, "reason": reason, "obligations": [], "redactions": []}


def one_purpose(world: World, purpose: str, body: dict[str, Any], inline: str) -> dict[str, Any]:
    emergency = world.r.emergency
    stated = emergency is not None and emergency.declared and bool(emergency.reason.strip())
    if purpose not in world.pack["known_purposes"]:
        return deny("L0", "purpose-missing-or-unknown")
    if world.r.subject not in world.patients:
        return deny("L0", "subject-mismatch")
    if purpose == "BTG" and not stated:
        return deny("L0", "btg-undeclared")
    res = Resource(body, body.get("meta", {}).get("security", []), world.context.tags)
    way = steps(world, purpose, res)
    if "effect" in way:
        return way
    hidden = []
    labels = [x["valueCoding"] for x in body["note"][0].get("extension", []) if x["url"] == inline]
    if labels:
        part = steps(world, purpose, Resource(body, labels, world.context.tags))
        if "effect" in part:
            hidden.append("Observation.note[0]")
        else:
            way["broke"] = way["broke"] or part["broke"]
    chosen = cheapest(way["covering"], way["broke"])
    listed = [path for rule in world.rules if rule["effect"] == "redact" and touches(world, purpose, rule, res)
              for path in rule["elements"]]  # fmt: skip
    cut = sorted({*listed, *(chosen[1].get("elements_redacted", []) if chosen else []), *hidden})
    if "Observation.code" in cut:
        return deny("L4", "redaction-breaks-resource")
    layer, reason = way["bases"][0] if way["bases"] else ("L3", "break-glass")
    for start in ("implied:", "mandate:", "consent-permit"):
        layer, reason = next((base for base in way["bases"] if base[1].startswith(start)), (layer, reason))
    if way["broke"]:
        layer, reason = "L3", "break-glass"
    due = obligations(world, res, purpose, way["broke"], chosen, way["met"])
    effect = "permit-redacted" if cut else "permit"
    return {"effect": effect, "layer": layer, "reason": reason, "obligations": sorted(due), "redactions": cut}


def steps(world: World, purpose: str, res: Resource) -> dict[str, Any]:
    way: dict[str, Any] = {"bases": [], "broke": False, "met": set(), "covering": []}
    if world.r.person is not None:
        code = person(world, purpose, res)
        if code:
            return deny("L0", code)
        way["bases"].append(("L0", "self-access" if world.r.person == world.r.subject else "proxy-access"))
        return source(world, purpose, res, way, False)
    way["covering"], stage = candidates(world, purpose, res)
    grantable = world.internal or cheapest(way["covering"], True) is not None
    eligible = grantable and may_ask(world, purpose)
    for patient in world.patients:
        refused = one_patient(world, purpose, patient, res, way, stage, eligible)
        if refused:
            return refused
    return source(world, purpose, res, way, eligible)


def may_ask(world: World, purpose: str) -> bool:
    emergency = world.r.emergency
    roles = set(
        world.pack.get("break_glass", {}).get("roles", ["ed-doctor", "paramedic", "doctor", "anaesthetist"])
    )
    stated = emergency is not None and emergency.declared and bool(emergency.reason.strip())
    return bool(stated and roles & set(world.r.roles) and under(purpose, {"ETREAT"}, ABOVE))


def one_patient(
    world: World, purpose: str, patient: str, res: Resource, way: Any, stage: str | None, eligible: bool
) -> dict[str, Any] | None:
    mode, code, met = law(world, purpose, patient, res)
    way["met"] |= met
    if mode == "FORBID":
        return deny("L1", code)
    mandated = mode == "MANDATE"
    if stage and not (mandated and code in world.pack.get("dsa_exempt_mandates", [])):
        return deny("L2", stage)
    value, said = heard(world, purpose, patient, res)
    if mandated:
        way["bases"].append(("L1", f"mandate:{code}"))
        return None
    if world.context.received_under is not None and not world.internal:
        failure = onward(world, purpose, res, value == PERMIT, way)
        if failure:
            return deny("L2", failure)
    if value == PERMIT:
        way["bases"].append(("L3", "consent-permit"))
        return None
    if value < LIMIT and mode == "OPT_OUT":
        way["bases"].append(("L1", f"implied:{code}"))
        return None
    if world.r.emergency is None or not world.r.emergency.declared:
        return deny("L3", said)
    if not eligible:
        return deny("L3", "emergency-not-eligible")
    if value == DENY_E:
        return deny("L3", "explicit-emergency-deny")
    if res.level > LEVELS.index(world.pack.get("btg_ceiling", "R")):
        return deny("L3", "emergency-ceiling")
    way["broke"] = True
    return None


def law(world: World, purpose: str, patient: str, res: Resource) -> tuple[str, str, set[str]]:
    matching = []
    for rule in world.pack["rules"]:
        when = rule["when"]
        ok = "purpose" not in when or under(purpose, when["purpose"], ABOVE)
        ok = ok and ("tag" not in when or when["tag"] in res.tags)
        ok = ok and ("flag" not in when or when["flag"] in world.register["patient_flags"].get(patient, []))
        ok = ok and ("mandate" not in when or when["mandate"] == world.r.mandate)
        if ok and not (when.get("not_mandate") and world.r.mandate is not None):
            matching.append(rule)
    met = {one for rule in matching for one in rule.get("obligations", [])}
    for mode in MODES:
        for rule in matching:
            if rule["mode"] == mode:
                return mode, rule["code"], met
    return "FORBID", "no-lawful-basis", met


def onward(world: World, purpose: str, res: Resource, permitted: bool, way: Any) -> str | None:
    origin = next((one for one in current(world) if one["id"] == world.context.received_under), None)
    rule = origin.get("onward", "none") if origin else "none"
    if rule == "consent":
        return None if permitted else "onward-sharing-needs-consent"
    for term in origin["terms"] if origin is not None and rule == "same-terms" else []:
        if failing(world, purpose, term, res) is None:
            way["met"] |= set(term.get("obligations", []))
            return None
    return "onward-sharing-forbidden"


def touches(world: World, purpose: str, rule: Any, res: Resource) -> bool:
    when = rule["when"]
    if "label" in when and not any(under(one, when["label"], WIDER) for one in res.labels):
        return False
    return "role_not_in" not in when or not set(when["role_not_in"]) & set(world.r.roles)


def source(world: World, purpose: str, res: Resource, way: Any, eligible: bool) -> dict[str, Any]:
    holding = [
        rule for rule in world.rules if rule["effect"] == "deny" and touches(world, purpose, rule, res)
    ]
    hard = [rule for rule in holding if not rule.get("overridable")]
    if hard:
        return deny("L4", hard[0]["code"])
    if holding and not (eligible and res.level <= LEVELS.index(world.pack.get("btg_ceiling", "R"))):
        return deny("L4", holding[0]["code"])
    way["broke"] = way["broke"] or bool(holding)
    return way
