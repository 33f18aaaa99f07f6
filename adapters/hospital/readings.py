"""What a coded field meant when it was read before: a feed says the same few codes and units all day long.

A reading is remembered by the text of its field and by what else its meaning depends on, and only if all that
it did was to take items: what lost or remarked one is done anew, so that every line of the ledger is made by
the mapping itself. The text stays in the memory of the process, of no more than `MOST` fields a mapping.
"""

from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from adapters.hospital.context import Context
from adapters.hospital.message import Element

MOST = 2048
P = ParamSpec("P")
T = TypeVar("T")
Read = Callable[Concatenate[Context, Element, P], T]


def remembered(read: Read[P, T]) -> Read[P, T]:
    """The same mapping of a field to JSON, which has to depend on that field and its dialect alone."""
    known: dict[Hashable, tuple[int, T]] = {}

    def recalled(context: Context, element: Element, /, *args: P.args, **more: P.kwargs) -> T:
        message = context.message
        if not element.raw or not element.segment.plain or element.left != element.said or more:
            return read(context, element, *args, **more)
        key = (element.raw, context.dialect, args)
        found = known.get(key)
        if found is not None:
            element.left ^= found[0]
            message.journal.append((element, found[0]))
            again: T = fresh(found[1])
            return again
        lines = message.account.size
        made = read(context, element, *args, **more)
        if message.account.size == lines:
            if len(known) >= MOST:
                known.clear()
            known[key] = element.said ^ element.left, fresh(made)
        return made

    update_wrapper(recalled, read)
    return recalled


def fresh(value: Any) -> Any:
    """A copy that nobody else has; texts are nobody's."""
    if type(value) is dict:
        return {name: one if type(one) is str else fresh(one) for name, one in value.items()}
    return [fresh(one) for one in value] if type(value) is list else value
