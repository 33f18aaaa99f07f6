"""What consent/ refuses loudly. Decisions never raise: malformed data is a Deny."""


class Uncomputable(ValueError):
    """A consent, agreement, pack or rule that cannot be computed, so it is not stored.

    `path` is the element (`Consent.provision.actor[0].role`), never its value.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class StaleVersion(Exception):
    """A write was based on a version that is no longer the newest."""


class AlreadySigned(Exception):
    """That organisation has already made this statement about this version."""
