"""The source's own Provenance: who did what, as the source says it. Ours is `adapters.provenance`.

A signature is over the bytes that came: it would not hold over what they became, and so is left out.
"""

from typing import Any

from adapters.gp.stu3_to_r4 import primitives as p
from adapters.gp.stu3_to_r4.elements import absent, codeable, coding, compound, identifier, period, reference
from adapters.gp.stu3_to_r4.fields import Convert, Field, Fields, many, no_target, one
from adapters.gp.stu3_to_r4.resource import table
from adapters.gp.unit import Unit, UnitFailed
from adapters.interface import JSON
from adapters.reading import Holder, Step


def _coded(unit: Unit, holder: Holder, step: Step) -> JSON | None:
    """A Coding that R4 made a CodeableConcept."""
    made = coding(unit, holder, step)
    return {"coding": [made]} if made else None


def _addressed(unit: Unit, holder: Holder, step: Step) -> JSON | None:
    """A bare URI that R4 made a Reference: logical, as we fetch nothing."""
    text = p.uri(unit, holder, step)
    return {"identifier": {"system": "urn:ietf:rfc:3986", "value": text}} if text else None


def _identified(unit: Unit, holder: Holder, step: Step) -> JSON | None:
    made = identifier(unit, holder, step)
    return {"identifier": made} if made else None


def _who(name: str) -> Fields:
    """`x[x]` of URI and Reference, which is one Reference in R4."""
    ways: dict[str, Convert] = {"Reference": reference, "Uri": _addressed, "Identifier": _identified}
    return tuple(Field(name + kind, name, convert, choice=name) for kind, convert in ways.items())


_agent = compound(
    one("relatedAgentType", codeable, "type"),
    many("role", codeable),
    _who("who"),
    _who("onBehalfOf"),
    needs=("who",),
)
_entity = compound(
    one("role", p.enum("Provenance.entity.role")),
    _who("what"),
    many("agent", _agent),
    needs=("_role", "what"),
)


def _finish(unit: Unit, stu3: dict[str, Any], r4: JSON) -> None:
    if "target" not in r4:
        raise UnitFailed("unreadable")
    r4.setdefault("agent", [{"who": absent()}])
    if "recorded" not in r4:
        r4.setdefault("_recorded", absent())


PROVENANCE = table(
    "Provenance",
    many("target", reference),
    one("period", period, "occurredPeriod"),
    one("recorded", p.instant),
    many("policy", p.uri),
    one("location", reference),
    many("reason", _coded),
    one("activity", _coded),
    many("agent", _agent),
    many("entity", _entity),
    no_target("signature"),
    identified=False,
    finish=_finish,
)
