"""What became of each value of one decoded JSON input, by the identity of its container and its member.

Nothing is registered beforehand: a mapping says what it took and what it lost, and one walk at the end counts
all and finds what nobody spoke of. So a value that a mapping forgets shows as a line, never as silence.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Literal

from adapters.codec import Parsed
from adapters.losses import Disposition, LossEntry

Step = str | int
Holder = dict[str, Any] | list[Any]
Key = tuple[int, Step]
"""Identity of a container that the reading keeps alive, and the member or index in it."""
NOT_AN_ITEM = "resourceType"
_CONTAINERS = frozenset((dict, list))
_FEW = 16
"""Steps of one container up to which looking through them is as fast as a set."""


class JSONAccount:
    """The open ledger of one input. `lose` before `take`: what was taken and then dropped is lost."""

    def __init__(self) -> None:
        self.entries: list[LossEntry] = []
        self._taken: dict[int, Collection[Step]] = {}
        self._whole: dict[int, int] = {}
        self._lost: set[Key] = set()

    @property
    def lost(self) -> int:
        """Items of all lines that are no remarks."""
        return len(self._lost)

    def take(self, taken: Mapping[int, Collection[Step]]) -> None:
        """By the identity of their container, members that a mapping put into a resource. Idempotent."""
        if self._taken.keys().isdisjoint(taken):
            self._taken.update(taken)
            return
        for own, steps in taken.items():
            self._taken[own] = {*self._taken.get(own, ()), *steps}

    def take_whole(self, counts: Mapping[int, int]) -> None:
        """Containers all of whose own values a mapping put into a resource, with the number of these."""
        self._whole.update(counts)

    def take_keys(self, keys: Iterable[Key]) -> None:
        """`take` of single values."""
        for own, step in keys:
            self.take({own: (step,)})

    def take_under(self, holder: Holder) -> None:
        """`take` of everything in a container, and in those inside it."""
        for one in containers(holder):
            self._whole[id(one)] = len(_scalars(one))

    def lose(
        self,
        keys: Iterable[Key],
        disposition: Disposition,
        reason: str,
        *,
        position: str,
        target: str | None = None,
        resource: str | None = None,
    ) -> None:
        """Close keys with one line (`kept`, `not-mapped`, `rejected`, `failed`); taken ones do not count.

        What failed has its line even if it held no value.
        """
        before = len(self._lost)
        self._lost.update([key for key in keys if not self._is_taken(key)])
        items = len(self._lost) - before
        if items or disposition == "failed":
            self.entries.append(LossEntry(position, items, disposition, reason, target, resource))

    def remark(
        self, position: str, disposition: Literal["assumed", "altered"], reason: str, items: int = 1
    ) -> None:
        """A guess or a change, visible; does not alter the sums."""
        self.entries.append(LossEntry(position, items, disposition, reason))

    def close(self, parsed: Parsed) -> tuple[int, list[tuple[Holder, Step]]]:
        """Number of all items, and those that nobody took or lost."""
        total = 0
        still: list[tuple[Holder, Step]] = []
        taken, lost, whole = self._taken, self._lost, self._whole
        for holder in chain[Holder](parsed.objects, parsed.arrays):
            own = id(holder)
            if (count := whole.get(own)) is not None:
                total += count
                continue
            if _CONTAINERS.issuperset(map(type, holder.values() if type(holder) is dict else holder)):
                continue
            steps = _quick_to_search(taken.get(own, ()))
            for step in _scalars(holder):
                total += 1
                if step not in steps and (own, step) not in lost:
                    still.append((holder, step))
        return total, still

    def _is_taken(self, key: Key) -> bool:
        own, step = key
        if own in self._whole:
            return True
        steps = self._taken.get(own)
        if steps is None:
            return False
        steps = self._taken[own] = _quick_to_search(steps)
        return step in steps


def _quick_to_search(steps: Collection[Step]) -> Collection[Step]:
    return frozenset(steps) if len(steps) > _FEW and type(steps) is not frozenset else steps


def containers(root: Holder) -> Iterator[Holder]:
    """A container and all inside it."""
    waiting: list[Holder] = [root]
    while waiting:
        holder = waiting.pop()
        yield holder
        for child in holder.values() if type(holder) is dict else holder:
            if type(child) is dict or type(child) is list:
                waiting.append(child)


def keys_under(holder: Holder, step: Step | None = None) -> list[Key]:
    """Keys of all values of a container, or of one member of it."""
    if step is not None:
        child = holder[step]  # type: ignore[index]
        if type(child) is not dict and type(child) is not list:
            return [] if child is None or step == NOT_AN_ITEM else [(id(holder), step)]
        holder = child
    return [(id(one), name) for one in containers(holder) for name in _scalars(one)]


def _scalars(holder: Holder) -> list[Step]:
    """Members or indexes of a container's own values."""
    if isinstance(holder, list):
        return [
            step
            for step, child in enumerate(holder)
            if child is not None and type(child) is not dict and type(child) is not list
        ]
    return [
        step
        for step, child in holder.items()
        if child is not None and type(child) is not dict and type(child) is not list and step != NOT_AN_ITEM
    ]
