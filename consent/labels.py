"""How sensitive something is, from its security labels (consent.md 2): confidentiality, sensitivities,
tags.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from consent.vocabulary import (
    ACT_CODE,
    CONFIDENTIALITY,
    KNOWN_LABEL_SYSTEMS,
    LADDER,
    NORMAL,
    NOT_SENSITIVITIES,
    RESTRICTED,
    TAGS,
    VERY_RESTRICTED,
    system_name,
)

UNREADABLE = "?"
"""Stands for a sensitivity whose code cannot be read; no permit can list it."""


class Labels(msgspec.Struct, frozen=True, array_like=True):
    """`confidentiality` is an index into `vocabulary.LADDER`; the other two are sorted codes."""

    confidentiality: int
    sensitivities: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def labels_from_security(security: Any, *, tags: Iterable[str] = (), labelled: bool = True) -> Labels:
    """Labels of one `meta.security` (or the codings of inline labels).

    No confidentiality given: N if the labeller ran, else V. What cannot be read counts as the strictest.
    """
    if security is not None and not isinstance(security, (list, tuple)):
        return Labels(VERY_RESTRICTED, (), tuple(sorted(tags)))
    levels: list[int] = []
    sensitivities: set[str] = set()
    all_tags = set(tags)
    floor = 0
    for coding in security or ():
        if not isinstance(coding, Mapping):
            levels.append(VERY_RESTRICTED)
            continue
        system, code = coding.get("system"), coding.get("code")
        name = system_name(system) if isinstance(system, str) else ""
        if isinstance(code, str) and code in TAGS:
            all_tags.add(code)
        elif name == ACT_CODE:
            if not isinstance(code, str) or code not in NOT_SENSITIVITIES:
                sensitivities.add(code if isinstance(code, str) and code else UNREADABLE)
        elif name == CONFIDENTIALITY:
            levels.append(_level(code))
        if name not in KNOWN_LABEL_SYSTEMS:
            floor = RESTRICTED
    level = max(levels) if levels else (NORMAL if labelled else VERY_RESTRICTED)
    least = RESTRICTED if sensitivities else floor
    return Labels(max(level, least), tuple(sorted(sensitivities)), tuple(sorted(all_tags)))


def _level(code: Any) -> int:
    known = isinstance(code, str) and len(code) == 1 and code in LADDER
    return LADDER.index(code) if known else VERY_RESTRICTED
