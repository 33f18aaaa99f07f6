"""How much one document may hold before nothing of it is mapped (normalisation.md 1, rule 13), and refusal.

Checked while the parser runs, so that nobody pays for more of a document than the limit.
"""

MAX_BYTES = 32 * 1024 * 1024
DEEPEST = 256
"""Elements in one another."""
MOST_ATTRIBUTES = 256
"""Of one element; declarations of namespaces aside."""


class Unreadable(ValueError):
    """Not a document that we read. The text is ours and constant; `reason` is one of `failed`."""

    reason = "unreadable"


class OverLimit(Unreadable):
    """A document that is over a limit."""

    reason = "limit"
