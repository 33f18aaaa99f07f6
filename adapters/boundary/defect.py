"""One thing that is wrong with a resource: where, by which rule, and its word in the loss ledger."""

from collections.abc import Callable, Mapping
from typing import Any

Step = str | int
Contained = Mapping[str, str]
"""Ids of the contained resources of the resource that is checked, with their types (ref-1)."""


class Defect:
    """`steps` lead to the bad value, innermost first while the check climbs back; never a value itself.

    `missing`: an element that must be in the holder at `steps`. `put`: the member that mends the holder at
    `steps`. Neither: what stands at `steps` has to go.
    """

    __slots__ = ("missing", "put", "reason", "rule", "steps")

    def __init__(
        self, rule: str, reason: str, *steps: Step, missing: str = "", put: tuple[str, Any] | None = None
    ) -> None:
        self.rule = rule
        self.reason = reason
        self.steps: list[Step] = list(steps)
        self.missing = missing
        self.put = put

    @property
    def path(self) -> tuple[Step, ...]:
        """From the resource inwards."""
        return tuple(reversed(self.steps))


Found = list[Defect] | None
Test = Callable[[Any, Contained], Found]
"""None: nothing is wrong. The common case allocates nothing."""
