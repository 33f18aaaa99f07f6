"""Statements stay under the parameter limits of both databases."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
CHUNK = 500


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts small enough for the parameter limits of both databases."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
