"""The accounting reader of FHIR JSON: every scalar is an item, and every item has a FHIRPath position.

Mappings work on the plain decoded containers and name a value by (container, member or index); no path is
carried along. A position is made only for values that end in the ledger.
"""

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any, cast

from adapters.codec import REPEATED
from adapters.losses import LossAccount, Losses

Step = str | int
Holder = dict[str, Any] | list[Any]
Key = tuple[int, Step]
"""Identity of a container that the reading keeps alive, and the member or index in it."""

_NOT_AN_ITEM = "resourceType"


class Reading:
    """One decoded input. Keeps `root` alive and unchanged: keys of the account are identities in it."""

    def __init__(self, root: dict[str, Any], name: str) -> None:
        self.root = root
        self._name = name
        self._place: dict[int, tuple[Holder, Step]] = {}
        self._holders: dict[int, Holder] = {id(root): root}
        self._rank: dict[str, tuple[int, ...]] = {}
        self.account = LossAccount(self._render)
        self._register(root)

    def _register(self, holder: Holder) -> None:
        for step, child in _members(holder):
            if isinstance(child, dict | list):
                self._place[id(child)] = (holder, step)
                self._holders[id(child)] = child
                self._register(child)
            elif child is not None and step != _NOT_AN_ITEM:
                self.account.item((id(holder), step))
            if isinstance(step, str) and REPEATED in step:  # two values, or none: nobody chooses
                position = self.position(holder, step)
                self.account.lose(keys_under(holder, step), "rejected", "too-many", position=position)

    def _render(self, key: Hashable) -> str:
        owner, step = cast(Key, key)
        return self.position(self._holders[owner], step)

    def position(self, holder: Holder, step: Step | None = None) -> str:
        """FHIRPath of a container, or of one member of it: `Bundle.entry[3].resource.code.text`."""
        steps: list[Step] = [] if step is None else [step]
        ranks: list[int] = [] if step is None else [_rank(holder, step)]
        while id(holder) in self._place:
            holder, above = self._place[id(holder)]
            steps.append(above)
            ranks.append(_rank(holder, above))
        path = self._name + "".join(_written(step) for step in reversed(steps))
        self._rank[path] = tuple(reversed(ranks))
        return path

    def close(self, *, unreadable: bool = False) -> Losses:
        """The ledger, its entries in the order of the input."""
        losses = self.account.close(unreadable=unreadable)
        ordered = sorted(losses.entries, key=lambda entry: self._rank.get(entry.position, ()))
        return replace(losses, entries=tuple(ordered))


def keys_under(holder: Holder, step: Step | None = None) -> Iterator[Key]:
    """Keys of all values of a container, or of one member of it."""
    if step is not None:
        child = holder[step]  # type: ignore[index]
        if isinstance(child, dict | list):
            yield from keys_under(child)
        else:
            yield (id(holder), step)
        return
    for name, child in _members(holder):
        if isinstance(child, dict | list):
            yield from keys_under(child)
        else:
            yield (id(holder), name)


def as_list(value: Any) -> list[Any]:
    """A list as it is; anything else, where a list was expected, is nothing to walk over."""
    return value if isinstance(value, list) else []


def scalars(value: Any) -> int:
    """Number of items in a decoded value."""
    if isinstance(value, dict | list):
        return sum(scalars(child) for step, child in _members(value) if step != _NOT_AN_ITEM)
    return 0 if value is None else 1


def _written(step: Step) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step.partition(REPEATED)[0]}"


def _members(holder: Holder) -> Iterator[tuple[Step, Any]]:
    return iter(holder.items()) if isinstance(holder, dict) else iter(enumerate(holder))


def _rank(holder: Holder, step: Step) -> int:
    return step if isinstance(step, int) else list(holder).index(step)
