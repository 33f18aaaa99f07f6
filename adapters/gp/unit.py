"""One resource on its way to R4: what was taken of it, what was not, and why. Nothing counts until `commit`.

A resource that fails half way leaves no half account behind: its values are `failed`, its siblings go on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from adapters.gp.identities import Identities
from adapters.interface import JSON, Source
from adapters.losses import Disposition
from adapters.reading import Holder, Key, Reading, Step, keys_under

ASSUMED = "urn:carepact:assumed"
INCOMPLETE = "urn:carepact:incomplete"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


class UnitFailed(Exception):
    """This resource cannot be built; `reason` is a reason of the disposition `failed`."""

    def __init__(self, reason: str) -> None:
        super().__init__("a resource could not be built")
        self.reason = reason


class _Line(NamedTuple):
    keys: tuple[Key, ...]
    disposition: Disposition
    reason: str
    position: str
    target: str | None = None


@dataclass(slots=True)
class Unit:
    """Context of one mapping: `stu3` is the resource as it came; tags and labels end in its meta."""

    reading: Reading
    ids: Identities
    source: Source
    stu3: dict[str, Any]
    target: str
    """R4 type that it becomes."""
    intake: str = ""
    parent: dict[str, Any] | None = None
    """The List that it was contained in: a local id means something there alone."""
    locals: frozenset[str] = frozenset()
    """Ids of contained resources that stay contained."""
    tags: list[tuple[str, str]] = field(default_factory=list)
    labels: list[JSON] = field(default_factory=list)
    kept: list[tuple[str, Any]] = field(default_factory=list)
    """Elements that R4 has no place for and that matter: (position, value as it came), for a Basic."""
    _taken: dict[int, list[Step]] = field(default_factory=dict)
    """By the identity of their holder, members and indexes of values that are in the resource."""
    _whole: dict[int, int] = field(default_factory=dict)
    """How many values an element has of itself, if all of them are in the resource."""
    _lines: list[_Line] = field(default_factory=list)
    _remarks: list[tuple[str, Literal["assumed", "altered"], str]] = field(default_factory=list)

    def take(self, holder: Holder, step: Step) -> None:
        """This value, or what it was translated to, is in the resource."""
        self._taken.setdefault(id(holder), []).append(step)

    def take_of(self, holder: Holder, steps: list[Step], whole: bool) -> None:
        """`take` of several members of one element. `whole`: it has no other value but inside of elements."""
        if whole:
            self._whole[id(holder)] = len(steps)
            return
        before = self._taken.setdefault(id(holder), steps)
        if before is not steps:
            before.extend(steps)

    def take_all(self, holder: Holder, step: Step) -> None:
        """Everything below this member is in the resource."""
        for own, inner in keys_under(holder, step):
            self._taken.setdefault(own, []).append(inner)

    def reject(self, holder: Holder, step: Step, reason: str) -> None:
        """The value is bad: `rejected`."""
        self.lose(holder, step, "rejected", reason)

    def drop(self, holder: Holder, step: Step, reason: str = "no-target") -> None:
        """Foreseen by the mapping to have no place: `not-mapped`."""
        self.lose(holder, step, "not-mapped", reason)

    def keep(self, holder: Holder, step: Step, reason: str = "unknown-field") -> None:
        """An element without a place in R4 that must not be lost: it goes into a Basic as it came."""
        self.kept.append((self._at(holder, step), holder[step]))  # type: ignore[index]
        self.lose(holder, step, "kept", reason)

    def lose(self, holder: Holder, step: Step, disposition: Disposition, reason: str) -> None:
        position = self._at(holder, step)
        self._lines.append(_Line(tuple(keys_under(holder, step)), disposition, reason, position))

    def lose_some(self, name: str, steps: Iterable[Step], disposition: Disposition, reason: str) -> None:
        """Those of these members that the element `name` of the resource has, as one line for it."""
        holder = self.stu3[name]
        keys = [key for step in steps if step in holder for key in keys_under(holder, step)]
        if keys:
            self._lines.append(_Line(tuple(keys), disposition, reason, self._at(self.stu3, name)))

    def alter(self, holder: Holder, step: Step | None, reason: str) -> None:
        """Mapped, but not as it came: a visible remark."""
        self._remarks.append((self._at(holder, step), "altered", reason))

    def assume(self, reason: str, holder: Holder | None = None, step: Step | None = None) -> None:
        """A value that R4 demands and the source does not say: remark in the ledger, tag on the resource."""
        position = self._at(self.stu3 if holder is None else holder, step)
        self._remarks.append((position, "assumed", reason))
        self.tag(ASSUMED, reason)

    def _at(self, holder: Holder, step: Step | None = None) -> str:
        return self.reading.position(holder, step, self.stu3)

    def tag(self, system: str, code: str) -> None:
        if (system, code) not in self.tags:
            self.tags.append((system, code))

    def target_of(self, words: str) -> str | None:
        """Where a reference of this resource leads in the answer; None: nowhere."""
        if words.startswith("#") and words[1:] in self.locals:
            return words
        return self.ids.resolve(words, self.stu3)

    def inside(self, contained: dict[str, Any]) -> "Unit":
        """A contained resource that stays in this one: same account, references as seen from here."""
        return replace(self, stu3=contained)

    def commit(self, resource: str | None) -> None:
        """Write the account: losses first, so that what was taken and then dropped counts as lost."""
        account = self.reading.account
        for line in self._lines:
            account.lose(
                line.keys,
                line.disposition,
                line.reason,
                position=line.position,
                target=line.target,
                resource=resource,
            )
        account.take(self._taken)
        account.take_whole(self._whole)
        for position, disposition, reason in self._remarks:
            account.remark(position, disposition, reason)

    def fail(self, reason: str) -> None:
        """Forget everything and account the whole resource as `failed`."""
        lose_whole(self.reading, self.stu3, "failed", reason)


def lose_whole(
    reading: Reading,
    holder: Holder,
    disposition: Disposition,
    reason: str,
    *,
    target: str | None = None,
    resource: str | None = None,
) -> None:
    """One line for all that is still open under a container."""
    keys: Iterable[Key] = keys_under(holder)
    reading.account.lose(
        keys, disposition, reason, position=reading.position(holder), target=target, resource=resource
    )
