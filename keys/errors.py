"""What keys/ refuses with. Messages are constant: nothing of a message, a key or a person stands in them."""


class KeyFault(Exception):
    """Our own keys are not usable: file altered or exposed, wrong KEK, algorithm missing. Refuse to start."""


class NotReady(Exception):
    """We cannot judge safely now, whatever the message is: trust list expired. The caller answers 503."""


class UnknownKey(Exception):
    """No such key, or not of the asked use, or not live."""


class KeyRefused(Exception):
    """A public key from outside is malformed, weak or of a kind that we do not take (envelope.md 13)."""


class StatementRefused(Exception):
    """A signed statement is not what its verifier expects. `reason` is a word of a closed list."""

    REASONS = frozenset("syntax type algorithm issuer signature claims".split())

    def __init__(self, reason: str) -> None:
        if reason not in self.REASONS:
            raise ValueError("not a reason of the closed list")
        super().__init__(reason)
        self.reason = reason


class ProofRefused(Exception):
    """A Merkle proof, a signed note or a leaf does not hold (RFC 6962, C2SP signed-note)."""


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


class TrustRefused(Exception):
    """Metadata of the member list is not taken; the old list stays. `reason` is a word of a closed list.

    `about`: the role or file that it is about, never a value of it.
    """

    REASONS = frozenset("pin missing limit format shape signature version hash expired clock".split())

    def __init__(self, reason: str, about: str = "") -> None:
        if reason not in self.REASONS:
            raise ValueError("not a reason of the closed list")
        super().__init__(f"{reason} {about}".strip())
        self.reason = reason
        self.about = about
