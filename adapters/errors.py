"""Whose fault it is: the source's (unavailable, refused, malformed) or ours (a gap in a mapping).

The words of `args` are ours and constant: nothing that a source sent may stand in an exception
(a value in a traceback is a value in a log).
"""


class SourceError(Exception):
    """A source did not give what it was asked for. `reason` is the word of the completeness statement."""

    reason = "unreachable"


class SourceUnavailable(SourceError):
    """Could not be reached, or broke off: worth asking again later."""

    reason = "unreachable"


class SourceTimedOut(SourceUnavailable):
    """Did not answer within the deadline that it was given."""

    reason = "timed-out"


class SourceRefused(SourceError):
    """Answered, and refused us (authentication, authorisation, a 4xx that is not "unknown patient")."""

    reason = "refused"


class SourceMalformed(SourceError):
    """Answered with bytes that are not what its protocol says."""

    reason = "malformed"


class MappingGap(Exception):
    """Our defect: a mapping met a shape that it must handle and does not."""
