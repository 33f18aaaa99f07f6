"""What every resource has: id, meta, narrative, contained resources, and the supply of required members."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from adapters import identity
from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.elements import coding, element_table, resource_table
from adapters.gp.stu3_to_r4.fields import MOST_PLANS, Field, Fields, Table, flat, many, no_target, one
from adapters.gp.stu3_to_r4.narrative import narrative
from adapters.gp.unit import Unit, UnitFailed
from adapters.interface import JSON
from adapters.reading import Holder, Step, as_list

_OF_R4 = re.compile(
    r"https?://(?:www\.)?hl7\.org/fhir/"
    r"(?:4\.0/StructureDefinition/extension-|R4/[a-z]+-definitions\.html#)([A-Z][A-Za-z]+)\.([a-z][A-Za-z]+)\Z"
)
Finish = Callable[[Unit, dict[str, Any], JSON], None]


@dataclass(frozen=True, slots=True)
class ResourceMap:
    """How one STU3 type becomes one R4 type. `finish` does what rows cannot say: (unit, stu3, r4)."""

    target: str
    fields: Table
    finish: Finish | None = None
    identified: bool = True
    """Whether the R4 type has a repeating `identifier`, where the original id is kept."""
    order: tuple[str, ...] = ()
    """Members in the order of the R4 definition."""
    orders: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    """That order for each set of members that was made."""


def table(
    target: str, *fields: Field | Fields, finish: Finish | None = None, identified: bool = True
) -> ResourceMap:
    """A ResourceMap; rows in the order of the R4 definition."""
    rows = flat(fields)
    order = tuple(dict.fromkeys((*_FIRST, *(row.target for row in rows))))
    return ResourceMap(target, resource_table(_RESOURCE, rows), finish, identified, order)


def supply(unit: Unit, r4: JSON, name: str, value: Any, reason: str = "status") -> None:
    """Put the value that normalisation.md 1, rule 6 names for an absent required member; a remark."""
    if name not in r4:
        r4[name] = value
        unit.assume(reason)


def supply_subject(unit: Unit, r4: JSON, name: str = "subject", *, required: bool = True) -> None:
    """The patient as literal reference: named by identifier or not at all, it is the one of this answer.

    A subject that is a Patient of whom the answer holds nothing may be anybody: `wrong-patient`.
    """
    given = r4.get(name)
    if _is_unknown_patient(unit, name, given):
        raise UnitFailed("wrong-patient")
    if given is None:
        if unit.ids.patient is None:
            if required:
                raise UnitFailed("no-patient")
            return
        r4[name] = {"reference": unit.ids.patient}
        unit.assume("patient")
    elif "reference" not in given and unit.ids.is_patient(given.get("identifier")):
        r4[name] = {"reference": unit.ids.patient, **given}


def _is_unknown_patient(unit: Unit, name: str, given: JSON | None) -> bool:
    """A literal reference to a Patient that leads nowhere in this answer."""
    if given is None or "reference" in given or unit.ids.is_patient(given.get("identifier")):
        return False
    words = unit.stu3[name].get("reference")
    return isinstance(words, str) and "Patient" in words.split("/")


def map_resource(unit: Unit, maps: Mapping[str, ResourceMap]) -> JSON:
    """The whole R4 resource of `unit.stu3`. Raises `UnitFailed`."""
    plan = maps[unit.stu3["resourceType"]]
    unit.locals = _stays(unit, maps)
    made = _body(unit, plan)
    contained = _contained(unit, maps, made)
    if contained:
        made["contained"] = contained
    _keep_original_id(unit, plan, made)
    made |= {"id": unit.ids.of(unit.stu3), "meta": _meta(unit)}
    return _ordered(plan, made)


def _body(unit: Unit, plan: ResourceMap) -> JSON:
    """Members that a contained resource has too."""
    made: JSON = {"resourceType": plan.target, "extension": [], "identifier": []}
    made |= plan.fields.build(unit, unit.stu3)
    _adopt(plan, made)
    if plan.finish:
        plan.finish(unit, unit.stu3, made)
    return made


def _adopt(plan: ResourceMap, made: JSON) -> None:
    """Members of R4 that a STU3 resource carried as extensions go where R4 has them, if they are free.

    FHIR R4 "Extensions for converting between versions"; some senders name the page of the specification.
    """
    for extension in list(made["extension"]):
        named = _OF_R4.match(extension["url"])
        kinds = ("valueCodeableConcept", "valueReference", "valueBoolean")
        value = next((extension[kind] for kind in kinds if kind in extension), None)
        if named is None or named[1] != plan.target or value is None:
            continue
        row = next((row for row in plan.fields.rows if row.target == named[2] and not row.choice), None)
        if row is None or (row.target in made and not row.many_out):
            continue
        if row.many_out:
            held = made.get(row.target, [])
            made[row.target] = held if value in held else [*held, value]
        else:
            made[row.target] = value
        made["extension"].remove(extension)


def _ordered(plan: ResourceMap, made: JSON) -> JSON:
    """Members in the order of the R4 definition, nothing empty."""
    names = tuple(made)
    order = plan.orders.get(names)
    if order is None:
        order = tuple(dict.fromkeys((*(name for name in plan.order if name in made), *names)))
        if len(plan.orders) < MOST_PLANS:
            plan.orders[names] = order
    return {name: value for name in order if (value := made[name]) or value not in ([], {}, None)}


def _keep_original_id(unit: Unit, plan: ResourceMap, made: JSON) -> None:
    """The source's own id as identifier; a local one only together with that of its parent."""
    value = _text(unit.stu3.get("id")).removeprefix("#")
    if not value:
        return
    above = _text(unit.parent.get("id")) if unit.parent is not None else None
    if not plan.identified or above == "":
        unit.drop(unit.stu3, "id", "structural")
        return
    system = unit.ids.local_system
    named = value if above is None else f"{above}#{value}"
    made["identifier"] = [*made["identifier"], {"system": system, "value": named}]
    unit.take(unit.stu3, "id")


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _meta(unit: Unit) -> JSON:
    raw = unit.stu3.get("meta")
    given = _META.build(unit, raw) if isinstance(raw, dict) else {}
    if isinstance(raw, dict):
        unit.lose_some("meta", _SUPERSEDED, "not-mapped", "superseded")
    made: JSON = {"source": identity.meta_source(unit.source.custodian, unit.source.id, unit.intake)}
    labels = [*given.get("security", []), *(label for label in unit.labels if label)]
    if labels:
        made["security"] = [label for index, label in enumerate(labels) if label not in labels[:index]]
    ours = [{"system": system, "code": code} for system, code in unit.tags]
    tags = [*given.get("tag", []), *ours]
    return made | {"tag": tags} if tags else made


