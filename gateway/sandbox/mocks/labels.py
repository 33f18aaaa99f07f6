"""Under which name each given file is told of."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gateway.sandbox.mocks.files import GivenFile


def label_files(files: Iterable[GivenFile], paths: Iterable[Path]) -> tuple[GivenFile, ...]:
    """The same files, each under a name of its own: by its folder too where two are called the same.

    Names are made printable: they go to a terminal and into JSON.
    """
    given, places = tuple(files), tuple(paths)
    names = [printable(place.name) for place in places]
    twice = {name for name in names if names.count(name) > 1}
    taken: set[str] = set()
    labelled = []
    for file, place, name in zip(given, places, names, strict=True):
        wanted = printable(f"{place.absolute().parent.name}/{place.name}") if name in twice else name
        label, number = wanted, 1
        while label in taken:
            number += 1
            label = f"{wanted} ({number})"
        taken.add(label)
        labelled.append(replace(file, name=label))
    return tuple(labelled)


def printable(name: str) -> str:
    """Without control characters and lone surrogates: a file name is the sender's to choose."""
    plain = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain)
