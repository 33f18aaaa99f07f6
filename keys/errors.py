"""What keys/ refuses with. Messages are constant: nothing of a message, a key or a person stands in them."""


class KeyFault(Exception):
    """Our own keys are not usable: file altered or exposed, wrong KEK, algorithm missing. Refuse to start."""


class UnknownKey(Exception):
    """No such key, or not of the asked use, or not live."""


class StatementRefused(Exception):
    """A signed statement is not what its verifier expects."""


class EnvelopeRefused(Exception):
    """An envelope is refused. `reason` is a word of the closed list, for our log and metrics only."""

    REASONS = frozenset(
        (
            "framing suite limit header recipient key stanza body syntax claims issuer signature binding "
            "conversation time replay padding content compression"
        ).split()
    )

    def __init__(self, reason: str) -> None:
        if reason not in self.REASONS:
            raise ValueError("not a reason of the closed list")
        super().__init__(reason)
        self.reason = reason
