"""Logs: one JSON line an event on stderr, an allow-list of keys, nothing of a patient (assurance.md 4).

A key that is not listed is dropped and counted; control characters are escaped by JSON; values are cut.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "request_id", "exchange", "route", "method", "status", "duration_ms",
        "client", "source", "state", "reason", "error", "file", "line", "member", "count", "address", "port",
        "category", "intake", "dropped", "pack", "kid", "step",
    }
)  # fmt: skip
MAX_CHARS = 256


def _allow(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    dropped = [key for key in event if key not in ALLOWED]
    for key in dropped:
        del event[key]
    for key, value in event.items():
        if isinstance(value, str) and len(value) > MAX_CHARS:
            event[key] = value[:MAX_CHARS]
        elif not isinstance(value, (str, int, float, bool, type(None))):
            event[key] = type(value).__name__
    if dropped:
        event["dropped"] = len(dropped)
    return event


structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _allow,
        structlog.processors.JSONRenderer(sort_keys=True),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    cache_logger_on_first_use=False,
)

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
