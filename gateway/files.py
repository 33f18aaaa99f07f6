"""Files that the node trusts: whose they may be."""

from pathlib import Path

from gateway.errors import RefusedToStart


def require_unshared(path: Path) -> None:
    """What the node trusts must not be everybody's to write. Raises `RefusedToStart`."""
    try:
        shared = path.stat().st_mode & 0o002
    except OSError:
        return
    if shared:
        raise RefusedToStart(f"{path} can be written by everybody: chmod o-w {path}")
