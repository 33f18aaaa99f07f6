"""Folding by element: a value sets, `""` deletes, empty leaves (normalisation.md 3.4).

A list that HL7 spreads over several fields has a *slot* for each: the business phones of PID-14 are not
touched by a message that says only PID-13. An object folds member by member.
"""

from typing import Any

from adapters.codec import encode
from adapters.hospital.acts import Act
from adapters.interface import JSON

_CHOICES = ("deceased", "multipleBirth", "occurrence")
_OPEN = frozenset({"planned", "arrived", "triaged", "in-progress", "onleave"})
_BY_MEMBER = frozenset({"period", "hospitalization"})
_ADMISSION = {"Patient": frozenset({"identifier"}), "Encounter": frozenset({"identifier"})}


def fold_elements(known: JSON, later: JSON, act: Act) -> JSON:
    """The later statement on top of what was known. New members stand behind those of the later one."""
    known = _without(known, act)
    if act.stub:
        return known | {name: value for name, value in later.items() if name not in known}
    made = dict(later)
    said = [choice for choice in _CHOICES if any(name.lstrip("_").startswith(choice) for name in later)]
    for name, value in known.items():
        if name in ("contained", "meta"):
            continue
        if name in later:
            made[name] = _joined(known["resourceType"], name, value, later[name])
        elif not name.lstrip("_").startswith(tuple(said)) and not (
            name == "_birthDate" and "birthDate" in later
        ):
            made[name] = value
    made.setdefault("meta", known.get("meta"))
    if made["meta"] is None:
        del made["meta"]
    return _with_contained(known, later, _reopened(known, later, made))


def _without(known: JSON, act: Act) -> JSON:
    """What was known, without what the sender deletes or says to be another's."""
    made = dict(known)
    for path in act.deletes:
        name, _, slot = path.partition(":")
        value = made.get(name)
        if not slot or value is None:
            for one in [key for key in made if key.lstrip("_") == name or _is_choice(key, name)]:
                del made[one]
            continue
        if isinstance(value, dict):
            rest: Any = {key: item for key, item in value.items() if key != slot}
        else:
            rest = [item for item in value if _slot(made["resourceType"], name, item) != slot]
        made = {key: rest if key == name else item for key, item in made.items() if key != name or rest}
    if act.removes and "identifier" in made:
        rest = [one for one in made["identifier"] if _pair(one) not in act.removes]
        made = {key: rest if key == "identifier" else item for key, item in made.items()}
        made = made if rest else {key: item for key, item in made.items() if key != "identifier"}
    return made


def _is_choice(key: str, name: str) -> bool:
    return name in _CHOICES and key.lstrip("_").startswith(name)


def _joined(kind: str, name: str, known: Any, later: Any) -> Any:
    """One element that both say."""
    if name == "identifier" and kind in _ADMISSION:
        return [*later, *_former(known, later)]
    if name in _BY_MEMBER and isinstance(known, dict) and isinstance(later, dict):
        return later | {key: value for key, value in known.items() if key not in later}
    if isinstance(known, list) and isinstance(later, list):
        spoken = {_slot(kind, name, one) for one in later}
        return [*later, *(one for one in known if _slot(kind, name, one) not in spoken)]
    return later


def _slot(kind: str, name: str, item: Any) -> str:
    """Which field of HL7 an item of a list came from; empty where one field feeds the whole list."""
    match kind, name:
        case "Patient", "telecom":
            return "work" if item.get("use") == "work" else "home"
        case "Patient", "name":
            return "alias" if item.get("use") == "nickname" else ""
        case "Patient", "extension":
            return str(item.get("url", ""))
        case "Encounter", "participant":
            codings = [coding for one in item.get("type", ()) for coding in one.get("coding", ())]
            return str(codings[0].get("code", "")) if codings else ""
    return ""


def _former(known: list[JSON], later: list[JSON]) -> list[JSON]:
    """Identifiers that the later message does not list: they still find the patient.

    One of an authority and kind for which it lists another is `old` now; of those that it is silent about
    nothing is known to have changed.
    """
    pairs = {_pair(one) for one in later}
    spoken = {_issuer(one) for one in later if one.get("use") != "old"}
    return [
        one | {"use": "old"} if _issuer(one) in spoken else one for one in known if _pair(one) not in pairs
    ]


def _pair(identifier: JSON) -> tuple[str, str]:
    return str(identifier.get("system", "")), str(identifier.get("value", ""))


def _issuer(identifier: JSON) -> tuple[str, str]:
    codings = identifier.get("type", {}).get("coding", ())
    return str(identifier.get("system", "")), str(codings[0].get("code", "")) if codings else ""


def _reopened(known: JSON, later: JSON, made: JSON) -> JSON:
    """A status that is not known says nothing; a stay that is open again has no end (S06)."""
    if later.get("status") == "unknown" and known.get("status"):
        return made | {"status": known["status"]}
    if later["resourceType"] != "Encounter" or later.get("status") not in _OPEN or "period" not in made:
        return made
    if "end" in later.get("period", {}):
        return made
    period = {name: moment for name, moment in made["period"].items() if name != "end"}
    rest = {name: value for name, value in made.items() if name != "period"}
    return made | {"period": period} if period else rest


def _with_contained(known: JSON, later: JSON, made: JSON) -> JSON:
    """Contained people of both that something still refers to (dom-3); their ids are of their content."""
    listed = {one["id"]: one for resource in (known, later) for one in resource.get("contained", ())}
    if not listed:
        return made
    text = encode({name: value for name, value in made.items() if name != "contained"})
    needed = [one for id, one in listed.items() if f'"#{id}"'.encode() in text]
    if needed == later.get("contained"):
        return made
    rest = {name: value for name, value in made.items() if name != "contained"}
    return rest | ({"contained": needed} if needed else {})
