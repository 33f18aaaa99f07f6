"""What the process itself must not give away: keys are in its memory, and Python cannot wipe them."""

import resource
from contextlib import suppress


def forbid_core_dumps() -> None:
    """No crash of this process or of its children is written anywhere, also where a system pipes dumps on.

    A limit of 1 byte is too short for a file, and the one value at which Linux feeds no pipe (core(5)).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    most = 1 if hard == resource.RLIM_INFINITY or hard > 1 else hard
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (most, most))
