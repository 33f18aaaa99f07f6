"""One closed table: what went wrong, and how it looks as HTTP status, FHIR issue, exit code and log level.

Only the edges (`api/problems.py`, the command line) render it. Texts are fixed: nothing of a request, a
patient or a source ever stands in them; `expression` names an element or a parameter, never its value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes of every command, the only table (http-api.md 7)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DENIED = 3
    NOT_AVAILABLE = 4
    CONFLICT = 5
    BAD_PROOF = 6
    PARTIAL = 7
    NOT_READY = 8
    REFUSED_TO_START = 9
    CHECK_FAILED = 10


@dataclass(frozen=True, slots=True)
class Category:
    """One row. `issue` is a FHIR IssueType code, `level` a log level name."""

    name: str
    status: int
    issue: str
    exit: Exit
    level: str
    text: str


_ROWS = (
    Category("malformed", 400, "structure", Exit.USAGE, "info", "The request could not be read."),
    Category("invalid", 400, "invalid", Exit.USAGE, "info", "A parameter or element is not valid."),
    Category("unknown_parameter", 400, "not-supported", Exit.USAGE, "info", "A parameter is not supported."),
    Category("too_costly", 400, "too-costly", Exit.USAGE, "info", "Narrow the search."),
    Category("refused", 400, "security", Exit.BAD_PROOF, "warning", "Refused."),
    Category("unauthenticated", 401, "login", Exit.DENIED, "warning", "A valid access token is required."),
    Category("forbidden", 403, "forbidden", Exit.DENIED, "warning", "This client may not do this."),
    Category("not_found", 404, "not-found", Exit.NOT_AVAILABLE, "info", "Not available."),
    Category("not_available", 404, "not-found", Exit.NOT_AVAILABLE, "info", "Not available."),
    Category("method_not_allowed", 405, "not-supported", Exit.USAGE, "info", "This interaction is not offered."),
    Category("not_acceptable", 406, "not-supported", Exit.USAGE, "info", "This format is not offered."),
    Category("unsupported_media", 415, "not-supported", Exit.USAGE, "info", "This format is not offered."),
    Category("conflict", 409, "conflict", Exit.CONFLICT, "info", "This contradicts something else; look again."),
    Category("stale", 412, "conflict", Exit.CONFLICT, "info", "The resource has changed; read it again."),
    Category("too_large", 413, "too-long", Exit.USAGE, "warning", "The request is too large."),
    Category("uri_too_long", 414, "too-long", Exit.USAGE, "warning", "The request is too large."),
    Category("headers_too_large", 431, "too-long", Exit.USAGE, "warning", "The request is too large."),
    Category(
        "uncomputable", 422, "business-rule", Exit.USAGE, "info",
        "This rule cannot be computed, so it was not stored.",
    ),
    Category("unproven", 422, "business-rule", Exit.BAD_PROOF, "warning", "This proof does not hold."),
    Category("key_reused", 422, "duplicate", Exit.CONFLICT, "warning", "This key was used for another request."),
    Category("if_match_required", 428, "required", Exit.USAGE, "info", "If-Match is required."),
    Category("throttled", 429, "throttled", Exit.NOT_READY, "warning", "Too many requests."),
    Category(
        "internal", 500, "exception", Exit.FAILED, "error",
        "Something failed here; the request id finds it.",
    ),
    Category("not_supported", 501, "not-supported", Exit.USAGE, "info", "Not offered by this version."),
    Category("unavailable", 503, "transient", Exit.NOT_READY, "error", "Not ready to exchange safely."),
    Category(
        "no_source_answered", 504, "incomplete", Exit.PARTIAL, "warning",
        "No source answered. This says nothing about the patient.",
    ),
    Category("no_store", 507, "no-store", Exit.NOT_READY, "critical", "Nothing was stored."),
)  # fmt: skip

CATEGORIES = {row.name: row for row in _ROWS}


class Problem(Exception):
    """Something that the caller is told. `expression`: element path or parameter name; `hint`: next step.

    `sources`, `statement`: where nobody answered, the rows of who was asked and the signed block of them.
    """

    def __init__(
        self,
        category: str,
        *,
        expression: str | None = None,
        hint: str | None = None,
        sources: Sequence[Mapping[str, Any]] = (),
        statement: bytes | None = None,
    ) -> None:
        self.category = CATEGORIES[category]
        self.expression = expression
        self.hint = hint
        self.sources = tuple(sources)
        self.statement = statement
        super().__init__(self.category.text)


class RefusedToStart(Exception):
    """Configuration or environment is not safe to run on: one line that names the next step (exit 9)."""
