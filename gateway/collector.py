"""Python's collector of cyclic garbage, set for a process that turns records into resources.

What is loaded by now stays: a full collection over it would stop everybody for a tenth of a second. And one
record of a megabyte is some fifty thousand containers that all live until it is done: the default, a look at
every 700th of them, finds no garbage and costs a sixth of the time of normalising. Nearly all that a node
makes is freed by reference counts; a young generation of this size holds a few megabytes at most.
"""

import gc

YOUNG = 50_000
OLDER = (20, 50)


def widen() -> None:
    """A young generation of the size of what one record makes."""
    gc.set_threshold(YOUNG, *OLDER)


def settle() -> None:
    """Once in a process that serves, when everything is loaded."""
    gc.collect()
    gc.freeze()
    widen()
