"""The accounting reader of FHIR JSON: every scalar is an item, and every item has a FHIRPath position.

Mappings work on the plain decoded containers and name a value by (container, member or index); no path is
carried along. A position is made only for values that end in the ledger.
"""

from collections.abc import Iterator
from typing import Any

from adapters.codec import REPEATED, Parsed
from adapters.json_account import NOT_AN_ITEM, Holder, JSONAccount, Key, Step, containers, keys_under
from adapters.losses import Losses

__all__ = ["Holder", "Key", "Reading", "Step", "as_list", "keys_under", "modifies", "scalars"]
_MODIFIERS = ("modifierExtension", "implicitRules")


class Reading:
    """One decoded input. Keeps `root` alive and unchanged: keys of the account are identities in it."""

    def __init__(self, parsed: Parsed, name: str) -> None:
        self.root: dict[str, Any] = parsed.value
        self._parsed = parsed
        self.account = JSONAccount()
        self._place: dict[int, tuple[Holder, Step]] = {}
        self._paths: dict[int, tuple[str, tuple[int, ...]]] = {id(self.root): (name, ())}
        self._rank: dict[str, tuple[int, ...]] = {}
        for above in _way_to_resources(self.root):
            self._learn(above)
        names = set[str]().union(*parsed.objects)
        self._modified = any(name in names for name in _MODIFIERS)
        if REPEATED in "".join(names):
            self._refuse_repeated()

    def modifies(self, resource: dict[str, Any]) -> bool:
        """`modifies` of a resource of this input: hardly any input has anything of the kind."""
        return self._modified and modifies(resource)

    def _refuse_repeated(self) -> None:
        """Two values for one member, or none: nobody chooses."""
        for holder in self._parsed.objects:
            for name in [step for step in holder if REPEATED in step]:
                position = self.position(holder, name)
                self.account.lose(keys_under(holder, name), "rejected", "too-many", position=position)

    def position(self, holder: Holder, step: Step | None = None, near: Holder | None = None) -> str:
        """FHIRPath of a container, or of one member of it: `Bundle.entry[3].resource.code.text`.

        `near`: a container that it is in, the closer the faster.
        """
        if near is not None and id(holder) not in self._paths:
            self._find(holder, near)
        path, ranks = self._path(holder)
        if step is not None:
            path, ranks = path + _written(step), (*ranks, _rank(holder, step))
        self._rank[path] = ranks
        return path

    def _find(self, holder: Holder, near: Holder) -> None:
        """Learn where `holder` is: right inside `near`, as it mostly is, or further down."""
        if id(holder) not in self._place and holder is not near:
            self._learn(near)
            for inner in containers(near) if id(holder) not in self._place else ():
                self._learn(inner)

    def _learn(self, holder: Holder) -> None:
        place = self._place
        for step, child in holder.items() if type(holder) is dict else enumerate(holder):
            if type(child) is dict or type(child) is list:
                place[id(child)] = (holder, step)

    def _path(self, holder: Holder) -> tuple[str, tuple[int, ...]]:
        """Path of a container and the rank of each of its steps: lines of one resource share most of it."""
        known = self._paths.get(id(holder))
        if known is None:
            if id(holder) not in self._place:
                for one in containers(self.root):
                    self._learn(one)
            above, step = self._place[id(holder)]
            path, ranks = self._path(above)
            known = self._paths[id(holder)] = path + _written(step), (*ranks, _rank(above, step))
        return known

    def close(self, *, unreadable: bool = False) -> Losses:
        """The ledger, its entries in the order of the input."""
        total, still = self.account.close(self._parsed)
        for holder, step in still:
            position = self.position(holder, step)
            self.account.lose([(id(holder), step)], "not-mapped", "no-target", position=position)
        ordered = sorted(self.account.entries, key=lambda entry: self._rank.get(entry.position, ()))
        return Losses(total, total - self.account.lost, tuple(ordered), unreadable)


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
    if isinstance(value, dict):
        return sum(scalars(child) for step, child in value.items() if step != NOT_AN_ITEM)
    return sum(map(scalars, value)) if isinstance(value, list) else 0 if value is None else 1


def _written(step: Step) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step.partition(REPEATED)[0]}"


def _way_to_resources(root: dict[str, Any]) -> Iterator[Holder]:
    """A Bundle, its list of entries, and these: what all paths have in common."""
    yield root
    entries = root.get("entry")
    if isinstance(entries, list):
        yield entries
        yield from (entry for entry in entries if isinstance(entry, dict))


def _rank(holder: Holder, step: Step) -> int:
    return step if isinstance(step, int) else list(holder).index(step)