def _accounted(unit: Unit, holder: Holder, step: Step) -> None:
    """Of these there is one line for all (`_meta`)."""


def labels_of(unit: Unit, resource: dict[str, Any]) -> list[JSON]:
    """Security labels of another resource, whose mark covers this one, as R4 Codings. Takes nothing of it."""
    meta = resource.get("meta")
    if not isinstance(meta, dict) or "security" not in meta:
        return []
    apart = replace(unit, _taken={}, _whole={}, _lines=[], _remarks=[])
    made: list[JSON] = _SECURITY.build(apart, meta).get("security", [])
    return made


_SUPERSEDED = ("versionId", "lastUpdated", "profile")
"""Members of the source's meta that say something of its own copy."""
_SECURITY = element_table((many("security", coding),))
_META = element_table(
    (
        many("security", coding),
        many("tag", coding),
        *(many(name, _accounted) for name in _SUPERSEDED),
    )
)
_FIRST = ("resourceType", "id", "meta", "language", "text", "contained", "extension", "identifier")
_RESOURCE: Fields = (*no_target("implicitRules"), one("language", p.code), one("text", narrative))


def _stays(unit: Unit, maps: Mapping[str, ResourceMap]) -> frozenset[str]:
    if "contained" not in unit.stu3:
        return frozenset()
    return frozenset(
        str(inner["id"]).removeprefix("#")
        for inner in as_list(unit.stu3.get("contained"))
        if isinstance(inner, dict)
        and str(inner.get("resourceType")) in maps
        and identity.is_fhir_id(str(inner.get("id", "")).removeprefix("#"))
        and not unit.ids.knows(inner)
    )


def _contained(unit: Unit, maps: Mapping[str, ResourceMap], owner: JSON) -> list[JSON]:
    """Contained resources that stay: no meta, their local id, one account with their parent.

    One that nothing refers to means nothing there (dom-3): kept as it came.
    """
    if "contained" not in unit.stu3:
        return []
    found: list[tuple[int, JSON]] = []
    for index, inner in enumerate(as_list(unit.stu3.get("contained"))):
        if not isinstance(inner, dict) or unit.ids.knows(inner):
            continue
        local = str(inner.get("id", "")).removeprefix("#")
        if local not in unit.locals:
            unit.keep(unit.stu3["contained"], index, "type-not-carried")
            continue
        made = _body(unit.inside(inner), maps[inner["resourceType"]]) | {"id": local}
        unit.take(inner, "id")
        found.append((index, _ordered(maps[inner["resourceType"]], made)))
    named = set(_local_references([owner, [one for _, one in found]])) if found else set()
    stays = [
        (index, one) for index, one in found if f"#{one['id']}" in named or "#" in _local_references(one)
    ]
    for index in {index for index, _ in found} - {index for index, _ in stays}:
        unit.keep(unit.stu3["contained"], index)
    return [one for _, one in stays]


def _local_references(value: Any) -> list[str]:
    """Words of all references into contained resources."""
    if isinstance(value, dict):
        own = value.get("reference")
        here = [own] if isinstance(own, str) and own.startswith("#") else []
        return here + [word for child in value.values() for word in _local_references(child)]
    return [word for child in value for word in _local_references(child)] if isinstance(value, list) else []
