"""The outcome of one question: `Permit` or `Deny`, each with layer, reason and trace. Neither is a truth
value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

Layer = Literal["L0", "L1", "L2", "L3", "L4"]
Trace = tuple[Mapping[str, Any], ...]
"""One entry per layer asked, in the shape of the receipt (consent.md 13): ids, codes and paths, no names."""


class _NoTruth:
    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError("a decision is no truth value: match on Permit or Deny")


@dataclass(frozen=True, slots=True)
class Permit(_NoTruth):
    """May go, under `obligations` (sorted codes), without the elements in `redactions` (sorted paths)."""

    layer: Layer
    reason: str
    obligations: tuple[str, ...] = ()
    redactions: tuple[str, ...] = ()
    trace: Trace = ()

    @property
    def effect(self) -> str:
        return "permit-redacted" if self.redactions else "permit"


@dataclass(frozen=True, slots=True)
class Deny(_NoTruth):
    """May not go. `overridable`: an eligible emergency would open it. Carries no obligations, no
    redactions.
    """

    layer: Layer
    reason: str
    overridable: bool = False
    trace: Trace = ()

    @property
    def effect(self) -> str:
        return "deny"


Decision = Permit | Deny


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """`{effect, layer, reason, overridable, obligations, redactions, trace}`."""
    whole: dict[str, Any] = {
        "effect": decision.effect,
        "layer": decision.layer,
        "reason": decision.reason,
        "overridable": False,
        "obligations": [],
        "redactions": [],
        "trace": [dict(entry) for entry in decision.trace],
    }
    if isinstance(decision, Permit):
        whole |= {"obligations": list(decision.obligations), "redactions": list(decision.redactions)}
    else:
        whole["overridable"] = decision.overridable
    return whole
