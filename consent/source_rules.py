"""L4, the source organisation: what it holds back or masks whatever else permits (consent.md 7).

And of what left in an emergency: what the patient is not told of yet, because telling endangers someone (9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from consent.agreement import ELEMENT
from consent.errors import Uncomputable
from consent.facts import Facts
from consent.shape import boolean, members, text, texts
from consent.vocabulary import LADDER, PURPOSE_UP, SENSITIVITY_UP, purpose_under, sensitivity_under


@dataclass(frozen=True, slots=True)
class SourceRule:
    """A deny with its code, elements to redact, or a notice put off; every condition stated must hold."""

    effect: str
    code: str = ""
    overridable: bool = False
    elements: tuple[str, ...] = ()
    resource_types: frozenset[str] | None = None
    levels: frozenset[int] = frozenset()
    sensitivities: frozenset[str] | None = None
    """None if the rule states no label; `levels` then is empty too."""
    tag: str | None = None
    purpose: frozenset[str] | None = None
    role_not_in: frozenset[str] | None = None
    custodian: str | None = None
    """The organisation whose rule it is; None for any."""

    def asked(self, purpose: str, roles: Sequence[str], custodian: str) -> bool:
        """The conditions on the request hold."""
        return (
            self.custodian in (None, custodian)
            and (self.purpose is None or purpose_under(purpose, self.purpose))
            and (self.role_not_in is None or self.role_not_in.isdisjoint(roles))
        )

    def touches(self, facts: Facts) -> bool:
        """The conditions on the resource hold."""
        return (
            (self.resource_types is None or facts.type in self.resource_types)
            and (self.tag is None or self.tag in facts.labels.tags)
            and (self.sensitivities is None or self._label(facts))
        )

    def _label(self, facts: Facts) -> bool:
        listed = self.sensitivities or frozenset()
        if self.levels and facts.labels.confidentiality >= min(self.levels):
            return True
        return any(sensitivity_under(code, listed) for code in facts.labels.sensitivities)


EFFECTS = ("deny", "redact", "defer-notice")
_WHEN = ("resourceType", "label", "tag", "purpose", "role_not_in")


def source_rules_from_json(value: Any, *, custodian: str | None = None) -> tuple[SourceRule, ...]:
    """The rules of one organisation, in their order. Raises `Uncomputable` with the path."""
    if not isinstance(value, list):
        raise Uncomputable("rules", "must be an array")
    return tuple(_rule(item, f"rules[{place}]", custodian) for place, item in enumerate(value))


def _rule(value: Any, path: str, custodian: str | None) -> SourceRule:
    found = members(value, path, ("effect", "code", "overridable", "elements", "when"), ("effect",))
    effect = found["effect"]
    if effect not in EFFECTS:
        raise Uncomputable(f"{path}.effect", "must be deny, redact or defer-notice")
    needed = "elements" if effect == "redact" else "code"
    if needed not in found:
        raise Uncomputable(f"{path}.{needed}", "is required")
    when = members(found.get("when", {}), f"{path}.when", _WHEN)
    levels, sensitivities = _labels(when["label"], f"{path}.when.label") if "label" in when else ((), None)
    elements = texts(found.get("elements", []), f"{path}.elements")
    if not all(ELEMENT.match(item) for item in elements):
        raise Uncomputable(f"{path}.elements", "must be element paths")

    def some(name: str, allowed: frozenset[str] | None = None) -> frozenset[str] | None:
        return frozenset(texts(when[name], f"{path}.when.{name}", allowed)) if name in when else None

    return SourceRule(
        effect=effect,
        code=text(found["code"], f"{path}.code") if "code" in found else "",
        overridable=boolean(found.get("overridable", False), f"{path}.overridable"),
        elements=elements,
        resource_types=some("resourceType"),
        levels=frozenset(levels),
        sensitivities=sensitivities,
        tag=text(when["tag"], f"{path}.when.tag") if "tag" in when else None,
        purpose=some("purpose", frozenset(PURPOSE_UP)),
        role_not_in=some("role_not_in"),
        custodian=custodian,
    )


def _labels(value: Any, path: str) -> tuple[tuple[int, ...], frozenset[str]]:
    """Confidentiality codes and sensitivities of one list; a code that is neither is refused."""
    listed = texts(value, path, frozenset(LADDER) | frozenset(SENSITIVITY_UP))
    levels = tuple(LADDER.index(code) for code in listed if code in LADDER)
    return levels, frozenset(code for code in listed if code not in LADDER)
