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
        self._place: dict[int, tuple[Holder, Step]] = {}
        self._holders: dict[int, Holder] = {}
        self._paths: dict[int, tuple[str, tuple[int, ...]]] = {id(root): (name, ())}
        self._rank: dict[str, tuple[int, ...]] = {}
        self.account = LossAccount(self._render)
        self._register(root)

    def _register(self, root: Holder) -> None:
        """Every scalar an item, every container with its place, in one pass: this costs with each value."""
        keys: list[Key] = []
        repeated: list[tuple[Holder, str]] = []
        waiting: list[Holder] = [root]
        holders, place = self._holders, self._place
        while waiting:
            holder = waiting.pop()
            own = id(holder)
            holders[own] = holder
            named = type(holder) is dict
            for step, child in holder.items() if type(holder) is dict else enumerate(holder):
                kind = type(child)
                if kind is str:
                    if step != _NOT_AN_ITEM:
                        keys.append((own, step))
                elif kind is dict or kind is list:
                    place[id(child)] = (holder, step)
                    waiting.append(child)
                elif child is not None and step != _NOT_AN_ITEM:
                    keys.append((own, step))
            # One search over all names of a holder instead of one a name.
            if named and REPEATED in "".join(holder):
                repeated += [(holder, str(step)) for step in holder if REPEATED in str(step)]
        self.account.items(keys)
        for holder, name in repeated:  # two values, or none: nobody chooses
            position = self.position(holder, name)
            self.account.lose(keys_under(holder, name), "rejected", "too-many", position=position)

    def _render(self, key: Hashable) -> str:
        owner, step = cast(Key, key)
        return self.position(self._holders[owner], step)

    def position(self, holder: Holder, step: Step | None = None) -> str:
        """FHIRPath of a container, or of one member of it: `Bundle.entry[3].resource.code.text`."""
        path, ranks = self._path(holder)
        if step is not None:
            path, ranks = path + _written(step), (*ranks, _rank(holder, step))
        self._rank[path] = ranks
        return path

    def _path(self, holder: Holder) -> tuple[str, tuple[int, ...]]:
        """Path of a container and the rank of each of its steps: lines of one resource share most of it."""
        known = self._paths.get(id(holder))
        if known is None:
            above, step = self._place[id(holder)]
            path, ranks = self._path(above)
            known = self._paths[id(holder)] = path + _written(step), (*ranks, _rank(above, step))
        return known

    def close(self, *, unreadable: bool = False) -> Losses:
        """The ledger, its entries in the order of the input."""
        losses = self.account.close(unreadable=unreadable)
        ordered = sorted(losses.entries, key=lambda entry: self._rank.get(entry.position, ()))
        return replace(losses, entries=tuple(ordered))


def keys_under(holder: Holder, step: Step | None = None) -> list[Key]:
    """Keys of all values of a container, or of one member of it."""
    keys: list[Key] = []
    if step is None:
        _gather(holder, keys)
        return keys
    child = holder[step]  # type: ignore[index]
    if type(child) is dict or type(child) is list:
        _gather(child, keys)
    else:
        keys.append((id(holder), step))
    return keys


def _gather(holder: Holder, keys: list[Key]) -> None:
    own = id(holder)
    for name, child in _members(holder):
        if type(child) is dict or type(child) is list:
            _gather(child, keys)
        else:
            keys.append((own, name))


def as_list(value: Any) -> list[Any]:
    """A list as it is; anything else, where a list was expected, is nothing to walk over."""
    return value if isinstance(value, list) else []


def modifies(value: Any) -> bool:
    """Whether anything in a resource changes its meaning in a way that nobody here knows.

    No modifierExtension is known yet; `implicitRules` are rules that we have not read.
    """
    if isinstance(value, dict):
        return bool(value.get("modifierExtension") or value.get("implicitRules")) or any(
            modifies(child) for child in value.values()
        )
    return isinstance(value, list) and any(modifies(child) for child in value)


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
